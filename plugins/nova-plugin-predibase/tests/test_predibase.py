"""Predibase: tenants and deployments in the address, adapters in the body."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nova_core.errors import AuthenticationError, ConfigurationError
from nova_core.testing.provider_bench import chat_request, completion_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_plugin_predibase import plugin

OWN = "https://serving.app.predibase.com"
ENVIRON = {"PREDIBASE_TENANT_ID": "acme", "PREDIBASE_API_KEY": "pb_secret"}


def sent(request: Request, model: str = "qwen3-8b", **fields: Any) -> tuple[str, dict[str, Any]]:
    made = Deployment(**{"id": "d", "group": "g", "provider": "predibase", "model": model, **fields})
    asked = plugin.provider_call(Call(request), request, plugin.complete(made, ENVIRON)).request
    body: dict[str, Any] = msgspec.json.decode(asked.body or b"")
    return asked.url, body


@pytest.mark.parametrize(
    ("base", "place"),
    [
        (None, f"{OWN}/acme/deployments/v2/llms/qwen3-8b"),
        (f"{OWN}/", f"{OWN}/acme/deployments/v2/llms/qwen3-8b"),
        ("https://vpc.example/other", "https://vpc.example/other/deployments/v2/llms/qwen3-8b"),
        (f"{OWN}/acme/deployments/v2/llms/mine/v1", f"{OWN}/acme/deployments/v2/llms/mine"),
        (f"{OWN}/acme/deployments/v2/llms/mine/generate", f"{OWN}/acme/deployments/v2/llms/mine"),
    ],
)
def test_the_tenant_and_the_deployment_stand_in_the_address(base: str | None, place: str) -> None:
    assert sent(chat_request("g"), api_base=base)[0] == f"{place}/v1/chat/completions"
    assert sent(completion_request("g", "Hi"), api_base=base)[0] == f"{place}/v1/completions"


@pytest.mark.parametrize(
    ("model", "settings", "members", "adapter"),
    [
        ("qwen3-8b", {}, {}, ""),
        ("qwen3-8b:repo/2", {}, {}, "repo/2"),
        ("qwen3-8b", {"adapter_id": "repo/3"}, {}, "repo/3"),
        ("qwen3-8b:repo/2", {"adapter_id": "repo/3"}, {"adapter_id": "repo/4"}, "repo/4"),
    ],
)
def test_an_adapter_is_named_where_others_name_a_model(
    model: str, settings: dict[str, Any], members: dict[str, Any], adapter: str
) -> None:
    url, body = sent(chat_request("g", **members), model, settings=settings)
    assert (body["model"], "adapter_id" in body) == (adapter, False)
    assert url.startswith(f"{OWN}/acme/deployments/v2/llms/qwen3-8b/")


def test_a_schema_is_said_in_the_servers_words() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    _, body = sent(chat_request("g", response_format=wanted, max_completion_tokens=5).without("max_tokens"))
    assert body["response_format"] == {"type": "json_object", "schema": schema}
    assert (body["max_tokens"], "max_completion_tokens" in body) == (5, False)


def test_a_tenant_and_a_key_are_needed() -> None:
    bare, request = Deployment("d", "g", "predibase", "m"), chat_request("g")
    with pytest.raises(ConfigurationError, match="PREDIBASE_TENANT_ID"):
        plugin.complete(bare, {})
    own = plugin.complete(Deployment("d", "g", "predibase", "m", settings={"tenant_id": "mine"}), {})
    assert plugin.url(own, "chat") == f"{OWN}/mine/deployments/v2/llms/m/v1/chat/completions"
    with pytest.raises(AuthenticationError, match="PREDIBASE_API_KEY or PREDIBASE_API_TOKEN"):
        plugin.provider_call(Call(request), request, own)
