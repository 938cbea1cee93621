"""Calls that go at once, without a task, say and do what they do when they are waited for."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, ClientClosedError, RateLimitedError
from nova_core.gateway.underway import Underway
from nova_core.hookspecs import hookimpl
from nova_core.testing import ScriptedUpstream
from nova_core.types.call import Call, CallRecord
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_plugin_echo.provider import Echo
from tests.server.live import HELLO, Live, live, model, until
from tests.server.watching import Watching


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How calls ended that began at once: `reply`, or `wait` for those that went on in a task."""
    ended: list[str] = []
    begin, go_on = Underway.begin, Underway._go_on

    def begun(self: Underway) -> None:
        ended.append("reply")
        begin(self)

    def gone_on(self: Underway) -> None:
        ended[-1] = "wait"
        go_on(self)

    monkeypatch.setattr(Underway, "begin", begun)
    monkeypatch.setattr(Underway, "_go_on", gone_on)
    return ended


@pytest.fixture
async def served(upstream: ScriptedUpstream) -> AsyncIterator[Live]:
    """A gateway that has called its upstreams, so that it keeps connections to them."""
    config = {
        "model_list": [model(name, upstream.url) for name in ("gpt", "other", "emb")],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True, "fallbacks": [{"gpt": ["other"]}]},
        "nova_settings": {"request_timeout": 0.6, "callbacks": ["tests.server.watching.watching"]},
    }
    async with live(config) as gateway:
        assert (await ask(gateway))[0] == 200
        watching = plugin_of(gateway)
        await until(lambda: watching.records)
        watching.forget()
        upstream.requests.clear()
        yield gateway


async def ask(served: Live, text: str = "hi", **members: Any) -> tuple[int, dict[str, Any]]:
    async with served.http() as http:
        asked = {"model": "gpt", "messages": [{"role": "user", "content": text}], **members}
        answer = await http.post("/v1/chat/completions", json=asked)
        return answer.status_code, answer.json()


def plugin_of(served: Live) -> Watching:
    """The plugin as the gateway has imported it."""
    active = served.gateway.runtime.loaded.active
    found: Any = next(each.plugin for each in active if each.name.endswith("watching"))
    return found  # type: ignore[no-any-return]


async def record(served: Live) -> CallRecord:
    watching = plugin_of(served)
    await until(lambda: watching.records)
    return watching.records[0]


async def test_a_call_is_answered_without_a_task(served: Live, at_once: list[str]) -> None:
    status, body = await ask(served, "change")
    assert (status, body["model"], body["seen"]) == (200, "gpt", True)
    found = await record(served)
    assert found.usage is not None and found.call.attempts[0].error is None
    assert 0 < found.upstream_seconds < found.seconds
    assert (plugin_of(served).started, plugin_of(served).finished) == (["id-gpt"], ["id-gpt 200"])
    assert at_once == ["reply"]
    assert served.gateway.in_flight == 0


async def test_each_call_has_a_context_of_its_own(served: Live, at_once: list[str]) -> None:
    async with served.http() as http:
        for _ in range(3):
            await http.post("/v1/chat/completions", json={"model": "gpt", "messages": HELLO})
    assert plugin_of(served).before == ["nobody"] * 3
    assert at_once == ["reply"] * 3


async def test_calls_sent_ahead_have_contexts_of_their_own_and_so_has_who_comes_after(served: Live) -> None:
    reader, writer = await served.connect()
    body = json.dumps({"model": "gpt", "messages": HELLO}).encode()
    request = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    for ahead in (3, 1):
        writer.write(request * ahead)
        for _ in range(ahead):
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
    writer.close()
    assert plugin_of(served).before == ["nobody"] * 4


@pytest.mark.parametrize(
    ("text", "status", "ended"), [("refuse", 403, "reply"), ("answer", 200, "wait"), ("spoil", 403, "reply")]
)
async def test_plugins_have_their_say(text: str, status: int, ended: str, served: Live, at_once: list[str]) -> None:
    assert (await ask(served, text))[0] == status
    assert (await record(served)).status == status
    assert at_once == [ended]
    if text == "answer":
        assert plugin_of(served).started == []


