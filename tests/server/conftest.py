"""Fixtures of the server's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from nova_core.testing import ScriptedUpstream
from tests.server.live import Live, live, model

MASTER = "sk-master-key"


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as scripted:
        yield scripted


def task_deployment(task: str, url: str) -> dict[str, Any]:
    return {
        "model_name": "nova",
        "litellm_params": {
            "model": "remodlai/nova-embeddings-v1",
            "api_base": f"{url}/v1",
            "api_key": "k",
            "adapter": task,
            "tags": [task],
        },
        "model_info": {"mode": "embedding", "id": f"id-nova-{task}"},
    }


@pytest.fixture
def config(upstream: ScriptedUpstream) -> dict[str, Any]:
    """An `echo`, scripted models, and Nova tasks; failures are neither retried nor remembered."""
    return {
        "model_list": [
            {"model_name": "echo", "litellm_params": {"model": "echo/echo"}, "model_info": {"id": "id-echo"}},
            model("gpt", upstream.url),
            model("emb", upstream.url),
            task_deployment("retrieval", upstream.url),
            task_deployment("code", upstream.url),
        ],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True, "enable_tag_filtering": True},
        "nova_settings": {"request_timeout": 0.5, "callbacks": ["nova_task_router"]},
        "general_settings": {"limits": {"body_mb": 0.05, "body_read_seconds": 0.5}},
    }


@pytest.fixture
async def served(config: dict[str, Any]) -> AsyncIterator[Live]:
    """An open gateway."""
    async with live(config) as gateway:
        yield gateway


@pytest.fixture
async def guarded(config: dict[str, Any]) -> AsyncIterator[Live]:
    """The same gateway with a master key, and a key that may call `echo` and `gpt*` only."""
    general = {
        **config["general_settings"],
        "master_key": MASTER,
        "keys": [{"key": "sk-limited", "name": "limited", "models": ["echo", "gpt*"]}],
    }
    async with live({**config, "general_settings": general}) as gateway:
        yield gateway
