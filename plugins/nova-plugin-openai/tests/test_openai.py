"""OpenAI's provider: headers, paths, and what reasoning models take."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_core.errors import UnsupportedParamsError
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange
from nova_core.wire.body import parse_members
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_chat.reasoning_models import family_of
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
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
    "model", ["o1", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5-mini", "gpt-5.1", "ft:o4-mini:x"]
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