@pytest.mark.parametrize("does", ["answers", "refuses", "breaks"])
async def test_a_provider_is_asked_once_for_an_attempt(does: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    @hookimpl
    def provider_call(self: Echo, call: Call, request: Request, deployment: Deployment) -> Reply:
        asked.append(f"{deployment.id} after {plugin_of(served).started}")
        if does == "refuses":
            raise RateLimitedError("not now")
        return Reply("chat", request.dialect, {"id": "r", "choices": [{"index": 0}]} if does == "answers" else 1 / 0)

    monkeypatch.setattr(Echo, "provider_call", provider_call)
    config = {
        "model_list": [{"model_name": "gpt", "model_info": {"id": "own"}, "litellm_params": {"model": "echo/echo"}}],
        "router_settings": {"num_retries": 0},
        "nova_settings": {"callbacks": ["tests.server.watching.watching"]},
    }
    async with live(config) as served:
        plugin_of(served).forget()
        status = {"answers": 200, "refuses": 429, "breaks": 500}[does]
        assert (await ask(served))[0] == status
        assert asked == ["own after ['own']"]
        assert len((await record(served)).call.attempts) == 1
        assert plugin_of(served).finished == [f"own {status}"]


async def test_an_error_falls_back_as_ever(served: Live, upstream: ScriptedUpstream, at_once: list[str]) -> None:
    upstream.script("gpt", status=500, message="broken")
    upstream.script("other", text="from the other")
    status, body = await ask(served)
    assert (status, body["choices"][0]["message"]["content"]) == (200, "from the other")
    assert [attempt.number for attempt in (await record(served)).call.attempts] == [1, 2]
    assert plugin_of(served).started == ["id-gpt", "id-other"]
    assert plugin_of(served).finished == ["id-gpt 500", "id-other 200"]
    assert len(upstream.requests) == 2
    assert at_once == ["wait"]


async def test_a_reply_that_cannot_be_read_falls_back(served: Live, upstream: ScriptedUpstream) -> None:
    upstream.script("gpt", body=b'{"error": {"message": "no"}}')
    assert (await ask(served))[0] == 200
    assert [type(attempt.error) for attempt in (await record(served)).call.attempts] == [BadGatewayError, type(None)]


async def test_the_deadline_of_a_reply_is_kept(served: Live, upstream: ScriptedUpstream, at_once: list[str]) -> None:
    upstream.script("gpt", stall=True)
    upstream.script("other", stall=True)
    status, body = await ask(served)
    assert status == 408
    assert "within 0.6 seconds" in body["error"]["message"]
    attempts = (await record(served)).call.attempts
    assert [0.55 < attempt.seconds < 1.2 for attempt in attempts] == [True, True]
    assert 1.1 < (await record(served)).upstream_seconds < 2.4
    assert at_once == ["wait"]


async def test_a_deadline_that_a_plugin_sets_is_kept(served: Live, upstream: ScriptedUpstream) -> None:
    upstream.script("gpt", stall=True)
    upstream.script("other", stall=True)
    assert (await ask(served, "hurry"))[0] == 408
    assert (await record(served)).seconds < 0.5
    assert served.gateway.transport.stats().open == 0


@pytest.mark.parametrize("answer", [{"gap": 0.05, "stall": False}, {"delay": 0.1}], ids=["as ever", "late"])
async def test_a_late_answer_is_waited_for(answer: dict[str, Any], served: Live, upstream: ScriptedUpstream) -> None:
    upstream.script("gpt", text="late", **answer)
    assert (await ask(served))[1]["choices"][0]["message"]["content"] == "late"


async def test_answers_in_pieces_packed_or_in_chunks_are_read(at_once: list[str]) -> None:
    said = json.dumps({"id": "x", "model": "m", "choices": [{"index": 0, "message": {"content": "whole"}}]}).encode()
    packed = gzip.compress(said)
    plain = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    answers: Sequence[Sequence[bytes]] = [
        [plain + b"content-length: %d\r\n\r\n" % len(said) + said],
        [plain + b"content-length: %d\r\n\r\n" % len(said) + said],
        [plain, b"content-length: %d\r\n\r\n" % len(said), said[:9], said[9:]],
        [plain + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed],
        [plain + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(said), said)],
        [b"HTTP/1.1 100 Continue\r\n\r\n" + plain + b"content-length: %d\r\n\r\n" % len(said) + said],
    ]
    async with raw_upstream(answers) as (url, connections), live({"model_list": [model("gpt", url)]}) as served:
        for _ in answers:
            status, body = await ask(served)
            assert (status, body["choices"][0]["message"]["content"]) == (200, "whole")
        assert len(connections) == 1
    assert at_once == ["wait", "reply", "wait", "wait", "wait", "reply"]


