"""How much to think: effort and budgets as `thinking` and `output_config.effort`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from nova_core.types.chat import ChatRequest, Reasoning
from nova_core.wire.anthropic_messages.fields import NAME, Notes
from nova_core.wire.anthropic_messages.thinking_models import family_of, stops_to_obey

BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}
"""Tokens to think with, by effort."""
LEAST_BUDGET: Final = 1024
EFFORTS: Final = frozenset({"low", "medium", "high", "xhigh", "max"})


def render_reasoning(typed: ChatRequest, members: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """Set `thinking` in `members`, raise a `max_tokens` that the caller did not give; answer output_config fields."""
    reasoning = typed.reasoning
    if reasoning is None:
        return {}
    if NAME not in typed.extra and _thinks(reasoning) and _must_call(typed) and stops_to_obey(typed.model):
        return _obeying(reasoning, typed, members, notes)
    if reasoning.mode is not None or NAME in typed.extra:
        return _native(reasoning, typed, members, notes)
    if reasoning.effort == "none":
        members["thinking"] = {"type": "disabled"}
        notes.mapped("reasoning_effort", "thinking disabled")
        return {}
    if reasoning.effort is None and reasoning.budget is None:
        return {}
    budget = thinking_budget(reasoning, typed.max_tokens)
    if budget is None:
        notes.approximated("reasoning_effort", "max_tokens leaves no room for thinking")
        return {}
    if typed.max_tokens is None:
        members["max_tokens"] += budget
    members["thinking"] = {"type": "enabled", "budget_tokens": budget}
    notes.mapped("reasoning_effort", f"thinking with a budget of {budget} tokens")
    if reasoning.summary is not None:
        members["thinking"]["display"] = "summarized"
        notes.approximated("reasoning_effort.summary", "thinking is shown summarized")
    return {}


def thinking_budget(reasoning: Reasoning, max_tokens: int | None) -> int | None:
    """Tokens to think with, below `max_tokens`; None when that leaves less than the vendor's least."""
    budget = reasoning.budget if reasoning.budget is not None else BUDGETS[reasoning.effort or "minimal"]
    budget = max(budget, LEAST_BUDGET)
    if max_tokens is not None and budget >= max_tokens:
        budget = max_tokens - 1
    return budget if budget >= LEAST_BUDGET else None


def _thinks(reasoning: Reasoning) -> bool:
    if reasoning.mode is not None:
        return reasoning.mode != "disabled"
    return reasoning.budget is not None or reasoning.effort not in (None, "none")


def _must_call(typed: ChatRequest) -> bool:
    return bool(typed.tools) and typed.tool_choice is not None and typed.tool_choice.mode in ("required", "named")


def _obeying(reasoning: Reasoning, typed: ChatRequest, members: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """No thinking, which the vendor refuses together with a tool that must be called; the effort stays."""
    notes.approximated("reasoning_effort", "no thinking where a tool must be called")
    if family_of(typed.model) is None:
        return {}
    return _native(replace(reasoning, mode="disabled", summary=None), typed, members, notes)


def _native(reasoning: Reasoning, typed: ChatRequest, members: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """Words of this dialect, said as they were; other dialects may use them too."""
    budget = reasoning.budget if reasoning.budget is not None else BUDGETS.get(reasoning.effort or "minimal")
    budget = budget or LEAST_BUDGET
    if reasoning.mode == "enabled":
        members["thinking"] = {"type": "enabled", "budget_tokens": budget}
    elif reasoning.mode is not None:
        members["thinking"] = {"type": reasoning.mode}
    # Thinking counts against max_tokens, whoever decides how much of it there is.
    if reasoning.mode in ("enabled", "adaptive") and "max_tokens" in members and typed.max_tokens is None:
        members["max_tokens"] += budget
    if reasoning.summary is not None and "thinking" in members:
        members["thinking"]["display"] = reasoning.summary if NAME in typed.extra else "summarized"
    if reasoning.effort is None:
        return {}
    if reasoning.effort not in EFFORTS:
        notes.approximated("reasoning_effort", "the vendor's least effort is low")
        return {"effort": "low"}
    return {"effort": reasoning.effort}
