"""Anthropic's provider: credentials, versions, betas, addresses, errors."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from nova_core.errors import (
    AuthenticationError,
    BadRequestError,
    ContextWindowExceededError,
    ServiceUnavailableError,
    UnsupportedParamsError,
)
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.events import Frame, ToolCallStart
from nova_core.types.facts import ModelFacts
from nova_core.types.message import Reply, Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from nova_core.wire.body import parse_members
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.translate import translate_reply
from nova_plugin_anthropic import plugin

HELLO = [{"role": "user", "content": "hi"}]


def messages(**fields: Any) -> Request:
    body = {"model": "public", "max_tokens": 9, "messages": HELLO, **fields}
    return Request("chat", ANTHROPIC_MESSAGES, parse_members(json.dumps(body).encode()))


def asked(
    request: Request,
    environ: dict[str, str] | None = None,
    caller: dict[str, str] | None = None,
    **fields: Any,
) -> Exchange:
    given = Deployment("i", "public", "anthropic", "claude-sonnet-4-5", **fields)
    where = plugin.complete(given, {"ANTHROPIC_API_KEY": "sk-ant-api03-x"} if environ is None else environ)
    return plugin.provider_call(Call(request, headers=caller), request, where)


def headers(exchange: Exchange) -> dict[str, str]:
    return {name.lower(): value for name, value in exchange.request.headers}


def sent(exchange: Exchange) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(exchange.request.body or b"")
    return body


def test_a_key_goes_into_its_own_header():
    exchange = asked(messages())
    assert headers(exchange) == {
        "content-type": "application/json",
        "x-api-key": "sk-ant-api03-x",
        "anthropic-version": "2023-06-01",
    }
    assert exchange.request.url == "https://api.anthropic.com/v1/messages"


@pytest.mark.parametrize(
    "environ", [{"ANTHROPIC_AUTH_TOKEN": "tok-123456"}, {"ANTHROPIC_API_KEY": "sk-ant-oat01-abcdef"}]
)
def test_a_token_is_sent_as_bearer(environ):
    found = headers(asked(messages(), environ))
    assert found["authorization"] == f"Bearer {next(iter(environ.values()))}"
    assert "x-api-key" not in found


def test_a_key_beats_a_token_and_the_deployments_key_beats_both():
    environ = {"ANTHROPIC_API_KEY": "key-1", "ANTHROPIC_AUTH_TOKEN": "tok"}
    assert headers(asked(messages(), environ))["x-api-key"] == "key-1"
    assert headers(asked(messages(), environ, api_key=Secret("mine")))["x-api-key"] == "mine"


def test_no_credential_is_an_error_that_names_both_variables():
    with pytest.raises(AuthenticationError, match=r"ANTHROPIC_API_KEY.*ANTHROPIC_AUTH_TOKEN"):
        asked(messages(), {})


@pytest.mark.parametrize(
    "base",
    [
        "https://proxy.test",
        "https://proxy.test/",
        "https://proxy.test/v1",
        "https://proxy.test/v1/",
        "https://proxy.test/v1/messages",
        "https://proxy.test/v1/messages/count_tokens",
    ],
)
def test_every_way_to_write_the_base_leads_to_the_same_paths(base):
    assert asked(messages(), api_base=base).request.url == "https://proxy.test/v1/messages"
    count = Request("count_tokens", ANTHROPIC_COUNT_TOKENS, parse_members(json.dumps({"messages": HELLO}).encode()))
    assert asked(count, api_base=base).request.url == "https://proxy.test/v1/messages/count_tokens"


def test_version_and_betas_of_a_caller_of_this_api_are_forwarded():
    caller = {"anthropic-version": "2024-01-01", "anthropic-beta": "context-1m-2025-08-07, other", "x-other": "1"}
    found = headers(asked(messages(), caller=caller))
    assert found["anthropic-version"] == "2024-01-01"
    assert found["anthropic-beta"] == "context-1m-2025-08-07,other"
    assert "x-other" not in found


def test_headers_of_a_caller_of_another_api_are_not():
    body = {"model": "public", "max_tokens": 9, "messages": HELLO}
    request = Request("chat", OPENAI_CHAT, parse_members(json.dumps(body).encode()))
    exchange = asked(request, caller={"anthropic-version": "1", "anthropic-beta": "x"})
    assert headers(exchange)["anthropic-version"] == "2023-06-01"
    assert "anthropic-beta" not in headers(exchange)
    assert sent(exchange)["model"] == "claude-sonnet-4-5"
    assert sent(exchange)["max_tokens"] == 9


def test_betas_of_caller_request_token_and_operator_are_joined_once_each():
    tools = [{"type": "computer_20250124", "name": "computer", "display_width_px": 1, "display_height_px": 1}]
    exchange = asked(
        messages(tools=tools, mcp_servers=[{"type": "url"}]),
        {"ANTHROPIC_API_KEY": "sk-ant-oat01-abcdef"},
        {"anthropic-beta": "mine,computer-use-2025-01-24"},
        extra_headers={"Anthropic-Beta": "operators,mine"},
    )
    assert headers(exchange)["anthropic-beta"].split(",") == [
        "oauth-2025-04-20",
        "computer-use-2025-01-24",
        "mcp-client-2025-04-04",
        "mine",
        "operators",
    ]


@pytest.mark.parametrize(
    ("fields", "beta"),
    [
        ({"tools": [{"type": "code_execution_20250825", "name": "x"}]}, "code-execution-2025-08-25"),
        ({"context_management": {"edits": []}}, "context-management-2025-06-27"),
        ({"container": {"skills": [{"type": "anthropic"}]}}, "skills-2025-10-02"),
        ({"speed": "fast"}, "fast-mode-2026-02-01"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "document", "source": {"type": "file", "file_id": "file_1"}}],
                    }
                ]
            },
            "files-api-2025-04-14",
        ),
    ],
)
def test_a_feature_in_the_body_asks_for_its_beta(fields, beta):
    assert headers(asked(messages(**fields)))["anthropic-beta"] == beta


def test_same_dialect_keeps_cache_control_metadata_and_thinking():
    body = {
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "metadata": {"user_id": "u"},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    exchange = asked(messages(**body))
    assert sent(exchange) == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 9,
        "messages": HELLO,
        **body,
    }


def test_embeddings_are_not_served():
    request = Request("embedding", OPENAI_EMBEDDINGS, parse_members(b'{"model":"m","input":"a"}'))
    with pytest.raises(BadRequestError, match="does not serve embedding"):
        asked(request)


def test_replies_are_read():
    reply = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "hello"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    read = asked(messages()).read(UpstreamResponse(200, {"request-id": "r"}, json.dumps(reply).encode()))
    assert isinstance(read, Reply)
    assert read.usage is not None
    assert (read.usage.input_total, read.usage.output_total) == (3, 2)
    assert read.headers == {"request-id": "r"}


def test_a_count_is_read():
    count = Request("count_tokens", ANTHROPIC_COUNT_TOKENS, parse_members(json.dumps({"messages": HELLO}).encode()))
    read = asked(count).read(UpstreamResponse(200, {}, b'{"input_tokens":14}'))
    assert isinstance(read, Reply)
    assert read.get("input_tokens") == 14


@pytest.mark.parametrize(
    ("status", "kind", "message", "expected"),
    [
        (529, "overloaded_error", "Overloaded", ServiceUnavailableError),
        (400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum", ContextWindowExceededError),
        (401, "authentication_error", "invalid x-api-key", AuthenticationError),
    ],
)
def test_errors_are_understood(status, kind, message, expected):
    body = {"type": "error", "error": {"type": kind, "message": message}}
    error = asked(messages()).read_error(UpstreamResponse(status, {}, json.dumps(body).encode()))
    assert type(error) is expected
    assert error.status == status
    assert error.type == kind


def test_answers_are_as_long_as_the_model_lets_them_where_nobody_sets_a_limit():
    known = ModelFacts(max_output_tokens=64_000)
    chat = Request("chat", OPENAI_CHAT, {"model": "public", "messages": HELLO})
    assert sent(asked(chat))["max_tokens"] == 4096
    assert sent(asked(chat, facts=known))["max_tokens"] == 64_000
    thinking = sent(asked(chat.with_members({"reasoning_effort": "high"}), facts=known))
    assert (thinking["max_tokens"], thinking["thinking"]["budget_tokens"]) == (64_000, 4096)
    assert sent(asked(chat.with_members({"max_tokens": 5}), facts=known))["max_tokens"] == 5
    assert sent(asked(messages(), facts=known))["max_tokens"] == 9


def test_tools_have_names_that_the_vendor_takes_and_are_called_by_their_own():
    tools = [{"type": "function", "function": {"name": name}} for name in ("files.read/all", "plain")]
    history = [{"id": "c", "type": "function", "function": {"name": "files.read/all", "arguments": "{}"}}]
    said = [*HELLO, {"role": "assistant", "tool_calls": history}, {"role": "tool", "tool_call_id": "c", "content": "x"}]
    exchange = asked(Request("chat", OPENAI_CHAT, {"model": "public", "messages": said, "tools": tools}))
    name, plain = (tool["name"] for tool in sent(exchange)["tools"])
    assert re.fullmatch(r"files_read_all_[0-9a-f]{8}", name)
    assert (plain, sent(exchange)["messages"][1]["content"][0]["name"]) == ("plain", name)
    call = {"type": "tool_use", "id": "t", "name": name, "input": {}}
    usage = {"input_tokens": 1, "output_tokens": 1}
    body = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [call], "usage": usage}
    reply = exchange.read(UpstreamResponse(200, {}, json.dumps({**body, "stop_reason": "tool_use"}).encode()))
    assert isinstance(reply, Reply)
    told = translate_reply(reply, OPENAI_CHAT).get("choices")[0]["message"]["tool_calls"][0]
    assert told["function"]["name"] == "files.read/all"
    decoder = exchange.dialect.decoder()
    decoder.decode(Frame(json.dumps({"type": "message_start", "message": {**body, "content": []}}).encode()))
    block = {"type": "content_block_start", "index": 0, "content_block": call}
    (start,) = decoder.decode(Frame(json.dumps(block).encode()))
    assert isinstance(start, ToolCallStart)
    assert start.name == "files.read/all"


@pytest.mark.parametrize(
    "file",
    [
        {"file_id": "https://example.com/film.mp4?at=1"},
        {"file_data": "data:video/mp4;base64,AAAA"},
        {"file_data": "AAAA", "filename": "film.webm"},
        {"file_id": "https://example.com/song.mp3"},
    ],
)
def test_a_film_is_no_document(file: dict[str, str]) -> None:
    content = [{"type": "text", "text": "What is it?"}, {"type": "file", "file": file}]
    body = {"model": "public", "messages": [{"role": "user", "content": content}]}
    request = Request("chat", OPENAI_CHAT, parse_members(json.dumps(body).encode()))
    with pytest.raises(UnsupportedParamsError, match=r"`messages\[0\]\.content\[1\]`.*(video|audio)/"):
        asked(request)
    assert sent(asked(request, drop_params=True))["messages"][0]["content"] == content[:1]


def test_files_by_address_are_images_or_documents() -> None:
    urls = ("https://example.com/a.png", "https://example.com/a.pdf", "https://example.com/a")
    content = [{"type": "file", "file": {"file_id": url}} for url in urls]
    body = {"model": "public", "messages": [{"role": "user", "content": content}]}
    request = Request("chat", OPENAI_CHAT, parse_members(json.dumps(body).encode()))
    blocks = sent(asked(request))["messages"][0]["content"]
    assert [block["type"] for block in blocks] == ["image", "document", "document"]
