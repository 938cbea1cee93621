"""One `nova serve` process between the official clients and a scripted upstream, for all tests of dialects."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import pytest
from anthropic import Anthropic
from google import genai
from google.genai.types import HttpOptions
from openai import OpenAI

from nova_core.testing import ScriptedUpstream
from nova_core.testing.server_process import ServerProcess

KEY = "sk-nova-matrix-key"
UPSTREAM_KEY = "upstream-secret-9f8e7d6c"


@dataclass(frozen=True, slots=True)
class Cell:
    """The clients, the upstream, and the server between them; models are `gpt`, `claude`, `gem`, and `-drop` ones."""

    server: ServerProcess
    upstream: ScriptedUpstream
    openai: OpenAI
    anthropic: Anthropic
    google: genai.Client
    http: httpx.Client

    def says(self, **script: Any) -> None:
        """The upstream's answer to whatever comes."""
        self.upstream.script("*", **script)

    @property
    def sent(self) -> dict[str, Any]:
        """The body of the latest upstream request."""
        body: dict[str, Any] = self.upstream.last.json
        return body

    def logged(self, call_id: str) -> dict[str, Any]:
        """The line of the access log about a call; lines are written a moment after their calls."""
        end = time.monotonic() + 5
        while time.monotonic() < end:
            for line in self.server.logs.splitlines():
                if call_id in line and line.startswith("{"):
                    found: dict[str, Any] = msgspec.json.decode(line)
                    return found
            time.sleep(0.05)
        raise TimeoutError(f"no line about {call_id}")

    def post(self, path: str, body: bytes | dict[str, Any], **headers: str) -> httpx.Response:
        """A call without a client's help; `body` as bytes goes as it is."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return self.http.post(path, content=content, headers={"content-type": "application/json", **headers})


def config(url: str) -> dict[str, Any]:
    """All vendors at one scripted address."""
    common = {"api_key": UPSTREAM_KEY}
    models = {
        "gpt": {"model": "openai/gpt-4.1", "api_base": f"{url}/v1", **common},
        "claude": {"model": "anthropic/claude-sonnet-4-5", "api_base": url, **common},
        "gem": {"model": "gemini/gemini-3.5-flash", "api_base": f"{url}/v1beta", **common},
        "vectors": {"model": "gemini/gemini-embedding-001", "api_base": f"{url}/v1beta", **common},
        "text": {"model": "text-completion-openai/davinci-002", "api_base": f"{url}/v1", **common},
    }
    models |= {f"{name}-drop": {**params, "drop_params": True} for name, params in models.items()}
    return {
        "model_list": [{"model_name": name, "litellm_params": params} for name, params in models.items()],
        "router_settings": {"num_retries": 0},
        "general_settings": {"master_key": KEY, "log": {"format": "json"}},
    }


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    """Everything started; use `cell`, which begins without scripts."""
    with ScriptedUpstream() as upstream:
        server = ServerProcess.serving(config(upstream.url), tmp_path_factory.mktemp("dialects"))
        openai = OpenAI(base_url=f"{server.base_url}/v1", api_key=KEY, max_retries=0)
        anthropic = Anthropic(base_url=server.base_url, api_key=KEY, max_retries=0)
        http = httpx.Client(base_url=server.base_url, headers={"authorization": f"Bearer {KEY}"}, timeout=20)
        with openai, anthropic, http:
            google = genai.Client(api_key=KEY, http_options=HttpOptions(base_url=server.base_url))
            yield Cell(server, upstream, openai, anthropic, google, http)
        server.stop()


@pytest.fixture
def cell(running: Cell) -> Cell:
    """The running cell, its upstream without scripts or records."""
    running.upstream.forget()
    return running
