"""The application without a server around it: in process, with the gateway started by whoever owns it."""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import FastAPI

from nova_core.gateway.gateway import Gateway
from nova_core.server.app import create_app
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


async def test_it_is_a_fastapi_application_that_any_asgi_server_can_run() -> None:
    async with Gateway(runtime_from(ECHO)) as gateway:
        app = create_app(gateway)
        assert isinstance(app, FastAPI)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
            whole = await http.post(CHAT, json=BODY)
            streamed = await http.post(CHAT, json={**BODY, "stream": True})
            listed = await http.get("/v1/models")
    assert whole.json()["choices"][0]["message"]["content"] == "hello"
    assert streamed.text.endswith("data: [DONE]\n\n")
    assert listed.json()["data"][0]["id"] == "echo"


async def test_its_lifespan_starts_and_stops_the_gateway() -> None:
    gateway = Gateway(runtime_from(ECHO))
    app = create_app(gateway)
    async with app.router.lifespan_context(app):
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
