"""GigaChat: authorization keys and tokens, functions, files, and what cannot be said."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from nova_core.errors import AuthenticationError, BadRequestError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_plugin_gigachat.provider import GigaChat

KEY = base64.b64encode(b"an-id:a-secret-that-is-long").decode()
TOKEN = "eyJhbGciOi.token.of-the-vendor"
SEARCH = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}, "strict": True}}
CALL_ID = "77d3fb14-457a-46ba-937e-8d856156d003"


def deployed(provider: GigaChat, environ: dict[str, str], **fields: Any) -> Deployment:
    return provider.complete(Deployment("d", "public", "gigachat", "GigaChat-2", **fields), environ)


def asked(provider: GigaChat | None = None, drop: bool | None = None, **members: Any) -> tuple[Call, dict[str, Any]]:
    provider = provider or GigaChat()
    members.setdefault("messages", [{"role": "user", "content": "hi"}])
    request = chat_request("public", **members)
    call = Call(request, options=CallOptions(drop_params=drop))
    exchange = provider.provider_call(call, request, deployed(provider, {"GIGACHAT_ACCESS_TOKEN": TOKEN}))
    body: dict[str, Any] = json.loads(exchange.request.body or b"")
    return call, body


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"tools": [None]}, "tools[0]"),
        ({"messages": [{"role": "user", "content": [["x"]]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "function": {}}]}]},
            "messages[0].tool_calls[0]",
        ),
    ],
)
def test_what_is_malformed_is_refused_by_name(members: dict[str, Any], param: str):
    with pytest.raises(BadRequestError) as refused:
        asked(**members)
    assert str(refused.value.param).startswith(param)


async def test_an_authorization_key_is_exchanged_for_a_token_once(upstream: ScriptedUpstream):
    upstream.script("/oauth", json={"access_token": TOKEN, "expires_at": 32_503_680_000_000})
    provider = GigaChat()
    environ = {
        "GIGACHAT_CREDENTIALS": KEY,
        "GIGACHAT_SCOPE": "GIGACHAT_API_CORP",
        "GIGACHAT_AUTH_URL": f"{upstream.url}/oauth",
        "GIGACHAT_API_BASE": f"{upstream.url}/api/v1",
    }
    async with bench(provider, deployed(provider, environ)) as asking:
        for _ in range(2):
            await asking.chat(chat_request("public"))
    first, *others = upstream.requests
    assert (first.route, first.body) == ("/oauth", b"scope=GIGACHAT_API_CORP")
    assert first.header("authorization") == f"Basic {KEY}"
    assert len(first.header("rquid") or "") == 36
    assert [each.route for each in others] == ["/api/v1/chat/completions"] * 2
    assert {each.header("authorization") for each in others} == {f"Bearer {TOKEN}"}


async def test_a_refused_token_is_fetched_anew_and_a_refused_key_is_told(upstream: ScriptedUpstream):
    upstream.script("/oauth", json={"access_token": TOKEN, "expires_in": 1800})
    upstream.script("/oauth", status=401, message=f"no such key {KEY}")
    upstream.script("GigaChat-2", status=401, message="Token has expired")
    provider = GigaChat()
    given = {"api_key": Secret(KEY), "settings": {"gigachat_auth_url": f"{upstream.url}/oauth"}}
    async with bench(provider, deployed(provider, {}, api_base=f"{upstream.url}/v1", **given)) as asking:
        with pytest.raises(AuthenticationError, match="expired"):
            await asking.chat(chat_request("public"))
        with pytest.raises(AuthenticationError, match="credentials were refused") as caught:
            await asking.chat(chat_request("public"))
    assert KEY not in caught.value.message
    assert [each.route for each in upstream.requests] == ["/oauth", "/v1/chat/completions", "/oauth"]


def test_the_operators_key_does_not_go_where_a_caller_says():
    provider = GigaChat()
    where = deployed(provider, {"GIGACHAT_CREDENTIALS": KEY})
    elsewhere = Deployment(**{name: getattr(where, name) for name in where.__slots__} | {"api_base": "https://x.test"})
    request = chat_request("public")
    with pytest.raises(AuthenticationError, match="another `api_base`"):
        provider.provider_call(Call(request), request, elsewhere)


def test_functions_stand_for_tools():
    _, body = asked(tools=[SEARCH], tool_choice="required", parallel_tool_calls=False, max_completion_tokens=9)
    assert body["functions"] == [{"name": "search", "parameters": {"type": "object"}}]
    assert body["function_call"] == {"name": "search"}
    assert body["max_tokens"] == 9
    assert not body.keys() & {"tools", "tool_choice", "parallel_tool_calls", "max_completion_tokens"}
    assert asked(tools=[SEARCH])[1]["function_call"] == "auto"
    assert asked(tools=[SEARCH], tool_choice="none")[1]["function_call"] == "none"
    with pytest.raises(UnsupportedParamsError, match="tool_choice"):
        asked(tools=[SEARCH, SEARCH], tool_choice="required")


def test_conversations_with_calls_files_and_schemas_are_told():
    call = {"id": CALL_ID, "type": "function", "function": {"name": "search", "arguments": '{"q":"x"}'}}
    file = {"type": "file", "file": {"file_id": "f-1"}}
    said = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "see"}, file]},
        {"role": "assistant", "content": "Looking.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": CALL_ID, "content": '{"found":1}'},
    ]
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}}
    _, body = asked(messages=said, response_format=schema, reasoning_effort="xhigh")
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "see", "attachments": ["f-1"]},
        {
            "role": "assistant",
            "content": "Looking.",
            "function_call": {"name": "search", "arguments": {"q": "x"}},
            "functions_state_id": CALL_ID,
        },
        {"role": "function", "name": "search", "content": '{"found":1}'},
    ]
    assert body["response_format"] == {"type": "json_schema", "schema": {"type": "object"}, "strict": True}
    assert body["reasoning_effort"] == "high"
    call["function"]["arguments"] = "[]"
    with pytest.raises(BadRequestError, match=r"messages\[2\].tool_calls\[0\].function.arguments"):
        asked(messages=said)


def test_what_cannot_be_said_is_refused_by_name_or_dropped():
    image = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    said = [{"role": "user", "content": [{"type": "text", "text": "see"}, image]}]
    for name, members in {
        "messages[0].content[1]": {"messages": said},
        "response_format": {"response_format": {"type": "json_object"}},
        "reasoning_effort": {"reasoning_effort": "none"},
        "seed": {"seed": 1},
    }.items():
        with pytest.raises(UnsupportedParamsError) as caught:
            asked(**members)
        assert name in caught.value.message
        call, body = asked(drop=True, **members)
        assert name in call.fidelity.dropped
        assert "seed" not in body
        assert "response_format" not in body
        assert body["messages"][0]["content"] in ("hi", "see")


async def test_images_are_uploaded_before_the_conversation_is_told(upstream: ScriptedUpstream):
    upstream.script("/v1/files", json={"id": "f-1"}).script("/v1/files", json={"id": "f-2"})
    choice = {"index": 0, "message": {"role": "assistant", "content": "A cat."}, "finish_reason": "stop"}
    upstream.script("GigaChat-2", json={"choices": [choice], "created": 1, "model": "GigaChat-2"})
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}}
    said = [{"role": "user", "content": [{"type": "text", "text": "what?"}, image]}] * 2
    provider = GigaChat()
    where = deployed(provider, {"GIGACHAT_ACCESS_TOKEN": TOKEN}, api_base=f"{upstream.url}/v1")
    async with bench(provider, where) as asking:
        assert (await asking.chat(chat_request("public", said))).text == "A cat."
    first, second, told = upstream.requests
    assert {each.header("authorization") for each in upstream.requests} == {f"Bearer {TOKEN}"}
    for upload in (first, second):
        parts = {part.name: part for part in upload.form}
        assert (parts["file"].content, parts["file"].content_type) == (b"\x89PNG\r\n\x1a\n", "image/png")
        assert parts["purpose"].text == "general"
    messages = told.json["messages"]
    assert [(each["content"], each["attachments"]) for each in messages] == [("what?", ["f-1"]), ("what?", ["f-2"])]


def test_answers_name_why_they_ended_and_what_was_cached():
    provider = GigaChat()
    request = chat_request("public")
    exchange = provider.provider_call(Call(request), request, deployed(provider, {"GIGACHAT_ACCESS_TOKEN": TOKEN}))
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "precached_prompt_tokens": 6, "total_tokens": 6}
    choice = {"index": 0, "message": {"role": "assistant", "content": "No."}, "finish_reason": "blacklist"}
    reply = read(exchange, {"choices": [choice], "created": 1, "model": "GigaChat-2:1", "usage": usage})
    assert reply.typed.choices[0].finish == "content_filter"
    assert (reply.usage.cache_read, reply.usage.input_total, reply.usage.output_total) == (6, 10, 2)


def test_embeddings_ask_with_a_list_and_refuse_a_width():
    provider = GigaChat()
    where = deployed(provider, {"GIGACHAT_ACCESS_TOKEN": TOKEN})
    request = Request("embedding", OPENAI_EMBEDDINGS, {"model": "m", "input": "a", "encoding_format": "base64"})
    exchange = provider.provider_call(Call(request), request, where)
    assert json.loads(exchange.request.body or b"") == {"model": "GigaChat-2", "input": ["a"]}
    request = request.with_members({"dimensions": 8})
    with pytest.raises(UnsupportedParamsError, match="dimensions"):
        provider.provider_call(Call(request), request, where)


def read(exchange: Exchange, body: dict[str, Any]) -> Any:
    return exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))
