"""OpenAI's provider: headers, paths, and what reasoning models take."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_core.errors import UnsupportedParamsError
from nova_core.types.call import Call, CallOptions
from nova_core.types.chat import ChatRequest, Message, Reasoning, Text
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fate
from nova_core.types.message import Reply, Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.body import parse_members
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_chat.reasoning_models import family_of
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from nova_plugin_openai import plugin, text_completion

HELLO = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]


def asked(model: str, *, drop: bool | None = None, **fields: Any) -> tuple[Call, Exchange]:
    body = {"model": "public", "messages": HELLO, **fields}
    request = Request("chat", OPENAI_CHAT, parse_members(json.dumps(body).encode()))
    call = Call(request, options=CallOptions(drop_params=drop))
    where = plugin.complete(Deployment("i", "public", "openai", model), {"OPENAI_API_KEY": "sk-1"})
    return call, plugin.provider_call(call, request, where)


def sent(exchange: Exchange) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(exchange.request.body or b"")
    return body


def test_key_organization_and_project_come_from_the_environment():
    environ = {
        "OPENAI_API_KEY": "sk-1",
        "OPENAI_BASE_URL": "https://proxy.test/v1",
        "OPENAI_ORGANIZATION": "org-1",
        "OPENAI_PROJECT_ID": "proj-1",
    }
    where = plugin.complete(Deployment("i", "g", "openai", "gpt-4o"), environ)
    request = Request("embedding", OPENAI_EMBEDDINGS, parse_members(b'{"model":"g","input":"a"}'))
    exchange = plugin.provider_call(Call(request), request, where)
    assert exchange.request.url == "https://proxy.test/v1/embeddings"
    assert dict(exchange.request.headers) == {
        "Content-Type": "application/json",
        "Authorization": "Bearer sk-1",
        "OpenAI-Organization": "org-1",
        "OpenAI-Project": "proj-1",
    }


def test_the_deployments_organization_beats_the_environment():
    given = Deployment("i", "g", "openai", "m", api_key=Secret("k"), settings={"organization": "mine"})
    assert plugin.complete(given, {"OPENAI_ORGANIZATION": "env"}).settings == {"organization": "mine"}


@pytest.mark.parametrize(
    "model", ["gpt-4o", "gpt-4.1-mini", "gpt-5-chat-latest", "gpt-5.2-chat-latest", "gpt-oss-120b"]
)
def test_other_models_get_their_request_as_it_came(model):
    assert family_of(model) is None
    _, exchange = asked(model, max_tokens=5, temperature=0.2, presence_penalty=1)
    assert sent(exchange) == {
        "model": model,
        "messages": HELLO,
        "max_tokens": 5,
        "temperature": 0.2,
        "presence_penalty": 1,
    }


@pytest.mark.parametrize(
    "model",
    [
        "o1",
        "o3-mini",
        "o4-mini-2025-04-16",
        "gpt-5",
        "gpt-5-mini",
        "gpt-5.1",
        "gpt-6.2-astra",
        "gpt-6-luna",
        "ft:o4-mini:x",
    ],
)
def test_reasoning_models_count_tokens_under_the_new_name(model):
    _, exchange = asked(model, max_tokens=5)
    assert sent(exchange) == {"model": model, "messages": HELLO, "max_completion_tokens": 5}
    _, exchange = asked(model, max_tokens=5, max_completion_tokens=7)
    assert sent(exchange)["max_completion_tokens"] == 7


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [
        ("o3-mini", "temperature", 0.5),
        ("o3-mini", "top_p", 0.5),
        ("o1", "presence_penalty", 1),
        ("o1", "logprobs", True),
        ("gpt-5", "temperature", 0.5),
        ("gpt-5", "stop", ["x"]),
        ("gpt-5", "logit_bias", {"1": 1}),
        ("gpt-5", "top_p", 0.5),
        ("gpt-5.1", "frequency_penalty", 1),
        ("gpt-5.5", "temperature", 0.5),
        ("gpt-6-sol", "stop", ["x"]),
        ("o4-mini", "stop", ["x"]),
        ("o3", "parallel_tool_calls", False),
        ("o3-mini", "parallel_tool_calls", False),
    ],
)
def test_what_a_reasoning_model_refuses_is_refused_here_or_dropped(model, field, value):
    with pytest.raises(UnsupportedParamsError, match=field):
        asked(model, **{field: value})
    call, exchange = asked(model, drop=True, **{field: value})
    assert field not in sent(exchange)
    assert call.fidelity.lost == (field,)


@pytest.mark.parametrize("model", ["o3", "gpt-5"])
def test_a_temperature_of_one_is_left_out_quietly(model):
    call, exchange = asked(model, temperature=1)
    assert "temperature" not in sent(exchange)
    assert call.fidelity.lost == ()


@pytest.mark.parametrize(("model", "effort"), [("gpt-5.1", "none"), ("gpt-5.1", None), ("gpt-5.4-mini", None)])
def test_a_model_that_does_not_reason_takes_sampling_parameters(model, effort):
    fields = {"reasoning_effort": effort} if effort else {}
    _, exchange = asked(model, temperature=0.3, top_p=0.9, logprobs=True, **fields)
    assert sent(exchange)["temperature"] == 0.3
    with pytest.raises(UnsupportedParamsError):
        asked(model, temperature=0.3, reasoning_effort="low")


def test_the_first_small_models_know_no_system_role():
    _, exchange = asked("o1-mini")
    assert [message["role"] for message in sent(exchange)["messages"]] == ["user", "user"]
    _, exchange = asked("o1")
    assert sent(exchange)["messages"] == HELLO


def test_the_old_completions_prefix_asks_completions_only():
    where = text_completion.complete(
        Deployment("i", "g", "text-completion-openai", "gpt-3.5-turbo-instruct"), {"OPENAI_API_KEY": "sk-1"}
    )
    request = Request("completion", OPENAI_COMPLETIONS, parse_members(b'{"model":"g","prompt":"once","max_tokens":3}'))
    exchange = text_completion.provider_call(Call(request), request, where)
    assert exchange.request.url == "https://api.openai.com/v1/completions"
    assert sent(exchange) == {"model": "gpt-3.5-turbo-instruct", "prompt": "once", "max_tokens": 3}
    assert text_completion.providers == ("text-completion-openai",)


def test_chat_under_the_old_prefix_becomes_a_prompt_where_that_loses_nothing():
    where = text_completion.complete(
        Deployment("i", "g", "text-completion-openai", "gpt-3.5-turbo-instruct"), {"OPENAI_API_KEY": "sk-1"}
    )

    def ask(messages: list[dict[str, str]]) -> Exchange:
        body = json.dumps({"model": "g", "messages": messages, "max_tokens": 3}).encode()
        request = Request("chat", OPENAI_CHAT, parse_members(body))
        return text_completion.provider_call(Call(request), request, where)

    assert sent(ask(HELLO)) == {"model": "gpt-3.5-turbo-instruct", "prompt": "be brief\n\nhi", "max_tokens": 3}
    with pytest.raises(UnsupportedParamsError, match="messages"):
        ask([*HELLO, {"role": "assistant", "content": "ha"}, {"role": "user", "content": "more"}])


def test_thoughts_of_other_providers_stay_behind():
    """Messages that other providers answered would be refused; servers elsewhere may want their thoughts back."""
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    answer = {"role": "assistant", "content": "yes", "reasoning_content": "Hm.", "thinking_blocks": [thought]}
    said = [*HELLO, {**answer, "provider_specific_fields": {"citations": []}}, *HELLO]
    call, exchange = asked("gpt-4.1", messages=said)
    assert sent(exchange)["messages"] == [*HELLO, {"role": "assistant", "content": "yes"}, *HELLO]
    assert {name.partition(".")[2] for name in call.fidelity.dropped} == {
        "reasoning_content", "thinking_blocks", "provider_specific_fields",
    }  # fmt: skip
    _, exchange = asked("qwen3-32b", messages=said)
    assert sent(exchange)["messages"] == said


FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    ("model", "fields", "there"),
    [
        ("gpt-6-astra", {}, False),
        ("gpt-6-astra", {"tools": [FUNCTION]}, True),
        ("gpt-6.2-sol", {"functions": [FUNCTION["function"]]}, True),
        ("gpt-6-luna", {"tools": [FUNCTION], "reasoning_effort": "none"}, False),
        ("gpt-5.6", {"tools": [FUNCTION]}, True),
        ("gpt-5.4", {"tools": [FUNCTION]}, False),
        ("gpt-5.4", {"tools": [FUNCTION], "reasoning_effort": "low"}, True),
        ("gpt-5.1", {"tools": [FUNCTION], "reasoning_effort": "low"}, False),
        ("gpt-5", {"reasoning_effort": {"effort": "low", "summary": "auto"}}, True),
        ("gpt-5.2-pro", {}, True),
        ("gpt-5.3-codex", {}, True),
        ("o4-mini-deep-research", {}, True),
        ("responses/gpt-4.1", {}, True),
    ],
)
def test_what_chat_completions_refuse_is_asked_in_the_responses_api(model, fields, there):
    _, exchange = asked(model, **fields)
    path = "/v1/responses" if there else "/v1/chat/completions"
    assert exchange.request.url == f"https://api.openai.com{path}"
    assert ("input" in sent(exchange)) is there
    assert sent(exchange).get("store") is (False if there else None)


def test_a_chat_in_the_responses_api_keeps_what_both_have_and_refuses_what_its_model_does():
    part = {"type": "text", "text": "long", "prompt_cache_breakpoint": {"mode": "explicit"}}
    shared = {"safety_identifier": "u", "prompt_cache_options": {"mode": "explicit"}, "service_tier": "fast"}
    _, exchange = asked("gpt-6-sol", tools=[FUNCTION], messages=[{"role": "user", "content": [part]}], **shared)
    body = sent(exchange)
    assert {name: body[name] for name in shared} == shared
    assert body["input"][0]["content"] == [{**part, "type": "input_text"}]
    with pytest.raises(UnsupportedParamsError, match="temperature"):
        asked("gpt-6-sol", tools=[FUNCTION], temperature=0.2)
    call, exchange = asked("gpt-5.3-codex", max_tokens=5)
    assert sent(exchange)["max_output_tokens"] == 16
    assert call.fidelity.of(Fate.APPROXIMATED) == ("max_tokens",)


def test_servers_that_speak_like_the_vendor_are_asked_in_chats_unless_the_operator_says_otherwise():
    def url(**more: Any) -> str:
        body = json.dumps({"model": "public", "messages": HELLO, "tools": [FUNCTION]}).encode()
        request = Request("chat", OPENAI_CHAT, parse_members(body))
        given = Deployment("i", "public", "openai", "gpt-6-sol", api_base="http://here/v1", **more)
        return plugin.provider_call(Call(request), request, plugin.complete(given, {})).request.url

    assert url() == "http://here/v1/chat/completions"
    assert url(info={"mode": "responses"}) == "http://here/v1/responses"
    assert url(info={"mode": "responses"}, settings={"use_chat_completions_api": True}).endswith("/chat/completions")


@pytest.mark.parametrize(
    ("model", "wanted", "said"),
    [
        ("gpt-6-astra", {"effort": "max"}, "max"),
        ("gpt-5.2", {"effort": "max"}, "xhigh"),
        ("gpt-5.1", {"effort": "xhigh"}, "high"),
        ("of-others", {"effort": "max"}, "max"),
        ("gpt-6-luna", {"mode": "disabled"}, "none"),
        ("gpt-6-astra", {"mode": "disabled"}, None),
        ("gpt-5.2", {"budget": 100}, "low"),
        ("gpt-5", {"budget": 100}, "minimal"),
    ],
)
def test_efforts_of_other_dialects_become_those_that_the_model_takes(model, wanted, said):
    typed = ChatRequest(model, (Message("user", (Text("hi"),)),), reasoning=Reasoning(**wanted))
    members, _ = OPENAI_CHAT.render_request(typed)
    assert members.get("reasoning_effort") == said
    members, _ = OPENAI_RESPONSES.render_request(typed)
    assert members.get("reasoning", {}).get("effort") == said


def test_answers_of_the_responses_api_are_told_as_a_chat():
    _, exchange = asked("gpt-6-sol", tools=[FUNCTION])
    call = {"type": "function_call", "id": "fc_1", "call_id": "c_1", "name": "f", "arguments": "{}"}
    thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
    used = {"input_tokens": 5, "output_tokens": 4, "total_tokens": 9, "output_tokens_details": {"reasoning_tokens": 3}}
    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-6-sol"}
    body = {**head, "status": "completed", "output": [thought, call], "usage": used}
    reply = exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))
    assert isinstance(reply, Reply)
    told = OPENAI_CHAT.render_reply(reply.typed)
    assert told["choices"][0]["finish_reason"] == "tool_calls"
    assert told["choices"][0]["message"]["tool_calls"][0]["id"] == "c_1"
    assert told["choices"][0]["message"]["reasoning_content"] == "Hm."
    assert told["usage"]["completion_tokens_details"]["reasoning_tokens"] == 3


def test_ids_of_calls_that_are_too_long_are_shortened_alike_in_call_and_result():
    call_id = "functions.look:" + "x" * 90
    turns = [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": call_id, "name": "look", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call_id, "content": "a pixel"}]},
    ]
    body = {"model": "public", "max_tokens": 9, "messages": turns}
    request = Request("chat", ANTHROPIC_MESSAGES, parse_members(json.dumps(body).encode()))
    where = plugin.complete(Deployment("i", "public", "openai", "gpt-4.1"), {"OPENAI_API_KEY": "sk-1"})
    _, called, told = sent(plugin.provider_call(Call(request), request, where))["messages"]
    assert called["tool_calls"][0]["id"] == told["tool_call_id"]
    assert told["tool_call_id"].startswith("functions.look:xx") and len(told["tool_call_id"]) == 64


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-4o-mini", "chatgpt-4o-latest", "gpt-5-chat-latest"])
def test_models_that_do_not_reason_are_asked_for_no_effort(model):
    call, exchange = asked(model, reasoning_effort="high")
    assert sent(exchange) == {"model": model, "messages": HELLO}
    assert call.fidelity.dropped == ("reasoning_effort",)
