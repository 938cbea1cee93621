"""Databricks: where models are, who asks, and thoughts in parts of the content."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from nova_core.errors import AuthenticationError, ServiceUnavailableError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, embeddings_request, responses_request
from nova_core.types.call import Call
from nova_core.types.chat import Text, Thinking
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_plugin_databricks import plugin
from nova_plugin_databricks.provider import Databricks

HOST = "https://adb-1.azuredatabricks.net"
PRINCIPAL = {"client_id": "app", "client_secret": "dose-0123456789"}
CHAT_ONLY = {"use_chat_completions_api": True}


def deployment(model: str = "dbrx", *, environ: dict[str, str] | None = None, **fields: Any) -> Deployment:
    made = Deployment(**{"id": "d", "group": "g", "provider": "databricks", "model": model, "api_base": HOST, **fields})
    completed: Deployment = plugin.complete(made, environ or {})
    return completed


def asked(request: Request, model: str = "dbrx", **fields: Any) -> tuple[str, dict[str, Any], Call]:
    call = Call(request)
    sent = plugin.provider_call(call, request, deployment(model, **{"api_key": Secret("k"), **fields})).request
    body: dict[str, Any] = msgspec.json.decode(sent.body or b"")
    return sent.url.removeprefix(HOST), body, call


@pytest.mark.parametrize(
    ("base", "model", "place"),
    [
        ("", "dbrx", "/serving-endpoints/chat/completions"),
        ("/serving-endpoints/", "dbrx", "/serving-endpoints/chat/completions"),
        ("/serving-endpoints", "databricks-claude-opus-4-8", "/serving-endpoints/anthropic/v1/messages"),
        ("/serving-endpoints/mine/invocations", "claude", "/serving-endpoints/mine/invocations"),
        ("", "system.ai.llama-4", "/ai-gateway/mlflow/v1/chat/completions"),
        ("", "system.ai.claude-sonnet-4-5", "/ai-gateway/anthropic/v1/messages"),
        ("/ai-gateway/mlflow/v1", "mine", "/ai-gateway/mlflow/v1/chat/completions"),
    ],
)
def test_the_models_name_says_where_it_is_served(base: str, model: str, place: str) -> None:
    assert asked(chat_request("g"), model, api_base=HOST + base)[0] == place


def test_other_operations_and_native_callers_have_their_places() -> None:
    assert asked(embeddings_request("g", "x"), "gte")[0] == "/serving-endpoints/embeddings"
    assert asked(responses_request("g"), "databricks-gpt-5-1")[0] == "/serving-endpoints/responses"
    assert asked(responses_request("g"), "databricks-gpt-oss-120b")[0] == "/serving-endpoints/chat/completions"
    said = [{"role": "user", "content": "Hi"}]
    native = Request("chat", ANTHROPIC_MESSAGES, {"model": "g", "max_tokens": 9, "messages": said, "top_k": 3})
    place, body, call = asked(native, "databricks-claude-haiku-4-5")
    assert (place, body["top_k"], call.fidelity.notes) == ("/serving-endpoints/anthropic/v1/messages", 3, ())


def test_the_environment_says_where_and_who() -> None:
    bare = Deployment("d", "g", "databricks", "dbrx")
    found = plugin.complete(bare, {"DATABRICKS_HOST": "adb-1.azuredatabricks.net", "DATABRICKS_TOKEN": "dapi-1"})
    assert (found.api_base, found.api_key) == (HOST, Secret("dapi-1"))
    environ = {"DATABRICKS_TOKEN": "t", "DATABRICKS_CLIENT_ID": "app", "DATABRICKS_CLIENT_SECRET": "s"}
    assert deployment(environ=environ).api_key is None
    assert deployment(environ=environ, api_key=Secret("own")).api_key == Secret("own")
    with pytest.raises(AuthenticationError, match="DATABRICKS_API_KEY or DATABRICKS_TOKEN"):
        asked(chat_request("g"), api_key=None)


async def test_a_principals_token_is_fetched_once_and_again_when_refused(upstream: ScriptedUpstream) -> None:
    provider = Databricks()
    made = Deployment("d", "g", "databricks", "dbrx", api_base=upstream.url, settings=PRINCIPAL)
    upstream.script("/oidc/v1/token", json={"access_token": "tok-1", "expires_in": 3600})
    upstream.script("dbrx", "one").script("dbrx", "two").script("dbrx", status=401).script("dbrx", "three")
    async with bench(provider, provider.complete(made, {})) as asking:
        for _ in range(2):
            assert (await asking.chat(chat_request("g"))).text in ("one", "two")
        token, first, second = upstream.requests
        with pytest.raises(AuthenticationError):
            await asking.chat(chat_request("g"))
        assert (await asking.chat(chat_request("g"))).text == "three"
    assert base64.b64decode((token.header("authorization") or "").split()[1]) == b"app:dose-0123456789"
    assert parse_qs(token.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["all-apis"]}
    assert {each.header("authorization") for each in (first, second)} == {"Bearer tok-1"}
    assert [each.path for each in upstream.requests].count("/oidc/v1/token") == 2


async def test_thoughts_are_mended_after_a_token_was_fetched_too(upstream: ScriptedUpstream) -> None:
    provider = Databricks()
    made = Deployment("d", "g", "databricks", "dbrx", api_base=upstream.url, settings=PRINCIPAL)
    upstream.script("/oidc/v1/token", json={"access_token": "tok-1"})
    upstream.script(
        "dbrx", json=whole([{"type": "reasoning", "summary": [{"text": "Hm."}]}, {"type": "text", "text": "A"}])
    )
    async with bench(provider, provider.complete(made, {})) as asking:
        reply = await asking.ask(chat_request("g"))
    message = reply.get("choices")[0]["message"]  # type: ignore[union-attr]
    assert (message["content"], message["reasoning_content"]) == ("A", "Hm.")


async def test_credentials_that_are_refused_say_so_without_showing_them(upstream: ScriptedUpstream) -> None:
    provider = Databricks()
    made = Deployment("d", "g", "databricks", "dbrx", api_base=upstream.url, settings=PRINCIPAL)
    said = {"message": "no app with dose-0123456789"}
    upstream.script("/oidc/v1/token", status=401, json=said).script("/oidc/v1/token", status=503)
    async with bench(provider, provider.complete(made, {})) as asking:
        with pytest.raises(AuthenticationError, match=r"no app with \*\*\*\*"):
            await asking.chat(chat_request("g"))
        with pytest.raises(ServiceUnavailableError):
            await asking.chat(chat_request("g"))
        with pytest.raises(AuthenticationError, match="another `api_base`"):
            await asking.ask(chat_request("g"), api_base="http://elsewhere.example")


def whole(content: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def test_a_claude_that_is_asked_through_chat_gets_a_budget_and_its_signed_thoughts() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "sig"}]
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Ho", "reasoning_content": "Hm.", "thinking_blocks": blocks},
        {"role": "user", "content": "And?"},
    ]
    request = chat_request("g", messages, reasoning_effort="high", max_completion_tokens=9000)
    _, body, call = asked(request.without("max_tokens"), "databricks-claude-opus-4-1", settings=CHAT_ONLY)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 4096}
    assert (body["max_tokens"], "reasoning_effort" in body) == (9000, False)
    summary = [{"type": "summary_text", "text": "Hm.", "signature": "sig"}]
    assert body["messages"][1]["content"] == [{"type": "reasoning", "summary": summary}, {"type": "text", "text": "Ho"}]
    assert call.fidelity.notes == ()
    _, body, call = asked(request, "databricks-llama-4")
    assert body["messages"][1] == {"role": "assistant", "content": "Ho"}
    assert call.fidelity.dropped == ("messages[1].reasoning_content", "messages[1].thinking_blocks")


async def test_streamed_thoughts_keep_their_signature_and_half_stated_usage_is_not_passed_on(
    upstream: ScriptedUpstream,
) -> None:
    def chunk(content: Any, finish: str | None = None, usage: Any = None) -> bytes:
        choice = {"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": finish}
        head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        return b"data: " + msgspec.json.encode(head | ({"usage": usage} if usage else {})) + b"\n\n"

    def thought(**said: str) -> list[dict[str, Any]]:
        return [{"type": "reasoning", "summary": [{"type": "summary_text", **said}]}]

    partial = {"prompt_tokens": 15, "completion_tokens": None, "total_tokens": None}
    upstream.script(
        "m",
        sse=[
            chunk(thought(text="Let ", signature=""), usage=partial),
            chunk(thought(text="me see.", signature="")),
            chunk(thought(text="", signature="sig")),
            chunk("42", usage=partial),
            chunk("", "stop", {"prompt_tokens": 15, "completion_tokens": 9, "total_tokens": 24}),
            b"data: [DONE]\n\n",
        ],
    )
    async with bench(plugin, deployment("m", api_base=upstream.url, api_key=Secret("k"))) as asking:
        reply = await asking.chat(chat_request("g", stream=True))
    assert reply.choices[0].message.parts == (Thinking("Let me see.", "sig"), Text("42"))
    assert reply.usage is not None
    assert (reply.usage.input_total, reply.usage.output_total) == (15, 9)
