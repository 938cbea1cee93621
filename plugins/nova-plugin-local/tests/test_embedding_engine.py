"""The embedding engine with its real model: published similarities, batches, truncation, counts and refusals."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_plugin_local.bert import _gelu, load_encoder
from nova_plugin_local.embedding_engine import EmbeddingEngine, EmbeddingSettings, split_by_tokens
from nova_plugin_local.errors import (
    EngineBusyError,
    EngineClosedError,
    InvalidInputError,
    PromptTooLongError,
    WeightsDamagedError,
)
from nova_plugin_local.models import find_model

MODEL = find_model("all-minilm-l6-v2")
# The example of https://sbert.net/docs/quickstart.html, with the similarities printed there.
SENTENCES = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
SIMILARITIES = [[1.0000, 0.6660, 0.1046], [0.6660, 1.0000, 0.1411], [0.1046, 0.1411, 1.0000]]


@pytest.fixture
async def engine() -> AsyncIterator[EmbeddingEngine]:
    engine = EmbeddingEngine(MODEL, EmbeddingSettings(max_waiting=1, threads=1))
    yield engine
    await engine.aclose()


async def test_similarities_are_the_published_ones_to_the_last_digit(engine: EmbeddingEngine) -> None:
    vectors = np.array((await engine.embed(SENTENCES)).vectors)
    assert vectors.shape == (3, MODEL.dimensions)
    np.testing.assert_array_equal(np.round(vectors @ vectors.T, 4), SIMILARITIES)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


async def test_a_text_has_the_same_vector_alone_and_in_any_batch(engine: EmbeddingEngine) -> None:
    texts = [("the quick brown fox " * (index % 30 + 1)).strip() + f" {index}" for index in range(70)]
    texts += SENTENCES
    batch = await engine.embed(texts)
    for index in (0, 29, 69, 70, 72):
        alone = await engine.embed([texts[index]])
        np.testing.assert_allclose(batch.vectors[index], alone.vectors[0], atol=2e-6)
        assert batch.tokens[index] == alone.tokens[0]


async def test_counts_the_tokens_the_model_reads_and_tells_what_was_cut(engine: EmbeddingEngine) -> None:
    long = "word " * 600
    result = await engine.embed([SENTENCES[0], long, "word " * 254])
    assert result.tokens == (8, 256, 256)  # [CLS] the weather is lovely today . [SEP]
    assert result.prompt_tokens == 520
    assert result.truncated == (False, True, False)
    assert await engine.count_tokens([SENTENCES[0], long]) == (8, 602)
    np.testing.assert_allclose(result.vectors[1], result.vectors[2], atol=2e-6)
    with pytest.raises(PromptTooLongError) as caught:
        await engine.embed([long], truncate=False)
    assert (caught.value.tokens, caught.value.limit) == (602, 256)


async def test_the_adapters_give_the_genuine_vectors_of_the_shared_weights(engine: EmbeddingEngine) -> None:
    retrieval = EmbeddingEngine(find_model("all-minilm-l6-v2:retrieval"))
    assert (await retrieval.embed(SENTENCES)).vectors == (await engine.embed(SENTENCES)).vectors
    await retrieval.aclose()


async def test_other_dimensions_and_empty_input_are_refused(engine: EmbeddingEngine) -> None:
    assert len((await engine.embed(["x"], dimensions=384)).vectors[0]) == 384
    with pytest.raises(InvalidInputError) as caught:
        await engine.embed(["x"], dimensions=128)
    assert caught.value.param == "dimensions"
    for texts in ([], [""], ["x", ""]):
        with pytest.raises(InvalidInputError) as caught:
            await engine.embed(texts)
        assert caught.value.param == "input"


async def test_any_characters_give_finite_vectors(engine: EmbeddingEngine) -> None:
    result = await engine.embed(["\x00", " ", "日本語 🦊", "é" * 300, "\u202e\ufeff"])
    assert np.isfinite(np.array(result.vectors)).all()


async def test_calls_wait_in_a_bounded_queue_and_the_loop_stays_free(engine: EmbeddingEngine) -> None:
    await engine.embed(["warm"])
    calls = [asyncio.create_task(engine.embed(["word " * 250] * 8)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(EngineBusyError):
        await engine.embed(["one too many"])
    ticks = 0
    while not all(call.done() for call in calls):
        await asyncio.sleep(0.01)
        ticks += 1
    assert ticks > 10
    assert {len(call.result().vectors) for call in calls} == {8}


async def test_closing_frees_the_model_and_refuses_later_calls() -> None:
    engine = EmbeddingEngine(MODEL)
    await engine.embed(["x"])
    assert engine.loaded
    await engine.aclose()
    assert not engine.loaded
    with pytest.raises(EngineClosedError):
        await engine.embed(["x"])


def test_a_file_without_the_tensors_of_an_encoder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes((2).to_bytes(8, "little") + b"{}")
    with pytest.raises(WeightsDamagedError, match=r"model\.safetensors"):
        load_encoder(file)


@given(st.lists(st.floats(-12, 12, width=32), min_size=1, max_size=50))
def test_the_activation_is_the_exact_one_to_the_precision_of_float32(values: list[float]) -> None:
    exact = [value / 2 * (1 + math.erf(value / math.sqrt(2))) for value in values]
    np.testing.assert_allclose(_gelu(np.array(values, dtype=np.float32)), exact, atol=2e-6)


@given(st.lists(st.integers(1, 256), max_size=200), st.integers(256, 4096))
def test_pieces_hold_each_text_once_and_stay_within_the_limit(lengths: list[int], limit: int) -> None:
    pieces = split_by_tokens(lengths, limit)
    assert sorted(index for piece in pieces for index in piece) == list(range(len(lengths)))
    assert all(len(piece) * max(lengths[index] for index in piece) <= limit for piece in pieces)
