"""The Responses API from Python: sync and async, whole and streamed, going on from an answer."""

from __future__ import annotations

import pytest

from nova_core import BadRequestError, NotFoundError, aresponses, responses
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
    with pytest.raises(NotFoundError):
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
