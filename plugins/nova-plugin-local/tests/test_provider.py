"""Local models through the whole gateway: the quickstart, translated callers, refusals, errors."""

from __future__ import annotations

import base64
import json
import struct
import threading
from pathlib import Path
from typing import Any

import pytest

from nova_core.errors import (
    BadRequestError,
    ConfigurationError,
    ContextWindowExceededError,
    InternalServerError,
    ModelNotFoundError,
    NovaError,
    RateLimitedError,
    StreamBrokenError,
    UnsupportedParamsError,
)
from nova_core.testing.caller import GatewayCaller
from nova_core.types.call import CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_plugin_local import LocalProvider
from nova_plugin_local import errors as engine_errors
from nova_plugin_local.gateway_errors import gateway_error

QUICKSTART = Path(__file__).resolve().parents[3] / "examples" / "quickstart.yaml"
CHAT, CAPITAL = "smollm2-135m-instruct", "What is the capital of France? Answer in one word."


@pytest.fixture
async def quickstart(gateway) -> GatewayCaller:
    return await gateway(QUICKSTART.read_text(encoding="utf-8"))


async def embed(caller: GatewayCaller, input: Any = "hello", model: str = "all-minilm-l6-v2", **members: Any) -> Reply:
    body = {"model": model, "input": input, **members}
    reply = await caller.answer(body, operation="embedding", dialect=OPENAI_EMBEDDINGS)
    assert isinstance(reply, Reply)
    return reply


async def test_the_quickstart_chats_plain_streamed_and_by_its_alias(quickstart):
    plain = await quickstart.chat("local-chat", CAPITAL, temperature=0, max_tokens=40)
    assert "Paris" in plain.text
    assert plain.usage is not None
    assert plain.usage.input_total == 42
    pieces = [piece async for piece in quickstart.stream(CHAT, CAPITAL, temperature=0, max_tokens=40)]
    assert "Paris" in b"".join(pieces).decode()
    assert b'"usage"' not in b"".join(pieces)
    assert b"".join(pieces).endswith(b"data: [DONE]\n\n")
    assert quickstart.last.usage.total == plain.usage.total


async def test_usage_ends_a_stream_for_who_asks_for_it(quickstart):
    options = {"include_usage": True}
    pieces = [piece async for piece in quickstart.stream(CHAT, CAPITAL, max_tokens=3, stream_options=options)]
    chunks = [json.loads(line[6:]) for line in b"".join(pieces).split(b"\n\n") if line.startswith(b"data: {")]
    assert chunks[-1]["usage"]["prompt_tokens"] == 42
    assert chunks[-1]["choices"] == []


async def test_messages_callers_are_served_and_counted_by_the_same_model(quickstart):
    body = {"model": CHAT, "max_tokens": 40, "temperature": 0, "messages": [{"role": "user", "content": CAPITAL}]}
    reply = await quickstart.answer(body, dialect=ANTHROPIC_MESSAGES)
    assert "Paris" in reply.get("content")[0]["text"]
    assert reply.get("usage")["input_tokens"] == 42
    counted = await quickstart.answer(body, operation="count_tokens", dialect=ANTHROPIC_COUNT_TOKENS)
    assert counted.get("input_tokens") == 42


async def test_completions_are_served_through_chat(quickstart):
    body = {"model": CHAT, "prompt": CAPITAL, "temperature": 0, "max_tokens": 40}
    reply = await quickstart.answer(body, operation="completion", dialect=OPENAI_COMPLETIONS)
    assert "Paris" in reply.get("choices")[0]["text"]


async def test_what_the_model_cannot_do_is_refused_by_name_or_dropped_and_named(quickstart):
    with pytest.raises(UnsupportedParamsError) as refused:
        await quickstart.chat(CHAT, "Hi", n=2)
    assert refused.value.param == "n"
    with pytest.raises(UnsupportedParamsError, match="tools"):
        await quickstart.chat(CHAT, "Hi", tools=[{"type": "function", "function": {"name": "f"}}])
    await quickstart.chat(CHAT, "Hi", n=2, user="u", max_tokens=3, options=CallOptions(drop_params=True))
    assert set(quickstart.last.fidelity.dropped) == {"n", "user"}
    await quickstart.chat(CHAT, "Hi", n=1, user="u", max_tokens=3)


async def test_marks_of_prompt_caching_are_left_out_and_named(quickstart):
    part = {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}
    await quickstart.chat(CHAT, [{"role": "user", "content": [part]}], max_tokens=3)
    assert quickstart.last.fidelity.dropped == ("messages[0].content[0].cache_control",)


async def test_a_prompt_that_is_too_long_says_so(gateway):
    config = {"model_list": [{"model_name": "small", "params": {"model": f"local/{CHAT}", "context_size": 256}}]}
    caller = await gateway(config)
    with pytest.raises(ContextWindowExceededError) as refused:
        await caller.chat("small", "word " * 400)
    assert (refused.value.status, refused.value.code) == (400, "context_length_exceeded")


async def test_embeddings_as_floats_and_base64_are_the_same(quickstart):
    floats = (await embed(quickstart, ["one", {"text": "two"}])).get("data")
    coded = (await embed(quickstart, ["one", "two"], encoding_format="base64")).get("data")
    for plain, packed in zip(floats, coded, strict=True):
        numbers = struct.unpack("<384f", base64.b64decode(packed["embedding"]))
        assert list(numbers) == pytest.approx(plain["embedding"], abs=1e-6)
    assert [datum["index"] for datum in floats] == [0, 1]


