"""A gateway served over a real socket from the running event loop."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import yaml
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from nova_core.config.check import read_settings
from nova_core.config.loader import loads
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.runtime import Runtime, build_runtime
from nova_core.server import running
from nova_core.server.app import GatewayApp, create_app
from nova_core.server.listening import listen
from nova_core.server.running import GatewayServer, server_for


@dataclass(frozen=True, slots=True)
class Live:
    """A served gateway."""

    url: str
    app: GatewayApp
    gateway: Gateway
    server: GatewayServer

    def http(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=20, **options)

    def openai(self, **options: Any) -> AsyncOpenAI:
        return AsyncOpenAI(**{"base_url": f"{self.url}/v1", "api_key": "any", "max_retries": 0, **options})

    def anthropic(self, **options: Any) -> AsyncAnthropic:
        return AsyncAnthropic(**{"base_url": self.url, "api_key": "any", "max_retries": 0, **options})

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


def runtime_from(config: dict[str, Any] | str) -> Runtime:
    text = config if isinstance(config, str) else yaml.safe_dump(config)
    return build_runtime(read_settings(loads(text)))


@asynccontextmanager
async def live(config: dict[str, Any] | str, **options: Any) -> AsyncIterator[Live]:
    gateway = Gateway(runtime_from(config))
    app = create_app(gateway, **options)
    ready = asyncio.Event()

    async def started() -> None:
        ready.set()

    server = server_for(app, tls=None, started=started)
    sockets: list[socket.socket] = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    serving = asyncio.create_task(server.run_on(sockets))
    await asyncio.wait({serving, asyncio.create_task(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield Live(url, app, gateway, server)
    finally:
        server.stop()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(running, "CONNECTED_SECONDS", 0.0)  # the test is over: nobody connects any more,
            patch.setattr(running, "ACCEPTED_SECONDS", 0.0)  # and nobody sends anything
            await serving


def model(name: str, upstream_url: str = "", **params: Any) -> dict[str, Any]:
    """An entry of `model_list` for a deployment of the same name on an OpenAI-speaking upstream."""
    return {
        "model_name": name,
        "litellm_params": {
            "model": f"openai/{name}",
            "api_base": f"{upstream_url}/v1",
            "api_key": "upstream-key",
            **params,
        },
        "model_info": {"id": f"id-{name}"},
    }


HELLO = [{"role": "user", "content": "hello"}]


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never became so"
        await asyncio.sleep(0.01)
