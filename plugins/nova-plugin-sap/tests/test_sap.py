"""SAP AI Core: service keys, where the service runs, and the configuration around a request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_core.errors import AuthenticationError, BadGatewayError, ConfigurationError, NotFoundError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, embeddings_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_plugin_sap.provider import Sap

REPLY = {"final_result": {"id": "c", "choices": [{"index": 0, "message": {"content": "Hi."}, "finish_reason": "stop"}]}}
TOKEN = "token-0123456789"


def service_key(url: str) -> str:
    urls = {"AI_API_URL": url}
    return json.dumps({"clientid": "id", "clientsecret": "secret-9876", "url": f"{url}/auth", "serviceurls": urls})


def asked(request: Request, model: str = "gpt-4o", **said: Any) -> dict[str, Any]:
    _, body = attempted(request, model, **said)
    return body


def attempted(request: Request, model: str = "gpt-4o", **said: Any) -> tuple[Exchange, dict[str, Any]]:
    provider = Sap()
    bare = Deployment("d", "public", "sap", model, api_base="https://ai.test", api_key=Secret(TOKEN))
    where = provider.complete(
        Deployment(**{name: getattr(bare, name) for name in bare.__slots__} | {"settings": said}),
        {"AICORE_DEPLOYMENT_ID": "d1"},
    )
    exchange = provider.provider_call(Call(request), request, where)
    return exchange, json.loads(exchange.request.body or b"")


async def test_a_service_key_leads_to_a_token_and_the_service_once(upstream: ScriptedUpstream):
    upstream.script("/auth/oauth/token", json={"access_token": TOKEN, "expires_in": 43199})
    running = [
        {"deploymentUrl": f"{upstream.url}/v2/inference/deployments/old", "createdAt": "2025-01-01"},
        {"deploymentUrl": f"{upstream.url}/v2/inference/deployments/new", "createdAt": "2025-02-01"},
    ]
    path = "/v2/lm/deployments?scenarioId=orchestration&status=RUNNING"
    upstream.script(path, json={"count": 2, "resources": running}).script("*", json=REPLY)
    provider = Sap()
    environ = {"AICORE_SERVICE_KEY": service_key(upstream.url), "AICORE_RESOURCE_GROUP": "team"}
    where = provider.complete(Deployment("d", "public", "sap", "gpt-4o"), environ)
    async with bench(provider, where) as asking:
        for _ in range(2):
            assert (await asking.chat(chat_request("public"))).text == "Hi."
    assert [(each.method, each.path) for each in upstream.requests] == [
        ("POST", "/auth/oauth/token"),
        ("GET", path),
        *[("POST", "/v2/inference/deployments/new/v2/completion")] * 2,
    ]
    first, *others = upstream.requests
    assert (first.body, first.header("authorization")) == (
        b"grant_type=client_credentials",
        "Basic aWQ6c2VjcmV0LTk4NzY=",
    )
    assert {each.header("authorization") for each in others} == {f"Bearer {TOKEN}"}
    assert {each.header("ai-resource-group") for each in others} == {"team"}


async def test_a_resource_group_without_the_service_and_refused_keys_are_told(upstream: ScriptedUpstream):
    upstream.script("/auth/oauth/token", status=401, message="bad client secret-9876")
    provider = Sap()
    where = provider.complete(Deployment("d", "public", "sap", "gpt-4o", api_key=Secret(service_key(upstream.url))), {})
    async with bench(provider, where) as asking:
        with pytest.raises(AuthenticationError, match="credentials were refused") as caught:
            await asking.chat(chat_request("public"))
        assert "secret-9876" not in caught.value.message
        upstream.forget().script("/auth/oauth/token", json={"access_token": TOKEN, "expires_in": 60})
        upstream.script("*", json={"count": 0, "resources": []})
        with pytest.raises(NotFoundError, match="resource group default"):
            await asking.chat(chat_request("public"))


def test_credentials_may_be_given_part_by_part_and_an_address_is_needed():
    parts = {
        "AICORE_CLIENT_ID": "id",
        "AICORE_CLIENT_SECRET": "s",
        "AICORE_AUTH_URL": "https://auth.test/oauth/token",
        "AICORE_BASE_URL": "https://ai.test/v2",
    }
    provider, request = Sap(), chat_request("public")
    where = provider.complete(Deployment("d", "public", "sap", "gpt-4o"), parts)
    exchange = provider.provider_call(Call(request), request, where)
    assert exchange.request.url == "https://auth.test/oauth/token"
    with pytest.raises(ConfigurationError, match="AICORE_BASE_URL"):
        provider.complete(Deployment("d", "public", "sap", "gpt-4o"), {})


def test_the_request_stands_in_modules():
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    wanted = {"type": "json_object"}
    exchange, body = attempted(
        chat_request(
            "public", tools=tools, tool_choice="auto", response_format=wanted, temperature=0.5, stream=True,
            masking={"providers": []}, model_version="2024-08-06",
        )
    )  # fmt: skip
    assert exchange.request.url == "https://ai.test/v2/inference/deployments/d1/v2/completion"
    assert body == {
        "config": {
            "modules": {
                "prompt_templating": {
                    "prompt": {
                        "template": [{"role": "user", "content": "Hi there"}],
                        "tools": tools,
                        "response_format": wanted,
                    },
                    "model": {
                        "name": "gpt-4o",
                        "version": "2024-08-06",
                        "params": {
                            "max_tokens": 100,
                            "tool_choice": "auto",
                            "temperature": 0.5,
                            "stream_options": {"include_usage": True},
                        },
                    },
                },
                "masking": {"providers": []},
            },
            "stream": {"enabled": True},
        }
    }
    params = asked(chat_request("public"), "o3-mini")["config"]["modules"]["prompt_templating"]["model"]["params"]
    assert params == {"max_completion_tokens": 100}


def test_words_that_look_like_placeholders_stay_words():
    parts = [{"type": "text", "text": "a {{?b}}"}, {"type": "text", "text": "c"}]
    said = [{"role": "system", "content": "say {{?name}}"}, {"role": "user", "content": parts}]
    body = asked(chat_request("public", said, placeholder_values={"name": "own"}))
    template = body["config"]["modules"]["prompt_templating"]["prompt"]["template"]
    assert template[0]["content"] == "{{?verbatim_0}}"
    assert template[1]["content"] == [{"type": "text", "text": "{{?verbatim_1}}"}, {"type": "text", "text": "c"}]
    assert body["placeholder_values"] == {"name": "own", "verbatim_0": "say {{?name}}", "verbatim_1": "a {{?b}}"}


def test_embeddings_stand_in_a_module_of_their_own():
    exchange, body = attempted(
        embeddings_request("public", ["a"], dimensions=8, task="query"), "text-embedding-3-small"
    )
    assert exchange.request.url.endswith("/d1/v2/embeddings")
    model = {"name": "text-embedding-3-small", "params": {"dimensions": 8}}
    assert body == {"config": {"modules": {"embeddings": {"model": model}}}, "input": {"text": ["a"], "type": "query"}}


def test_thoughts_and_errors_of_modules_are_read():
    exchange, _ = attempted(chat_request("public"))
    thoughts = [{"content": "Hm.", "signature": "s"}]
    choice = {"index": 0, "message": {"content": "Hi.", "reasoning_content": thoughts}, "finish_reason": "stop"}
    body = {"final_result": {"id": "c", "choices": [choice]}}
    reply = exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))
    thought, text = reply.typed.choices[0].message.parts
    assert (thought.text, thought.signature, text.text) == ("Hm.", "s", "Hi.")
    for wrong in ({"error": {"code": 400, "message": "filtered out"}}, {"error": [{"message": "filtered out"}]}):
        with pytest.raises(BadGatewayError, match="filtered out"):
            exchange.read(UpstreamResponse(200, {}, json.dumps(wrong).encode()))
