"""One `nova serve` process before a scripted upstream, for every library that people call models with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from nova_core.testing import ScriptedUpstream
from nova_core.testing.server_process import ServerProcess

KEY = "sk-nova-client-key"
PRICES = {
    "input_cost_per_token": 0.25,
    "output_cost_per_token": 1,
    "input_cost_per_token_flex": 0.125,
    "output_cost_per_token_flex": 0.5,
    "input_cost_per_character": 0.5,
}


@dataclass(frozen=True, slots=True)
class Setting:
    """The server's address and the upstream behind it; `gpt` speaks chat completions there, `claude` messages.

    `lenient` is `gpt` that drops parameters, `priced` one with prices.
    """

    url: str
    upstream: ScriptedUpstream

    @property
    def v1(self) -> str:
        """The base URL of clients that want one with its version."""
        return f"{self.url}/v1"

    @property
    def key(self) -> str:
        """A key that the server takes."""
        return KEY

    def says(self, *scripts: dict[str, Any]) -> None:
        """What the upstream answers, in order; the last answer is given from then on."""
        self.upstream.forget()
        for script in scripts:
            self.upstream.script("*", **script)

    @property
    def sent(self) -> bytes:
        """The body of the upstream's latest request."""
        return self.upstream.last.body


@pytest.fixture(scope="package")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    """Everything started; use `setting`, which begins without scripts."""
    with ScriptedUpstream() as upstream:
        models = {
            "gpt": {"model": "openai/gpt-4.1", "api_base": f"{upstream.url}/v1"},
            "claude": {"model": "anthropic/claude-sonnet-4-5", "api_base": upstream.url},
            "lenient": {"model": "openai/gpt-4.1", "api_base": f"{upstream.url}/v1", "drop_params": True},
            "priced": {"model": "openai/gpt-5.1", "api_base": f"{upstream.url}/v1", **PRICES},
        }
        config = {
            "model_list": [
                {"model_name": name, "litellm_params": {**params, "api_key": "upstream-key"}}
                for name, params in models.items()
            ],
            "router_settings": {"num_retries": 0},
            "general_settings": {"master_key": KEY},
        }
        server = ServerProcess.serving(config, tmp_path_factory.mktemp("clients"))
        yield Setting(server.base_url, upstream)
        server.stop()


@pytest.fixture
def setting(started: Setting) -> Setting:
    """The running server, its upstream without scripts or records."""
    started.upstream.forget()
    return started
