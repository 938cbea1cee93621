"""OpenAI's client over a WebSocket: conversations, lanes, what is remembered, and what goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import OpenAI
from openai.resources.responses.responses import AsyncResponsesConnection
from openai.types.responses import Response
from openai.types.responses.responses_server_event import ResponsesServerEvent
from pydantic import TypeAdapter

from nova_core.server import response_socket, running
from nova_core.server.response_socket import ResponseSockets
from nova_core.testing import ScriptedUpstream
from nova_core.types.call import CallRecord
from tests.server.conftest import MASTER
from tests.server.live import Live, live, model, runtime_from, until

EVENT = TypeAdapter[Any](ResponsesServerEvent)
NATIVE, TRANSLATED = "gpt", "chat"
EVERY = pytest.mark.parametrize("name", [NATIVE, TRANSLATED])
WEATHER: Any = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}
KEYS = {"master_key": MASTER, "keys": [{"key": "sk-limited", "name": "limited", "models": ["gpt"]}]}


def settings(upstream: ScriptedUpstream, **general: Any) -> dict[str, Any]:
    return {
        "model_list": [
            {"model_name": "echo", "litellm_params": {"model": "echo/echo"}},
            model("gpt", upstream.url),
            model("chat", upstream.url, use_chat_completions_api=True),
        ],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "general_settings": {"limits": {"body_mb": 0.05, "drain_seconds": 5}, **general},
    }


@pytest.fixture
async def served(upstream: ScriptedUpstream) -> AsyncIterator[Live]:
    async with live(settings(upstream)) as gateway:
        yield gateway


@pytest.fixture
async def guarded(upstream: ScriptedUpstream) -> AsyncIterator[Live]:
    async with live(settings(upstream, **KEYS)) as gateway:
        yield gateway


@asynccontextmanager
async def connected(served: Live, key: str = "any") -> AsyncIterator[AsyncResponsesConnection]:
    async with served.openai(api_key=key).responses.connect() as connection:
        yield connection


async def next_event(connection: AsyncResponsesConnection) -> Any:
    async with asyncio.timeout(5):
        return EVENT.validate_json(await connection.recv_bytes())


async def until_end(connection: AsyncResponsesConnection, *ends: str) -> list[Any]:
    events = [await next_event(connection)]
    while events[-1].type not in (ends or ("response.completed", "response.failed", "response.incomplete", "error")):
        events.append(await next_event(connection))
    return events


async def ask(connection: AsyncResponsesConnection, name: str, given: Any, **more: Any) -> Response:
    await connection.send({"type": "response.create", "model": name, "input": given, **more})
    last = (await until_end(connection))[-1]
    assert last.type == "response.completed", last
    return last.response


async def refused(connection: AsyncResponsesConnection, **message: Any) -> Any:
    await connection.send_raw(json.dumps({"type": "response.create", **message}))
    last = (await until_end(connection))[-1]
    assert last.type == "error", last
    return last


@EVERY
async def test_a_conversation_with_tools_goes_on_although_nothing_is_stored(
    name: str, served: Live, upstream: ScriptedUpstream
) -> None:
    upstream.script(name, tool_calls=[("weather", {"city": "Rome"})]).script(name, "It is sunny.")
    async with connected(served) as connection:
        first = await ask(connection, name, "Weather in Rome?", tools=[WEATHER], store=False)
        (called,) = [item for item in first.output if item.type == "function_call"]
        result: Any = {"type": "function_call_output", "call_id": called.call_id, "output": "sunny"}
        more: Any = {"tools": [WEATHER], "store": False, "previous_response_id": first.id}
        second = await ask(connection, name, [result], **more)
        assert second.output_text == "It is sunny."
        assert second.previous_response_id == first.id
        third = await ask(connection, name, "Thanks!", store=False, previous_response_id=second.id)
        assert third.previous_response_id == second.id
    sent = upstream.last.json
    assert sent["model"] == name
    if name == NATIVE:
        assert "previous_response_id" not in sent
        assert sent["store"] is False
        kinds = [item.get("type") or item["role"] for item in sent["input"]]
        assert kinds == ["user", "function_call", "function_call_output", "message", "user"]
    else:
        roles = [message["role"] for message in sent["messages"]]
        assert roles == ["user", "assistant", "tool", "assistant", "user"]
        assert sent["messages"][2]["content"] == "sunny"


async def test_the_synchronous_client_asks_turn_by_turn(guarded: Live, upstream: ScriptedUpstream) -> None:
    def converse() -> Any:
        client = OpenAI(base_url=f"{guarded.url}/openai/v1", api_key="sk-limited", max_retries=0)
        with client, client.responses.connect() as connection:
            previous = None
            for text in ("one", "two"):
                connection.response.create(model=NATIVE, input=text, store=False, previous_response_id=previous)
                for event in connection:
                    if event.type == "response.completed":
                        previous = event.response.id
                        break
            connection.response.create(model="echo", input="x")
            return connection.recv()

    error = await asyncio.to_thread(converse)
    assert (error.type, error.status, error.error.type) == ("error", 403, "permission_error")
    texts = [item["content"] for item in upstream.requests[1].json["input"] if item.get("role") == "user"]
    assert texts == ["one", "two"]


async def test_what_is_stored_is_gone_on_from_where_it_is_kept(served: Live, upstream: ScriptedUpstream) -> None:
    async with connected(served) as connection:
        first = await ask(connection, NATIVE, "one")
        second = await ask(connection, NATIVE, "two", store=False, previous_response_id=first.id)
        assert upstream.last.json["previous_response_id"] == "resp_scripted"
        await ask(connection, NATIVE, "three", store=False, previous_response_id=second.id)
        kept, said = upstream.last.json["previous_response_id"], upstream.last.json["input"]
        assert (kept, len(said)) == ("resp_scripted", 3)
    async with connected(served) as another:
        kept_here = await ask(another, TRANSLATED, "four")
        async with served.openai() as client:
            assert (await client.responses.retrieve(kept_here.id)).output_text == kept_here.output_text


async def test_thoughts_are_asked_for_in_a_form_that_can_be_given_back(
    served: Live, upstream: ScriptedUpstream
) -> None:
    upstream.script(NATIVE, tool_calls=[("weather", {})]).script(NATIVE, "Fine.", thought="Hm.").script(NATIVE, "Yes.")
    async with connected(served) as connection:
        first = await ask(connection, NATIVE, "one", store=False, tools=[WEATHER])
        assert "include" not in upstream.last.json
        more: Any = {"store": False, "reasoning": {"effort": "low"}}
        second = await ask(connection, NATIVE, "two", previous_response_id=first.id, **more)
        assert upstream.last.json["include"] == ["reasoning.encrypted_content"]
        await ask(connection, NATIVE, "three", previous_response_id=second.id, **more)
        assert [item for item in upstream.last.json["input"] if item.get("type") == "reasoning"]


@EVERY
async def test_lanes_run_at_once_and_their_requests_in_order(
    name: str, served: Live, upstream: ScriptedUpstream
) -> None:
    upstream.script(name, "slow", delay=0.3).script(name, "quick")
    async with connected(served) as connection:
        create: Any = {"type": "response.create", "model": name, "store": False}
        await connection.send({**create, "input": "1", "stream_id": "slow"})
        await upstream.until(lambda it: len(it.requests) == 1)
        await connection.send({**create, "input": "2", "stream_id": "slow"})
        await connection.send({**create, "input": "3", "stream_id": "quick.lane"})
        await connection.send({**create, "input": "4"})
        events: list[Any] = []
        while sum(event.type == "response.completed" for event in events) < 4:
            events.append(await next_event(connection))
    lanes = [event.stream_id for event in events if event.type == "response.completed"]
    assert sorted(lanes[:2], key=str) == [None, "quick.lane"]
    assert lanes[2:] == ["slow", "slow"]
    of_slow = [event.type for event in events if event.stream_id == "slow"]
    assert of_slow.index("response.completed") < len(of_slow) - 1 - of_slow[::-1].index("response.created")


async def test_a_conversation_is_forked_into_another_lane(served: Live, upstream: ScriptedUpstream) -> None:
    async with connected(served) as connection:
        first = await ask(connection, TRANSLATED, "one", store=False)
        upstream.script(TRANSLATED, status=400, message="no").script(TRANSLATED, "fine")
        failed = await refused(connection, model=TRANSLATED, input="2", stream_id="b", previous_response_id=first.id)
        assert (failed.status, failed.stream_id) == (400, "b")
        forked = await ask(connection, TRANSLATED, "2", store=False, stream_id="b", previous_response_id=first.id)
        on: Any = {"store": False, "previous_response_id": first.id}
        await ask(connection, TRANSLATED, "3", **on)
        gone = await refused(connection, model=TRANSLATED, input="4", **on)
        assert (gone.status, gone.error.code) == (400, "previous_response_not_found")
        assert gone.error.param == "previous_response_id"
        await ask(connection, TRANSLATED, "5", store=False, stream_id="b", previous_response_id=forked.id)


@EVERY
async def test_a_failed_turn_forgets_what_it_went_on_from(name: str, served: Live, upstream: ScriptedUpstream) -> None:
    upstream.script(name, "one").script(name, status=500, message="broken").script(name, "two")
    async with connected(served) as connection:
        first = await ask(connection, name, "1", store=False)
        more: Any = {"model": name, "input": "2", "store": False, "previous_response_id": first.id}
        assert (await refused(connection, **more)).status == 500
        assert (await refused(connection, **more)).error.code == "previous_response_not_found"
        assert (await refused(connection, **{**more, "previous_response_id": "resp_x"})).status == 400
        assert len(upstream.requests) == 2
    async with connected(served) as another:
        unknown = await refused(another, model="chat", input="2", store=False, previous_response_id="resp_none")
        assert unknown.error.code == "previous_response_not_found"


async def test_what_there_was_no_room_for_is_not_remembered(upstream: ScriptedUpstream) -> None:
    config = settings(upstream, responses={"memory_mb": 0.0002})
    async with live(config) as served, connected(served) as connection:
        first = await ask(connection, NATIVE, "x" * 300, store=False)
        more: Any = {"model": NATIVE, "input": "2", "store": False, "previous_response_id": first.id}
        assert (await refused(connection, **more)).error.code == "previous_response_not_found"


@EVERY
async def test_a_warm_up_asks_nobody_and_can_be_gone_on_from(
    name: str, guarded: Live, upstream: ScriptedUpstream
) -> None:
    async with connected(guarded, MASTER) as connection:
        await connection.send({"type": "response.create", "model": name, "input": "Be brief.", "generate": False})
        events = await until_end(connection)
        assert [event.type for event in events] == ["response.created", "response.in_progress", "response.completed"]
        warm = events[-1].response
        assert (warm.output, warm.model, upstream.requests) == ([], name, [])
        second = await ask(connection, name, "Hi", previous_response_id=warm.id)
        assert second.previous_response_id == warm.id
        sent = upstream.last.json.get("input") or upstream.last.json["messages"]
        assert [item["content"] for item in sent] == ["Be brief.", "Hi"]
        assert (await refused(connection, model="none", input="x", generate=False)).error.code == "model_not_found"
    async with connected(guarded, "sk-limited") as connection:
        assert (await refused(connection, model="chat", input="x", generate=False)).status == 403


BAD: dict[str, tuple[str | bytes, int, str, str | None]] = {
    "no JSON": ("hello", 400, "invalid_json", None),
    "no object": ("[1]", 400, "invalid_json", None),
    "binary": (b"{}", 400, "invalid_json", None),
    "too deep": ('{"a":' * 200 + "1" + "}" * 200, 400, "invalid_json", None),
    "too big": (json.dumps({"type": "response.create", "input": "x" * 60_000}), 413, "request_too_large", None),
    "another event": ('{"type": "response.cancel"}', 400, "unsupported_event_type", "type"),
    "a bad stream": ('{"type": "response.create", "stream_id": "a b"}', 400, "invalid_stream_id", "stream_id"),
    "an empty stream": ('{"type": "response.create", "stream_id": ""}', 400, "invalid_stream_id", "stream_id"),
    "no model": ('{"type": "response.create", "input": "x"}', 400, "400", "model"),
    "a bad input": ('{"type": "response.create", "model": "echo", "input": 7}', 400, "400", "input"),
    "a bad flag": ('{"type": "response.create", "model": "echo", "input": "x", "generate": 1}', 400, "400", "generate"),
    "background": (
        '{"type": "response.create", "model": "echo", "input": "x", "background": true}',
        400, "unsupported_parameter", "background",
    ),
    "an unknown model": ('{"type": "response.create", "model": "none", "input": "x"}', 404, "model_not_found", "model"),
}  # fmt: skip


async def test_what_cannot_be_served_is_an_error_event_and_the_connection_stays(served: Live) -> None:
    async with connected(served) as connection:
        for said, (message, status, code, param) in BAD.items():
            await connection.send_raw(message)
            error = await next_event(connection)
            assert (error.type, error.status, error.error.code, error.error.param) == ("error", status, code, param), (
                said
            )
            assert error.stream_id is None
            assert error.error.message
            assert error.error.headers["x-nova-call-id"]
        assert (await ask(connection, "echo", "still here")).output_text == "still here"


async def test_steering_is_refused_with_its_input(served: Live) -> None:
    async with connected(served) as connection:
        await connection.send({"type": "response.steer", "previous_response_id": "resp_1", "input": "left!"})
        event = await next_event(connection)
        assert (event.type, event.error.code) == ("response.steer.failed", "steering_not_supported")
        assert (event.steer.input, event.steer.previous_response_id) == ("left!", "resp_1")


async def test_a_stream_that_breaks_ends_with_one_event(served: Live, upstream: ScriptedUpstream) -> None:
    upstream.script(NATIVE, stream=["a ", "b ", "c "], half_stream=True)
    async with connected(served) as connection:
        await connection.send({"type": "response.create", "model": NATIVE, "input": "x", "stream_id": "s"})
        last = (await until_end(connection))[-1]
        assert (last.type, last.stream_id, last.response.status) == ("response.failed", "s", "failed")
        assert (await ask(connection, "echo", "hello", stream_id="s")).output_text == "hello"


async def test_streams_and_waiting_requests_are_bounded(
    served: Live, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_socket, "MOST_WAITING", 2)
    monkeypatch.setattr(response_socket, "MOST_LANES", 3)
    upstream.script(NATIVE, "slow", delay=0.2)
    async with connected(served) as connection:
        for lane in range(3):
            assert await ask(connection, "echo", "x", stream_id=f"lane-{lane}")
        one_more = await refused(connection, model="echo", input="x", stream_id="one-more")
        assert (one_more.status, one_more.stream_id, one_more.error.param) == (400, "one-more", "stream_id")
        assert one_more.error.code == "websocket_stream_limit_reached"
        for _ in range(4):
            await connection.send({"type": "response.create", "model": NATIVE, "input": "x"})
            await upstream.until(lambda it: it.requests)
        first = await next_event(connection)
        assert (first.type, first.status, first.error.code) == ("error", 429, "rate_limit_exceeded")
        done = [await until_end(connection) for _ in range(3)]
        assert [events[-1].type for events in done] == ["response.completed"] * 3


async def test_leaving_closes_the_upstream_and_is_accounted_for(served: Live, upstream: ScriptedUpstream) -> None:
    records: list[CallRecord] = []
    served.gateway.watchers.append(records.append)
    upstream.script(NATIVE, stream=["word "] * 500, gap=0.05).script(TRANSLATED, delay=20.0)
    async with connected(served) as connection:
        create: Any = {"type": "response.create", "input": "x"}
        await connection.send({**create, "model": NATIVE, "stream_id": "a"})
        await connection.send({**create, "model": TRANSLATED, "stream_id": "b"})
        await until_end(connection, "response.output_text.delta")
        await upstream.until(lambda it: len(it.requests) == 2)
    await upstream.until(lambda it: len(it.disconnects) == 2, seconds=2.0)
    await until(lambda: len(records) == 2)
    assert {record.status for record in records} == {499}
    assert len({record.call.id for record in records}) == 2
    assert served.gateway.in_flight == 0


async def test_a_key_is_asked_for_with_every_request(
    guarded: Live, upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(guarded, "sk-limited") as connection:
        first = await ask(connection, NATIVE, "x", store=False)
        await guarded.gateway.reload(runtime_from(settings(upstream, master_key=MASTER)))
        revoked = await refused(connection, model=NATIVE, input="x", stream_id="a")
        assert (revoked.status, revoked.stream_id) == (401, "a")
        await guarded.gateway.reload(runtime_from(settings(upstream, **KEYS)))
        assert await ask(connection, NATIVE, "y", store=False, previous_response_id=first.id)
    assert "sk-limited" not in caplog.text


async def test_a_connection_ends_after_its_time(upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ResponseSockets, "most_seconds", 0.2)
    upstream.script(NATIVE, "slow", delay=0.4)
    async with live(settings(upstream)) as served, connected(served) as connection:
        assert await ask(connection, NATIVE, "what began is finished")
        error = await next_event(connection)
        assert (error.type, error.error.code) == ("error", "websocket_connection_limit_reached")
        with pytest.raises(Exception, match="1000"):
            await next_event(connection)


async def test_an_idle_connection_ends_when_the_process_does_and_a_busy_one_after_its_answer(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "ANSWERED_SECONDS", 0.1)
    upstream.script(NATIVE, "slow", delay=0.5)
    async with live(settings(upstream)) as served, connected(served) as idle, connected(served) as busy:
        await busy.send({"type": "response.create", "model": NATIVE, "input": "x"})
        await upstream.until(lambda it: it.requests)
        served.server.stop()
        with pytest.raises(Exception, match="1012"):
            await next_event(idle)
        late = await refused(busy, model="echo", input="x", stream_id="late")
        assert (late.status, late.stream_id) == (503, "late")
        assert (await until_end(busy))[-1].type == "response.completed"
        with pytest.raises(Exception, match="1012"):
            await next_event(busy)


async def test_what_is_not_finished_in_the_drain_time_is_told_so(upstream: ScriptedUpstream) -> None:
    upstream.script(NATIVE, stream=["word "] * 500, gap=0.05).script(TRANSLATED, delay=20.0)
    config = settings(upstream, limits={"drain_seconds": 0.3})
    async with live(config) as served, connected(served) as connection:
        for name in (NATIVE, TRANSLATED):
            await connection.send({"type": "response.create", "model": name, "input": "x", "stream_id": name})
        await upstream.until(lambda it: len(it.requests) == 2)
        served.server.stop()
        ends = [(await until_end(connection))[-1] for _ in range(2)]
        assert {(end.stream_id, end.type) for end in ends} == {(NATIVE, "error"), (TRANSLATED, "error")}
        assert {end.status for end in ends} == {503}
        with pytest.raises(Exception, match="1012"):
            await next_event(connection)
