"""Models that take no budget to think with are asked for adaptive thinking at an effort."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_core.errors import UnsupportedParamsError
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from nova_core.wire.anthropic_messages.thinking_models import family_of
from nova_core.wire.body import parse_members
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_plugin_anthropic import plugin

ADAPTIVE = {"type": "adaptive", "display": "summarized"}
ALWAYS_ON = ["claude-fable-5", "claude-fable-5-1", "claude-mythos-5", "claude-opus-5-5", "claude-opus-6"]
CAN_STOP = ["claude-opus-4-7", "claude-opus-4-8", "claude-sonnet-5", "claude-opus-5", "claude-haiku-5-5"]
WITH_BUDGET = ["claude-sonnet-4-5", "claude-opus-4-20250514", "claude-opus-4-6", "claude-3-7-sonnet-20250219"]


def sent(model: str, dialect: Dialect, *, drop: bool = False, **fields: Any) -> tuple[dict[str, Any], Call]:
    """The body that the upstream gets, and the call that was reported on."""
    body = {"model": "public", "messages": [{"role": "user", "content": "hi"}], **fields}
    request = Request(dialect.operation, dialect, parse_members(json.dumps(body).encode()))
    call = Call(request, options=CallOptions(drop_params=drop))
    deployment = plugin.complete(Deployment("i", "public", "anthropic", model, api_key=Secret("k")), {})
    upstream = json.loads(plugin.provider_call(call, request, deployment).request.body or b"")
    return upstream, call


def approximated(call: Call) -> tuple[str, ...]:
    return call.fidelity.of(Fate.APPROXIMATED)


@pytest.mark.parametrize("model", [*ALWAYS_ON, *CAN_STOP, "claude-sonnet-5-5"])
@pytest.mark.parametrize(
    ("budget", "effort"), [(1024, "low"), (5000, "medium"), (10000, "high"), (50000, "xhigh"), (100000, "max")]
)
def test_a_budget_is_said_as_adaptive_thinking_at_an_effort(model, budget, effort):
    thinking = {"type": "enabled", "budget_tokens": budget}
    body, call = sent(model, ANTHROPIC_MESSAGES, max_tokens=128000, thinking=thinking)
    assert body["thinking"] == ADAPTIVE
    assert body["output_config"] == {"effort": effort}
    assert approximated(call) == ("thinking.budget_tokens",)


def test_an_effort_beside_a_budget_is_kept_and_so_are_the_other_words():
    thinking = {"type": "enabled", "budget_tokens": 50000, "display": "omitted"}
    config = {"effort": "low", "format": {"type": "json_schema", "schema": {}}}
    body, _ = sent("claude-opus-4-8", ANTHROPIC_MESSAGES, max_tokens=99, thinking=thinking, output_config=config)
    assert body["thinking"] == {"type": "adaptive", "display": "omitted"}
    assert body["output_config"] == config


@pytest.mark.parametrize("model", [*WITH_BUDGET, "claude-mythos-preview"])
def test_models_that_take_budgets_keep_theirs(model):
    thinking = {"type": "enabled", "budget_tokens": 2048}
    body, call = sent(model, ANTHROPIC_MESSAGES, max_tokens=4096, thinking=thinking)
    assert body["thinking"] == thinking
    assert "output_config" not in body
    assert approximated(call) == ()


@pytest.mark.parametrize("effort", ["low", "medium", "high", "xhigh", "max"])
@pytest.mark.parametrize("max_tokens", [200, 100000])
def test_an_effort_from_another_dialect_arrives_as_it_was_said(effort, max_tokens):
    body, call = sent("claude-opus-4-8", OPENAI_CHAT, reasoning_effort=effort, max_tokens=max_tokens)
    assert body["thinking"] == ADAPTIVE
    assert body["output_config"] == {"effort": effort}
    assert body["max_tokens"] == max_tokens
    assert approximated(call) == ()


def test_room_to_think_is_left_where_the_caller_names_no_limit():
    plain, _ = sent("claude-opus-4-8", OPENAI_CHAT)
    thinking, _ = sent("claude-opus-4-8", OPENAI_CHAT, reasoning_effort="high")
    assert thinking["max_tokens"] > plain["max_tokens"]


def test_the_least_effort_elsewhere_is_low_here():
    body, call = sent("claude-fable-5", OPENAI_CHAT, reasoning_effort="minimal")
    assert body["output_config"] == {"effort": "low"}
    assert "reasoning_effort" in approximated(call)


def test_a_budget_from_another_dialect_is_said_as_an_effort():
    body, call = sent("claude-opus-5", OPENAI_CHAT, thinking={"type": "enabled", "budget_tokens": 4000})
    assert body["thinking"] == ADAPTIVE
    assert body["output_config"] == {"effort": "medium"}
    assert "thinking.budget_tokens" in approximated(call)


def test_older_models_still_get_a_budget_for_an_effort():
    body, _ = sent("claude-sonnet-4-5", OPENAI_CHAT, reasoning_effort="low", max_tokens=5000)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 1024}


@pytest.mark.parametrize("model", [*ALWAYS_ON, "claude-mythos-preview"])
def test_models_that_cannot_stop_thinking_think_little_instead(model):
    body, call = sent(model, ANTHROPIC_MESSAGES, max_tokens=99, thinking={"type": "disabled"})
    assert "thinking" not in body
    assert body["output_config"] == {"effort": "low"}
    assert approximated(call) == ("thinking",)


@pytest.mark.parametrize("model", CAN_STOP)
def test_thinking_is_turned_off_where_that_is_possible(model):
    off = {"type": "disabled"}
    for body, call in (
        sent(model, ANTHROPIC_MESSAGES, max_tokens=99, thinking=off),
        sent(model, OPENAI_CHAT, max_tokens=99, reasoning_effort="none"),
    ):
        assert body["thinking"] == off
        assert "output_config" not in body
        assert "thinking" not in approximated(call)


def test_the_model_with_another_word_for_off_gets_its_word():
    body, _ = sent("claude-sonnet-5-5", ANTHROPIC_MESSAGES, max_tokens=99, thinking={"type": "disabled"})
    assert body["thinking"] == {"type": "between_tools"}


@pytest.mark.parametrize(
    ("model", "effort"), [("claude-opus-5", "high"), ("claude-sonnet-5-5", "high"), ("claude-opus-4-8", "max")]
)
def test_the_highest_efforts_without_thinking_are_lowered_where_they_are_refused(model, effort):
    asked = {"thinking": {"type": "disabled"}, "output_config": {"effort": "max"}}
    body, call = sent(model, ANTHROPIC_MESSAGES, max_tokens=99, **asked)
    assert body["output_config"] == {"effort": effort}
    assert approximated(call) == (("output_config.effort",) if effort != "max" else ())


def test_a_count_is_asked_for_with_the_thinking_of_the_message():
    thinking = {"type": "enabled", "budget_tokens": 2048}
    body, _ = sent("claude-opus-4-8", ANTHROPIC_COUNT_TOKENS, thinking=thinking)
    assert body["thinking"] == ADAPTIVE
    assert body["output_config"] == {"effort": "low"}


def test_thinking_that_the_model_takes_passes_as_it_is():
    raw = b'{"model": "p","max_tokens":9, "messages":[{"role":"user","content":"hi"}],"thinking" : {"type":"adaptive"}}'
    request = Request("chat", ANTHROPIC_MESSAGES, parse_members(raw))
    deployment = plugin.complete(Deployment("i", "p", "anthropic", "claude-opus-5-5", api_key=Secret("k")), {})
    body = plugin.provider_call(Call(request), request, deployment).request.body
    assert body is not None
    assert b'{"type":"adaptive"}' in body
    assert b"output_config" not in body


@pytest.mark.parametrize(
    ("model", "same_as"),
    [
        ("claude-opus-5-20260724", "claude-opus-5"),
        ("anthropic.claude-opus-4-8-v1:0", "claude-opus-4-7"),
        ("claude-opus-4.8", "claude-opus-4-7"),
        ("claude-fable-5-20260601", "claude-fable-5"),
        ("claude-haiku-6-1", "claude-fable-5"),
    ],
)
def test_dates_and_platforms_in_a_name_do_not_change_its_family(model, same_as):
    assert family_of(model) is family_of(same_as) is not None


@pytest.mark.parametrize(
    "model", [*WITH_BUDGET, "claude-opus-4-5-20251101", "claude-2.1", "claude-instant-1.2", "gpt-5"]
)
def test_other_models_are_of_no_family(model):
    assert family_of(model) is None


@pytest.mark.parametrize("dialect", [ANTHROPIC_MESSAGES, OPENAI_CHAT])
@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_how_to_sample_is_refused_by_name_for_models_that_refuse_to_be_told(name: str, dialect: Dialect) -> None:
    asked: dict[str, Any] = {"max_tokens": 99, name: 5 if name == "top_k" else 0.5}
    for model in ("claude-opus-4-8", "claude-fable-5"):
        with pytest.raises(UnsupportedParamsError, match=f"`{name}`"):
            sent(model, dialect, **asked)
        body, call = sent(model, dialect, drop=True, **asked)
        assert name not in body
        assert call.fidelity.lost == (name,)
    for model in WITH_BUDGET:
        assert sent(model, dialect, **asked)[0][name] == asked[name]


def test_a_default_of_sampling_is_left_out_and_never_refused() -> None:
    body, call = sent("claude-opus-4-8", ANTHROPIC_MESSAGES, max_tokens=99, temperature=1)
    assert "temperature" not in body
    assert call.fidelity.dropped == ("temperature",)


MUST = {"tools": [{"type": "function", "function": {"name": "look"}}], "tool_choice": "required"}
NEVER_FORCED = [
    "claude-fable-5-1",
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-mythos-5-1",
    "claude-opus-5-5",
    "claude-sonnet-5-5",
]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "look"}}])
def test_a_model_that_must_call_a_tool_does_not_think(choice):
    asked = {**MUST, "tool_choice": choice, "reasoning_effort": "high"}
    body, call = sent("claude-sonnet-4-5", OPENAI_CHAT, temperature=0.2, **asked)
    assert "thinking" not in body
    assert body["tool_choice"]["type"] in ("any", "tool")
    assert body["temperature"] == 0.2
    assert "reasoning_effort" in approximated(call)
    for model in CAN_STOP:
        body, call = sent(model, OPENAI_CHAT, **asked)
        assert body["thinking"] == {"type": "disabled"}
        assert body["output_config"] == {"effort": "high"}
        assert "reasoning_effort" in approximated(call)


def test_a_model_that_may_call_a_tool_or_always_thinks_keeps_thinking():
    body, call = sent("claude-sonnet-4-5", OPENAI_CHAT, reasoning_effort="high", **{**MUST, "tool_choice": "auto"})
    assert body["thinking"]["type"] == "enabled"
    assert "reasoning_effort" not in approximated(call)
    body, _ = sent("claude-fable-5", OPENAI_CHAT, reasoning_effort="high", **MUST)
    assert (body["thinking"], body["tool_choice"]["type"]) == (ADAPTIVE, "any")


@pytest.mark.parametrize("model", NEVER_FORCED)
def test_a_call_is_not_demanded_of_models_that_cannot_be_made_to(model):
    native = {"tools": [{"name": "look", "input_schema": {"type": "object"}}], "tool_choice": {"type": "any"}}
    for dialect, asked in ((OPENAI_CHAT, MUST), (ANTHROPIC_MESSAGES, {**native, "max_tokens": 99})):
        with pytest.raises(UnsupportedParamsError, match="`tool_choice`"):
            sent(model, dialect, **asked)
        body, call = sent(model, dialect, drop=True, **asked)
        assert "tool_choice" not in body
        assert [tool["name"] for tool in body["tools"]] == ["look"]
        assert call.fidelity.lost == ("tool_choice",)
    body, _ = sent(model, OPENAI_CHAT, reasoning_effort="high", drop=True, **MUST)
    assert body["thinking"] == ADAPTIVE


@pytest.mark.parametrize(("name", "value"), [("temperature", 0.2), ("top_p", 0.5), ("top_k", 5)])
def test_how_to_sample_is_refused_by_name_while_a_model_thinks(name: str, value: float) -> None:
    thinking = {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 2048}}
    for dialect, asked in ((OPENAI_CHAT, {"reasoning_effort": "low"}), (ANTHROPIC_MESSAGES, thinking)):
        with pytest.raises(UnsupportedParamsError, match=f"`{name}`.*while it thinks"):
            sent("claude-sonnet-4-5", dialect, **asked, **{name: value})
        body, call = sent("claude-sonnet-4-5", dialect, drop=True, **asked, **{name: value})
        assert name not in body
        assert body["thinking"]["type"] == "enabled"
        assert call.fidelity.lost == (name,)


def test_what_a_thinking_model_takes_of_sampling_is_sent() -> None:
    body, call = sent("claude-sonnet-4-5", OPENAI_CHAT, reasoning_effort="low", temperature=1, top_p=0.95)
    assert (body["temperature"], body["top_p"]) == (1, 0.95)
    assert call.fidelity.dropped == ()
