"""The application without a server around it: in process, with the gateway started by whoever owns it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from nova_core.gateway.gateway import Gateway
from nova_core.server.app import create_app, live
from tests.server.bad_input import CHAT
from tests.server.live import HELLO, runtime_from

ECHO = {"model_list": [{"model_name": "echo", "litellm_params": {"model": "echo/echo"}}]}
BODY = {"model": "echo", "messages": HELLO}


class Stamp:
    """Pure ASGI middleware, as a plugin may add it."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def stamped(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"x-stamp", b"yes")]}
            await send(message)

        await self._app(scope, receive, stamped)


async def test_any_asgi_server_can_run_it_and_fastapi_is_behind_it() -> None:
    async with Gateway(runtime_from(ECHO)) as gateway:
        app = create_app(gateway)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
            whole = await http.post(CHAT, json=BODY)
            streamed = await http.post(CHAT, json={**BODY, "stream": True})
            listed = await http.get("/v1/models")
    assert whole.json()["choices"][0]["message"]["content"] == "hello"
    assert streamed.text.endswith("data: [DONE]\n\n")
    assert listed.json()["data"][0]["id"] == "echo"
    assert isinstance(app.management, FastAPI)


async def test_its_lifespan_starts_and_stops_the_gateway() -> None:
    gateway = Gateway(runtime_from(ECHO))
    app = create_app(gateway)
    async with app.lifespan():
        assert gateway.transport.stats().open == 0
    try:
        open_still = gateway.transport is not None
    except RuntimeError:
        open_still = False
    assert not open_still


async def test_middleware_is_around_calls_and_management_alike() -> None:
    async with Gateway(runtime_from(ECHO)) as gateway:
        app = create_app(gateway)
        app.add_middleware(Stamp)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as http:
            for response in (await http.post(CHAT, json=BODY), await http.get("/v1/models")):
                assert (response.status_code, response.headers["x-stamp"]) == (200, "yes")


async def test_reload_without_a_file_is_told_so() -> None:
    async with Gateway(runtime_from(ECHO)) as gateway:
        transport = httpx.ASGITransport(create_app(gateway))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
            response = await http.post("/config/reload")
    assert response.status_code == 404
    assert "configuration file" in response.json()["error"]["message"]


async def test_first_requests_for_management_that_come_together_are_all_answered() -> None:
    async with Gateway(runtime_from(ECHO)) as gateway:
        transport = httpx.ASGITransport(create_app(gateway))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
            asked = (http.get("/v1/models"), http.get("/model/info"), http.get("/nowhere"), http.post(CHAT, json=BODY))
            statuses = [response.status_code for response in await asyncio.gather(*asked)]
    assert statuses == [200, 200, 404, 200]


async def test_a_lifespan_that_cannot_start_says_why_and_raises() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    @asynccontextmanager
    async def broken() -> AsyncIterator[None]:
        raise RuntimeError("cannot start today")
        yield

    with pytest.raises(RuntimeError):
        await live(broken, receive, send)
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
    assert "cannot start today" in sent[0]["message"]
