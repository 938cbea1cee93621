"""How a WebSocket begins: who may open one, where, and what becomes of bytes that do not belong there."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from openai import OpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from nova_core.gateway.gateway import Gateway
from nova_core.server import upgrades
from nova_core.server.app import create_app
from nova_core.server.listening import listen
from nova_core.testing import ScriptedUpstream
from tests.server.conftest import MASTER
from tests.server.live import Live, live, model, runtime_from, until
from tests.server.process import ServerProcess

CONFIG: dict[str, Any] = {
    "model_list": [{"model_name": "echo", "litellm_params": {"model": "echo/echo"}}],
    "general_settings": {"cors_origins": ["https://app.example"], "limits": {"idle_seconds": 1}},
}
GUARDED = {**CONFIG, "general_settings": {**CONFIG["general_settings"], "master_key": MASTER}}
CREATE = {"type": "response.create", "model": "echo", "input": "hello"}
BEARER = {"authorization": f"Bearer {MASTER}"}
OFFER = (
    b"GET /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
PING = b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture
async def served() -> AsyncIterator[Live]:
    async with live(CONFIG) as gateway:
        yield gateway


@pytest.fixture
async def guarded() -> AsyncIterator[Live]:
    async with live(GUARDED) as gateway:
        yield gateway


def socket_url(served: Live, path: str = "/v1/responses") -> str:
    return f"ws://127.0.0.1:{served.port}{path}"


async def last_event(url: str, create: dict[str, Any] = CREATE, **options: Any) -> dict[str, Any]:
    async with connect(url, **options) as socket, asyncio.timeout(5):
        await socket.send(json.dumps(create))
        event: dict[str, Any] = {}
        while event.get("type") not in ("response.completed", "error"):
            event = json.loads(await socket.recv())
        return event


async def refusal(url: str, **options: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, **options)
    response = refused.value.response
    assert response.headers["content-type"] == "application/json"
    return response.status_code, json.loads(response.body or b"")["error"]


async def test_every_path_of_the_api_has_a_socket(served: Live) -> None:
    for path in ("/v1/responses", "/responses?x=1", "/openai/v1/responses", "/openai/deployments/echo/responses"):
        event = await last_event(socket_url(served, path))
        assert event["response"]["output"][0]["content"][0]["text"] == "hello", path


async def test_a_handshake_needs_a_key_which_browsers_send_as_a_subprotocol(
    guarded: Live, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    url = socket_url(guarded)
    for headers in ({}, {"authorization": "Bearer sk-other"}):
        status, error = await refusal(url, additional_headers=headers)
        assert (status, error["type"], error["code"]) == (401, "auth_error", "401")
    keyed: Any = ["responses", f"openai-insecure-api-key.{MASTER}", "openai-organization.x"]
    async with connect(url, subprotocols=keyed) as socket:
        assert socket.subprotocol == "responses"
        assert MASTER not in str(socket.response and socket.response.headers)
    assert (await last_event(url, subprotocols=keyed[1:]))["type"] == "response.completed"
    assert (await refusal(url, subprotocols=["responses", "openai-insecure-api-key.sk-other"]))[0] == 401
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith("websockets.client")]
    assert logged
    assert not [line for line in logged if MASTER in line]


async def test_pages_of_other_origins_are_refused_whatever_their_key(guarded: Live) -> None:
    url = socket_url(guarded)
    for origin in ("https://evil.example", "null", "http://[", "http://127.0.0.1.evil.example"):
        status, error = await refusal(url, origin=origin, additional_headers=BEARER)
        assert (status, error["type"]) == (403, "permission_error"), origin
    for origin in ("http://127.0.0.1:8080", "https://app.example"):
        assert (await last_event(url, origin=origin, additional_headers=BEARER))["type"] == "response.completed"


async def test_without_their_package_sockets_are_refused_with_the_mend(
    served: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrades, "find_spec", lambda name: None)
    upgrades.socket_protocol.cache_clear()
    try:
        status, error = await refusal(socket_url(served))
        assert (status, error["code"]) == (426, "websockets_not_installed")
        assert "pip install 'nova-core[websockets]'" in error["message"]
        async with served.http() as http:
            assert (await http.get("/v1/responses")).status_code == 405
    finally:
        upgrades.socket_protocol.cache_clear()


async def test_bytes_behind_the_head_are_the_first_of_the_socket(served: Live) -> None:
    message = Frame(Opcode.TEXT, json.dumps(CREATE).encode()).serialize(mask=True)
    for step in (1, 7, len(OFFER) + 2, 10_000):
        reader, writer = await served.connect()
        sent = OFFER + b"\r\n" + message
        for start in range(0, len(sent), step):
            writer.write(sent[start : start + step])
            await asyncio.sleep(0)
        async with asyncio.timeout(3):
            answer = await reader.readuntil(b"response.completed")
        assert answer.startswith(b"HTTP/1.1 101 ")
        writer.close()


async def test_junk_behind_the_head_ends_the_connection_and_nothing_else(served: Live) -> None:
    for junk in (b"\x00" * 100, PING, b"\xff" * 70_000, OFFER + b"\r\n"):
        reader, writer = await served.connect()
        writer.write(OFFER + b"\r\n" + junk)
        async with asyncio.timeout(3):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert answer.count(b"HTTP/1.1 ") == 1
        writer.close()
    await until(lambda: not served.server.server_state.connections and not served.server.server_state.tasks)


OTHERS = [
    (OFFER.replace(b"/v1/responses", b"/v1/chat/completions") + b"\r\n", b"405"),
    (OFFER.replace(b"/v1/responses", b"/v1/responses/compact") + b"\r\n", b"405"),
    (OFFER.replace(b"/v1/responses", b"/health/liveliness") + b"\r\n", b"200"),
    (OFFER.replace(b"upgrade: websocket", b"upgrade: h2c") + b"\r\n", b"405"),
    (OFFER.replace(b"GET", b"POST") + b"content-length: 2\r\n\r\n{}", b"400"),
    (OFFER + b"content-length: 2\r\n\r\n{}", b"405"),
    (OFFER.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n", b"405"),
]


async def test_all_other_offers_are_ignored(served: Live) -> None:
    for offer, status in OTHERS:
        reader, writer = await served.connect()
        writer.write(offer)
        async with asyncio.timeout(3):
            head = await reader.readuntil(b"\r\n")
            assert head.startswith(b"HTTP/1.1 " + status), offer
            if b"HTTP/1.0" not in offer and not offer.endswith(b"{}"):
                writer.write(PING)
                assert b"HTTP/1.1 200 " in await reader.readuntil(b"HTTP/1.1 200 ")
        writer.close()


async def test_a_socket_follows_requests_on_a_connection_but_does_not_overtake_them(served: Live) -> None:
    body = b'{"model": "echo", "input": "hello"}'
    post = b"POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    reader, writer = await served.connect()
    writer.write(post + OFFER + b"\r\n")
    async with asyncio.timeout(3):
        answer = await reader.readuntil(b"HTTP/1.1 405 ")
        assert answer.startswith(b"HTTP/1.1 200 ")
        await reader.readuntil(b"}}")
        writer.write(PING)
        await reader.readuntil(b"HTTP/1.1 200 ")
        await asyncio.sleep(0.1)
        writer.write(OFFER + b"\r\n")
        await reader.readuntil(b"HTTP/1.1 101 ")
    assert len(served.server.server_state.connections) == 1
    writer.close()


async def test_more_headers_than_a_socket_takes_are_431(served: Live) -> None:
    for more in (b"x-a: b\r\n" * 150, b"x-a: " + b"y" * 9_000 + b"\r\n"):
        reader, writer = await served.connect()
        writer.write(OFFER + more + b"\r\n")
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
        writer.close()
    await until(lambda: not served.server.server_state.connections)


async def test_a_message_over_the_limit_of_messages_ends_the_connection(served: Live) -> None:
    served.server.config.ws_max_size = 1000
    async with connect(socket_url(served)) as socket, asyncio.timeout(3):
        await socket.send("x" * 2000)
        with pytest.raises(ConnectionClosed, match="1009"):
            await socket.recv()


async def test_a_reader_that_stops_pauses_its_stream_and_is_dropped_after_the_idle_time(
    upstream: ScriptedUpstream,
) -> None:
    upstream.script("gpt", stream=["x" * 50_000] * 1000)
    async with live({**CONFIG, "model_list": [model("gpt", upstream.url)]}) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1000)
        message = Frame(Opcode.TEXT, json.dumps({**CREATE, "model": "gpt"}).encode()).serialize(mask=True)
        writer.write(OFFER + b"\r\n" + message)
        await reader.readuntil(b"response.created")
        await asyncio.sleep(0.4)
        assert served.gateway.in_flight == 1  # 50 MB are not read into memory while nobody takes them
        await until(lambda: served.gateway.in_flight == 0 and upstream.disconnects)
        await until(lambda: not served.server.server_state.connections)
        writer.transport.abort()


async def test_plain_uvicorn_serves_sockets_too() -> None:
    app = create_app(Gateway(runtime_from(GUARDED)))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="websockets-sansio"))
    (sock,) = listen("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve([sock]))
    await until(lambda: server.started)
    url = f"ws://127.0.0.1:{sock.getsockname()[1]}"
    try:
        assert (await last_event(f"{url}/v1/responses", additional_headers=BEARER))["type"] == "response.completed"
        assert (await refusal(f"{url}/v1/responses"))[0] == 401
        with pytest.raises(InvalidStatus, match="403"):
            await connect(f"{url}/v1/nothing")
    finally:
        server.should_exit = True
        await serving


@pytest.mark.slow
def test_a_process_that_is_stopped_finishes_what_runs_and_says_goodbye(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        upstream.script("gpt", stream=["word "] * 20, gap=0.02)
        config = json.dumps({"model_list": [model("gpt", upstream.url)]})
        with ServerProcess(tmp_path, config) as server:
            client = OpenAI(base_url=f"{server.url}/v1", api_key="any")
            with client, client.responses.connect() as connection:
                connection.response.create(model="gpt", input="x")
                types = [connection.recv().type]
                server.signal(signal.SIGTERM)
                with pytest.raises(ConnectionClosed, match="1012"):
                    types += iter(lambda: connection.recv().type, None)
    assert types[0] == "response.created"
    assert types[-1] == "response.completed"
    assert server.process.returncode == 0
    assert "Traceback" not in server.err
