"""What `make serve` starts: local models, no key, the official clients."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterator
from pathlib import Path

import anthropic
import openai
import pytest

from nova_core.testing.server_process import ServerProcess

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.yaml"
CHAT = "smollm2-135m-instruct"
EMBEDDING = "all-minilm-l6-v2"
QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
SENTENCES = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]


@pytest.fixture(scope="module")
def nova(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess.serving(QUICKSTART.read_text(), tmp_path_factory.mktemp("nova"))
    yield process
    process.stop()


@pytest.fixture(scope="module")
def client(nova: ServerProcess) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{nova.base_url}/v1", api_key="not needed", max_retries=0)


@pytest.fixture(scope="module")
def claude(nova: ServerProcess) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=nova.base_url, api_key="not needed", max_retries=0)


def cosine(a: list[float], b: list[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True)) / math.dist(a, [0] * len(a)) / math.dist(b, [0] * len(b))


def prompt_tokens(usage: anthropic.types.Usage) -> int:
    """All prompt tokens: this API states those read from a cache apart."""
    return usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)


def test_chat_answers(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model=CHAT, messages=QUESTION, temperature=0, max_tokens=20)  # type: ignore[arg-type]
    assert "Paris" in (reply.choices[0].message.content or "")
    assert reply.model == CHAT
    assert reply.usage is not None
    assert reply.usage.prompt_tokens > 10 and 0 < reply.usage.completion_tokens <= 20


def test_streamed_chat_says_the_same_as_the_whole_answer(client: openai.OpenAI) -> None:
    options = {"model": CHAT, "messages": QUESTION, "temperature": 0, "max_tokens": 20}
    whole = client.chat.completions.create(**options)  # type: ignore[call-overload]
    chunks = list(
        client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True})  # type: ignore[call-overload]
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage is not None
    # The second prompt comes from the model's prompt cache, so only the totals must agree.
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens


def test_embeddings_as_floats_and_as_base64_are_the_same_and_mean_something(client: openai.OpenAI) -> None:
    floats = client.embeddings.create(model=EMBEDDING, input=SENTENCES, encoding_format="float")
    packed = client.embeddings.with_raw_response.create(model=EMBEDDING, input=SENTENCES, encoding_format="base64")
    vectors = [vector.embedding for vector in floats.data]
    for vector, item in zip(vectors, packed.http_response.json()["data"], strict=True):
        assert len(vector) == 384
        assert list(struct.unpack("<384f", base64.b64decode(item["embedding"]))) == pytest.approx(vector, abs=1e-6)
    # The similarities that the model's authors publish for these sentences.
    assert cosine(vectors[0], vectors[1]) == pytest.approx(0.6660, abs=2e-3)
    assert cosine(vectors[0], vectors[2]) == pytest.approx(0.1046, abs=2e-3)


def test_the_messages_api_answers_plain_and_streamed_on_the_same_model(claude: anthropic.Anthropic) -> None:
    options = {"model": CHAT, "messages": QUESTION, "max_tokens": 20, "extra_body": {"temperature": 0}}
    whole = claude.messages.create(**options)  # type: ignore[call-overload]
    assert "Paris" in whole.content[0].text
    assert prompt_tokens(whole.usage) > 10
    with claude.messages.stream(**options) as stream:  # type: ignore[arg-type]
        assert "".join(stream.text_stream) == whole.content[0].text
        final = stream.get_final_message()
    assert final.stop_reason == whole.stop_reason
    assert prompt_tokens(final.usage) == prompt_tokens(whole.usage)
    assert final.usage.output_tokens == whole.usage.output_tokens


def test_tokens_of_a_message_are_counted(claude: anthropic.Anthropic) -> None:
    counted = claude.messages.count_tokens(model=CHAT, messages=QUESTION)  # type: ignore[arg-type]
    whole = claude.messages.create(model=CHAT, messages=QUESTION, max_tokens=1)  # type: ignore[arg-type]
    assert counted.input_tokens == prompt_tokens(whole.usage)


@pytest.mark.parametrize("task", ["retrieval.query", "text-matching", "code"])
def test_the_nova_group_is_routed_by_task(client: openai.OpenAI, task: str) -> None:
    raw = client.embeddings.with_raw_response.create(
        model="nova-embeddings-v1", input="def f(): pass", encoding_format="float", extra_body={"task": task}
    )
    assert task.split(".")[0] in raw.headers["x-nova-embedding-space"]
    assert len(raw.parse().data[0].embedding) == 384


def test_the_models_are_listed(client: openai.OpenAI) -> None:
    assert {CHAT, EMBEDDING, "nova-embeddings-v1"} <= {model.id for model in client.models.list()}