@pytest.mark.parametrize("task", ["retrieval.query", "text-matching", "code"])
async def test_tasks_of_the_nova_group_reach_their_deployment_and_space(quickstart, task):
    await embed(quickstart, model="nova-embeddings-v1", task=task)
    adapter = task.partition(".")[0]
    assert quickstart.last.deployment.id == f"nova-embeddings-{adapter}"
    assert quickstart.last.space.name == f"all-minilm-l6-v2+{adapter}/pooled"


async def test_a_mixed_batch_of_the_nova_group_is_merged(quickstart):
    items = [{"text": "a", "task": "code"}, {"text": "b", "task": "retrieval"}, {"text": "c", "task": "code"}]
    reply = await embed(quickstart, items, model="nova-embeddings-v1")
    assert [datum["index"] for datum in reply.get("data")] == [0, 1, 2]
    alone = await embed(quickstart, "b")
    assert reply.get("data")[1]["embedding"] == pytest.approx(alone.get("data")[0]["embedding"], abs=1e-5)


@pytest.mark.parametrize(
    ("members", "error", "param"),
    [
        ({"dimensions": 128}, BadRequestError, "dimensions"),
        ({"return_multivector": True}, UnsupportedParamsError, "return_multivector"),
        ({"instructions": "as a lawyer"}, UnsupportedParamsError, "instructions"),
        ({"adapter": "code"}, BadRequestError, "adapter"),
        ({"input": [1, 2, 3]}, BadRequestError, "input"),
        ({"input": ["a", {"image": "x"}]}, BadRequestError, "input[1].image"),
        ({"input": ["a", {"task": "code"}]}, BadRequestError, "input[1].text"),
        ({"input": "word " * 300}, ContextWindowExceededError, None),
        ({"truncate": "yes"}, BadRequestError, "truncate"),
        ({"model": CHAT}, BadRequestError, "model"),
    ],
)
async def test_what_the_encoder_cannot_do_is_refused(quickstart, members, error, param):
    with pytest.raises(error) as refused:
        await embed(quickstart, **{"input": "a", **members})
    assert refused.value.param == param


async def test_what_means_nothing_to_the_encoder_is_taken(quickstart):
    await embed(quickstart, return_multivector=False, dimensions=384, input_type="search_query", user="u")
    long = await embed(quickstart, "word " * 300, truncate=True)
    assert long.get("usage")["prompt_tokens"] == 256


def deployment(model: str, **settings: Any) -> Deployment:
    return Deployment(id="d", group="g", provider="local", model=model, settings=settings)


def test_a_model_that_is_not_there_is_known_at_start():
    provider = LocalProvider()
    with pytest.raises(ConfigurationError, match="there are: smollm2"):
        provider.complete(deployment("gpt-4o"), {})
    with pytest.raises(ConfigurationError, match="no file is there"):
        provider.complete(deployment("mine", model_path="/nowhere/model.gguf"), {})
    with pytest.raises(ConfigurationError, match="context_size"):
        provider.complete(deployment(CHAT, context_size="big"), {})


async def test_an_unknown_name_under_a_wildcard_is_unknown_to_the_caller(gateway):
    caller = await gateway({"model_list": [{"model_name": "local/*", "params": {"model": "local/*"}}]})
    with pytest.raises(ModelNotFoundError, match="no local model is called 'nothing'"):
        await caller.chat("local/nothing")
    assert len((await caller.embed("local/all-minilm-l6-v2", "a")).data) == 1


def test_models_and_operations_are_told_apart():
    provider = LocalProvider()
    assert {(card.id, card.mode) for card in provider.models()} == {
        (f"local/{CHAT}", "chat"),
        ("local/all-minilm-l6-v2", "embedding"),
    }
    assert provider.operations("all-minilm-l6-v2:code") == {"embedding"}
    assert "count_tokens" in provider.operations(CHAT)


@pytest.mark.parametrize(
    ("raised", "expected", "status"),
    [
        (engine_errors.EngineBusyError(3), RateLimitedError, 429),
        (engine_errors.EngineClosedError("closed"), StreamBrokenError, 502),
        (engine_errors.EngineFailedError("broke"), InternalServerError, 500),
        (engine_errors.WeightsNotFoundError("m", "run: pip"), ConfigurationError, 500),
        (engine_errors.WeightsDamagedError("damaged"), ConfigurationError, 500),
        (engine_errors.InvalidInputError("bad", "messages"), BadRequestError, 400),
    ],
)
def test_each_error_of_an_engine_has_its_error_of_the_gateway(raised, expected, status):
    error: NovaError = gateway_error(raised)
    assert type(error) is expected
    assert error.status == status
    assert (error.retry_after == 1.0) is (expected is RateLimitedError)


def engine_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("nova-local-embed")]


async def test_engines_end_with_the_gateway(gateway):
    before = len(engine_threads())
    caller = await gateway(QUICKSTART.read_text(encoding="utf-8"))
    await embed(caller)
    await embed(caller, model="nova-embeddings-v1", task="code")
    assert len(engine_threads()) == before + 1
    await caller.gateway.stop()
    assert len(engine_threads()) == before
