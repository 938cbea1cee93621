"""The chat engine with its real model: answers, streams, counts, cancellation, bounds and refusals."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nova_plugin_local.chat_engine import ChatEngine, ChatSettings
from nova_plugin_local.chat_reply import assemble
from nova_plugin_local.errors import (
    EngineBusyError,
    EngineClosedError,
    EngineFailedError,
    InvalidInputError,
    PromptTooLongError,
)
from nova_plugin_local.models import find_model, locate

CHAT = find_model("smollm2-135m-instruct")
CAPITAL = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
STORY = [{"role": "user", "content": "Tell me a very long story about the sea."}]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


def body(messages: list[dict[str, Any]] = CAPITAL, **fields: Any) -> dict[str, Any]:
    return {"messages": messages, "temperature": 0, **fields}


def text_of(reply: dict[str, Any]) -> str:
    return reply["choices"][0]["message"]["content"]


@pytest.fixture
async def engine() -> AsyncIterator[ChatEngine]:
    engine = ChatEngine(CHAT, ChatSettings(context_size=1024, max_waiting=1))
    yield engine
    await engine.aclose()


async def test_answers_a_question_and_counts_what_it_read_and_wrote(engine: ChatEngine) -> None:
    assert not engine.loaded
    reply = await engine.complete(body(max_tokens=40))
    assert engine.loaded
    assert "Paris" in text_of(reply)
    assert reply["object"] == "chat.completion"
    assert reply["model"] == CHAT.name
    assert reply["choices"][0]["finish_reason"] == "stop"
    usage = reply["usage"]
    assert usage["prompt_tokens"] == await engine.count_tokens(body()) == 42
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    cut = await engine.complete(body(max_tokens=3))
    assert cut["usage"]["completion_tokens"] == 3
    assert cut["choices"][0]["finish_reason"] == "length"


async def test_a_stream_brings_the_same_answer_piece_by_piece_and_the_usage_last(engine: ChatEngine) -> None:
    whole = await engine.complete(body(max_completion_tokens=20))
    async with await engine.open_stream(body(max_tokens=20)) as stream:
        chunks = [chunk async for chunk in stream]
    assert text_of(assemble(chunks)) == text_of(whole)
    assert sum(bool(chunk["choices"] and chunk["choices"][0]["delta"].get("content")) for chunk in chunks) > 5
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]


async def test_sampling_parameters_reach_the_model(engine: ChatEngine) -> None:
    warm = {"temperature": 1.5, "max_tokens": 12}
    first, again, other = [await engine.complete(body(**warm, seed=seed)) for seed in (7, 7, 8)]
    assert text_of(first) == text_of(again) != text_of(other)
    stopped = await engine.complete(body(max_tokens=40, stop=["Paris"]))
    assert "Paris" not in text_of(stopped)
    assert stopped["choices"][0]["finish_reason"] == "stop"
    forced = await engine.complete(
        body(
            max_tokens=30,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "city", "schema": {"enum": ["Lyon", "Paris"]}},
            },
        )
    )
    assert text_of(forced) in {'"Lyon"', '"Paris"'}


@pytest.mark.parametrize("work", ["count_tokens", "complete"])
async def test_an_image_is_refused_by_its_place(engine: ChatEngine, work: str) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    said = [{"role": "system", "content": "Look."}, {"role": "user", "content": [{"type": "text", "text": "?"}, image]}]
    with pytest.raises(InvalidInputError, match="text alone") as caught:
        await getattr(engine, work)(body(said))
    assert caught.value.param == "messages[1].content[1]"


async def test_an_answer_ends_at_the_edge_of_the_window_with_the_reason_length() -> None:
    engine = ChatEngine(CHAT, ChatSettings(context_size=256))
    reply = await engine.complete(body(STORY, max_tokens=10_000, logit_bias=[["<|im_end|>", False]]))
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["total_tokens"] <= 256
    with pytest.raises(PromptTooLongError) as caught:
        await engine.complete(body([{"role": "user", "content": "sea " * 500}]))
    assert caught.value.limit == 256
    assert caught.value.tokens > 500
    await engine.aclose()


async def test_closing_a_stream_frees_the_model_at_once(engine: ChatEngine) -> None:
    stream = await engine.open_stream(body(STORY, max_tokens=900, logit_bias=[["<|im_end|>", False]]))
    await anext(stream)
    await stream.aclose()
    await stream.aclose()
    began = time.monotonic()
    assert "Paris" in text_of(await engine.complete(body(max_tokens=20)))
    assert time.monotonic() - began < 5  # 900 tokens take more than twice as long
    with pytest.raises(EngineClosedError):
        await anext(stream)


async def test_cancelling_a_call_ends_its_generation(engine: ChatEngine) -> None:
    await engine.complete(body(max_tokens=1))
    call = asyncio.create_task(engine.complete(body(STORY, max_tokens=900)))
    await asyncio.sleep(0.3)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    began = time.monotonic()
    await engine.complete(body(max_tokens=1))
    assert time.monotonic() - began < 5


async def test_calls_wait_in_a_bounded_queue_and_the_loop_stays_free(engine: ChatEngine) -> None:
    stream = await engine.open_stream(body(STORY, max_tokens=60))
    waiting = asyncio.create_task(engine.complete(body(max_tokens=20)))
    await asyncio.sleep(0.05)
    with pytest.raises(EngineBusyError) as caught:
        await engine.complete(body())
    assert caught.value.max_waiting == 1
    ticks = 0
    while not waiting.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert ticks > 10
    assert "Paris" in text_of(await waiting)
    assert [chunk async for chunk in stream][-1]["usage"]["completion_tokens"] <= 60


async def test_a_waiting_call_that_is_cancelled_leaves_the_queue(engine: ChatEngine) -> None:
    async with await engine.open_stream(body(STORY, max_tokens=200)):
        waiting = asyncio.create_task(engine.complete(body()))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        replacement = asyncio.create_task(engine.complete(body(max_tokens=20)))
        await asyncio.sleep(0)
    assert "Paris" in text_of(await replacement)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"tools": TOOLS}, "tools"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"messages": [{"role": "user", "content": "half \ud800 pair"}]}, None),
        ({"messages": [{"role": "user"}]}, None),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "bogus"}}}}, None),
    ],
)
async def test_a_request_the_model_cannot_read_is_refused(
    engine: ChatEngine, fields: dict[str, Any], param: str | None
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await engine.complete(body() | fields)
    assert caught.value.param == param


async def test_closing_the_engine_cuts_open_streams_and_refuses_later_calls() -> None:
    engine = ChatEngine(CHAT, ChatSettings(context_size=512))
    stream = await engine.open_stream(body(STORY, max_tokens=400))
    await engine.aclose()
    await engine.aclose()
    assert not engine.loaded
    with pytest.raises(EngineClosedError):
        await anext(stream)
    with pytest.raises(EngineClosedError):
        await engine.complete(body())


async def test_the_operators_own_file_is_served_by_its_path_and_asked_whether_it_knows_tools() -> None:
    model = find_model("mine", model_path=locate(CHAT)[0])
    engine = ChatEngine(model, ChatSettings(context_size=512))
    reply = await engine.complete(body(max_tokens=20))
    assert reply["model"] == "mine"
    with pytest.raises(InvalidInputError, match="template") as caught:
        await engine.complete(body(tools=TOOLS))
    assert caught.value.param == "tools"
    await engine.aclose()


async def test_a_file_that_llama_cpp_cannot_load_is_an_error_that_does_not_name_its_folder(tmp_path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    engine = ChatEngine(find_model("mine", model_path=broken))
    with pytest.raises(EngineFailedError) as caught:
        await engine.complete(body())
    assert str(tmp_path) not in str(caught.value)
    await engine.aclose()


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
async def test_loading_the_model_leaves_signals_and_standard_error_to_the_process(capfd) -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    engine = ChatEngine(CHAT, ChatSettings(context_size=256))
    try:
        await engine.complete(body(max_tokens=1))
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
        assert received == [signal.SIGTERM]
        await engine.complete(body(max_tokens=1))
    finally:
        signal.signal(signal.SIGTERM, before)
        await engine.aclose()
    assert capfd.readouterr() == ("", "")


def test_pieces_of_parallel_tool_calls_are_joined_by_index() -> None:
    def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
        return {"id": "c", "created": 1, "model": "m", "choices": [{"delta": delta, "finish_reason": finish}]}

    def piece(index: int, arguments: str, name: str | None = None) -> dict[str, Any]:
        function = {"arguments": arguments} | ({"name": name} if name else {})
        return {"index": index, "function": function} | ({"id": f"call_{index}"} if name else {})

    reply = assemble(
        [
            chunk(tool_calls=[piece(0, '{"a"', "first")]),
            chunk(tool_calls=[piece(1, "{}", "second"), piece(0, ":1}")]),
            chunk("tool_calls"),
        ]
    )
    choice = reply["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert [(call["id"], call["function"]["name"]) for call in choice["message"]["tool_calls"]] == [
        ("call_0", "first"),
        ("call_1", "second"),
    ]
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"a":1}'