@pytest.mark.parametrize("others", [False, True], ids=["one transport", "two transports"])
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2"], ids=["nothing", "half of it"])
async def test_a_kept_connection_that_has_died_is_replaced_once(
    answer: bytes, others: bool, at_once: list[str]
) -> None:
    said = json.dumps({"id": "x", "model": "m", "choices": [{"index": 0, "message": {"content": "whole"}}]}).encode()
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(said) + said
    settings = {
        "router_settings": {"num_retries": 0},
        "nova_settings": {"request_timeout": 20, "lenient_hosts": ["elsewhere"] if others else []},
    }
    async with (
        raw_upstream([[whole], [answer, None], [whole]]) as (url, connections),
        live({"model_list": [model("gpt", url)], **settings}) as served,
    ):
        assert (await ask(served))[0] == 200
        status, body = await ask(served)
    # An answer that has begun may be that of a request that was carried out.
    assert status == (500 if answer else 200), body
    assert len(connections) == (1 if answer else 2)
    assert at_once == ["wait", "wait"]


async def test_a_caller_who_leaves_ends_the_call(served: Live, upstream: ScriptedUpstream, at_once: list[str]) -> None:
    upstream.script("gpt", stall=True)
    _, writer = await served.connect()
    body = json.dumps({"model": "gpt", "messages": HELLO}).encode()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    await upstream.until(lambda it: len(it.requests) == 1)
    writer.transport.abort()
    found = await record(served)
    assert isinstance(found.error, ClientClosedError)
    assert [type(attempt.error) for attempt in found.call.attempts] == [ClientClosedError]
    await until(lambda: served.gateway.in_flight == 0 and served.gateway.transport.stats().open == 0)
    assert at_once == ["wait"]


async def test_a_caller_who_sends_no_more_is_answered_what_is_said_at_once(served: Live) -> None:
    reader, writer = await served.connect()
    await until(lambda: served.server.server_state.connections)
    (connection,) = served.server.server_state.connections
    # As an event loop has it where both come together, such as in one record of TLS and the next.
    connection.data_received(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
    connection.eof_received()
    connection.transport.close()
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_a_call_is_finished_before_the_process_ends(served: Live, upstream: ScriptedUpstream) -> None:
    upstream.script("gpt", text="late", delay=0.4)
    asking = asyncio.create_task(ask(served))
    await upstream.until(lambda it: len(it.requests) == 1)
    served.server.stop()
    status, body = await asking
    assert (status, body["choices"][0]["message"]["content"]) == (200, "late")


async def test_a_decision_is_written_down_once_where_no_connection_was_kept(at_once: list[str]) -> None:
    async with ScriptedUpstream() as upstream:
        models = [{**model("gpt", upstream.url), "model_info": {"id": f"id-{number}"}} for number in range(3)]
        async with live({"model_list": models}) as served:
            found: list[Call] = []
            served.gateway.watchers.append(lambda record: found.append(record.call))
            for _ in range(2):
                assert (await ask(served))[0] == 200
    assert [(len(call.notes), len(call.routed), len(call.attempts)) for call in found] == [(1, 1, 1)] * 2
    assert at_once == ["wait", "reply"]


async def test_defaults_of_a_deployment_are_sent(upstream: ScriptedUpstream, at_once: list[str]) -> None:
    config = {"model_list": [model("gpt", upstream.url, top_p=0.5, temperature=0.25)]}
    async with live(config) as served:
        for given in ({}, {"temperature": 1}):
            assert (await ask(served, **given))[0] == 200
    sent = [(each.json["top_p"], each.json["temperature"]) for each in upstream.requests]
    assert (sent, at_once) == ([(0.5, 0.25), (0.5, 1)], ["wait", "reply"])


async def test_embeddings_keep_to_their_space(served: Live, at_once: list[str]) -> None:
    async with served.http() as http:
        for _ in range(2):
            answer = await http.post("/v1/embeddings", json={"model": "emb", "input": "hi"})
            assert answer.headers["x-nova-embedding-space"] == "emb/pooled"
    assert at_once[-1] == "reply"


class raw_upstream:
    """An upstream that answers one request after the other with these pieces; after None the connection is closed."""

    def __init__(self, answers: Sequence[Sequence[bytes | None]]) -> None:
        self._answers = iter(answers)
        self._connections: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> tuple[str, list[asyncio.StreamWriter]]:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}", self._connections

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for writer in self._connections:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.append(writer)
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
            for piece in next(self._answers):
                if piece is None:
                    writer.close()
                    return
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.02)
