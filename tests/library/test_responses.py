"""The Responses API from Python: sync and async, whole and streamed, going on from an answer."""

from __future__ import annotations

import pytest

from nova_core import (
    BadRequestError,
    UnsupportedParamsError,
    acompact_responses,
    acount_input_tokens,
    aresponses,
    compact_responses,
    count_input_tokens,
    responses,
)
from nova_core.gateway.library import BridgedStream, SyncStream
from nova_core.gateway.objects import Answer
from nova_core.testing.upstream import ScriptedUpstream


def test_an_answer_and_one_that_goes_on_from_it() -> None:
    first = responses("echo/echo", "say hello", instructions="Be brief.", metadata={"a": "b"})
    assert isinstance(first, Answer)
    assert first.output_text == first.text == first.output[0].content[0].text
    assert "say hello" in first.output_text
    assert (first.model, first.status, first.metadata.a) == ("echo/echo", "completed", "b")
    second = responses("echo/echo", "again", previous_response_id=first.id)
    assert isinstance(second, Answer)
    assert second.previous_response_id == first.id
    with pytest.raises(BadRequestError, match="not found"):
        responses("echo/echo", "again", previous_response_id="resp_unknown")
    with pytest.raises(BadRequestError, match="input"):
        responses("echo/echo")


def test_a_stream_is_an_iterator_of_events() -> None:
    stream = responses("echo/echo", "say hello", stream=True)
    assert isinstance(stream, SyncStream)
    events = list(stream)
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert "say hello" in text
    again = responses("echo/echo", "again", previous_response_id=events[-1].response.id)
    assert isinstance(again, Answer)


async def test_it_is_asynchronous_too(upstream: ScriptedUpstream) -> None:
    upstream.script("gpt-5.1", "Hello.")
    where = {"api_base": f"{upstream.url}/v1", "api_key": "sk-upstream-1"}
    first = await aresponses("openai/gpt-5.1", "Hi", **where)
    assert isinstance(first, Answer)
    stream = await aresponses("openai/gpt-5.1", "And?", previous_response_id=first.id, stream=True, **where)
    assert isinstance(stream, BridgedStream)
    async with stream:
        types = [event.type async for event in stream]
    assert types[-1] == "response.completed"
    assert upstream.last.json["previous_response_id"] == "resp_scripted"
    assert [received.route for received in upstream.requests] == ["/v1/responses"] * 2


async def test_input_is_counted_and_compacted_where_the_provider_can(upstream: ScriptedUpstream) -> None:
    upstream.script("gpt-5.1", usage=(7, 2))
    where = {"api_base": f"{upstream.url}/v1", "api_key": "sk-upstream-1"}
    assert (await acount_input_tokens("openai/gpt-5.1", "Hi", **where)).input_tokens == 7
    compacted = await acompact_responses("openai/gpt-5.1", "Hi", **where)
    assert [received.route for received in upstream.requests] == ["/v1/responses/input_tokens", "/v1/responses/compact"]
    assert (compacted.object, compacted.usage.input_tokens) == ("response.compaction", 7)
    kept = [*compacted.model_dump()["output"], {"role": "user", "content": "Go on."}]
    with pytest.raises(UnsupportedParamsError, match=r"input\[0\]"):
        await aresponses("anthropic/claude-sonnet-4-5", kept, **where)


def test_providers_that_cannot_be_asked_are_counted_for(upstream: ScriptedUpstream) -> None:
    where = {"api_base": f"{upstream.url}/v1", "api_key": "k"}
    for model, settings in (("echo/echo", {}), ("deepseek/deepseek-chat", where)):
        short = count_input_tokens(model, "Hi", **settings)
        long = count_input_tokens(model, "Hi there, and more", instructions="Be brief.", **settings)
        assert (short.object, 0 < short.input_tokens < long.input_tokens) == ("response.input_tokens", True)
        with pytest.raises(BadRequestError, match="compaction"):
            compact_responses(model, "Hi", **settings)
    assert upstream.requests == []
