"""How much to think: `thinkingConfig` to and from efforts and budgets."""

# https://ai.google.dev/gemini-api/docs/thinking and …/openai (how efforts are meant). Models before Gemini 3 take
# `thinkingBudget`, later ones `thinkingLevel`; both at once are refused.

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast, get_args

from nova_core.types.chat import Effort, Reasoning
from nova_core.types.message import Request
from nova_core.wire.gemini.fields import camel, enum
from nova_core.wire.gemini.notes import Notes
from nova_core.wire.openai_chat.fields import Fields, bad_field

BUDGETED: Final = re.compile(r"gemini-[12](\.\d+)?-|robotics-er-1")
"""Names of models that think by a budget."""
MINIMAL_TOO: Final = re.compile(r"gemini-3(\.[1-5])?-flash|flash-(lite-)?latest")
"""Names of models whose least level is below `LOW`."""
BEYOND_HIGH: Final = re.compile(r"gemini-([4-9]|\d\d)(?!\d)")
"""Names of models whose highest level is `XHIGH`."""
BUDGETS: Final[Mapping[str, int]] = {
    "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576,
}  # fmt: skip
"""Tokens to think with, by effort."""
RANGES: Final = (("gemini-2.5-pro", 128, 32768), ("gemini-2.5-flash-lite", 512, 24576), ("gemini-2.5-flash", 1, 24576))
"""Least and largest budget by the start of a model's name; 0 turns thinking off, except for the first."""
LEVELS: Final[Mapping[str, str]] = {
    "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH",
}  # fmt: skip


def parse_thinking(fields: Fields) -> Reasoning | None:
    """`thinkingLevel` as an effort, `thinkingBudget` as a budget: 0 is off, -1 leaves it to the model."""
    level, budget = enum(fields.text("thinkingLevel")), fields.integer("thinkingBudget")
    summary = "auto" if fields.boolean("includeThoughts") else None
    effort = None
    if level not in (None, "THINKING_LEVEL_UNSPECIFIED"):
        effort = str(level).lower()
        if effort not in get_args(Effort):
            raise bad_field(fields.at("thinkingLevel"), "must be MINIMAL, LOW, MEDIUM, HIGH or XHIGH")
    if budget == 0:
        return Reasoning(budget=0, mode="disabled")
    if budget is not None and budget < 0:
        return Reasoning(mode="adaptive", summary=summary)
    if effort is None and budget is None and summary is None:
        return None
    return Reasoning(cast("Effort | None", effort), budget, summary=summary)


def render_thinking(wanted: Reasoning | None, model: str, notes: Notes) -> dict[str, Any]:
    """The `thinkingConfig`; empty where nothing was asked for."""
    if wanted is None:
        return {}
    if notes.own:
        return _as_said(wanted)
    if wanted.mode == "disabled" or wanted.effort == "none":
        return _off(model, notes)
    if wanted.mode is None and wanted.effort is None and wanted.budget is None:
        return {"includeThoughts": True} if wanted.summary else {}
    if BUDGETED.search(model):
        return {"thinkingBudget": _budget(wanted, model, notes), "includeThoughts": True}
    if wanted.effort is None and wanted.budget is None:
        return {"includeThoughts": True}
    return {"thinkingLevel": _level(wanted, model, notes), "includeThoughts": True}


def _as_said(wanted: Reasoning) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if wanted.mode in ("disabled", "adaptive"):
        said["thinkingBudget"] = 0 if wanted.mode == "disabled" else -1
    elif wanted.effort is not None:
        said["thinkingLevel"] = wanted.effort.upper()
    elif wanted.budget is not None:
        said["thinkingBudget"] = wanted.budget
    return {**said, "includeThoughts": True} if wanted.summary else said


def _off(model: str, notes: Notes) -> dict[str, Any]:
    if not BUDGETED.search(model):
        level = "MINIMAL" if MINIMAL_TOO.search(model) else "LOW"
        notes.approximated("reasoning_effort", f"{model} cannot stop thinking: level {level}")
        return {"thinkingLevel": level}
    if "gemini-2.5-pro" in model:
        notes.approximated("reasoning_effort", f"{model} cannot stop thinking: the least budget")
        return {"thinkingBudget": 128}
    notes.mapped("reasoning_effort", "a budget of 0")
    return {"thinkingBudget": 0}


def _budget(wanted: Reasoning, model: str, notes: Notes) -> int:
    if wanted.effort is None and wanted.budget is None:
        return -1
    budget = BUDGETS[wanted.effort or "minimal"] if wanted.budget is None else wanted.budget
    _, least, most = next((row for row in RANGES if row[0] in model), ("", 0, budget))
    within = min(max(budget, least), most)
    if wanted.budget is None:
        notes.mapped("reasoning_effort", f"a budget of {within} tokens")
    elif within != budget:
        notes.approximated("thinking.budget_tokens", f"{model} takes {least} to {most} tokens")
    return within


def _level(wanted: Reasoning, model: str, notes: Notes) -> str:
    if wanted.effort is None:
        budget = wanted.budget or 0
        effort = next((name for name in ("low", "medium", "high") if budget <= BUDGETS[name]), "high")
        notes.approximated("thinking.budget_tokens", f"sent as the level {LEVELS[effort]}")
        return LEVELS[effort]
    if wanted.effort == "minimal" and not MINIMAL_TOO.search(model):
        notes.approximated("reasoning_effort", f"the least level of {model} is LOW")
        return "LOW"
    if wanted.effort not in ("xhigh", "max"):
        return LEVELS[wanted.effort]
    highest = "XHIGH" if BEYOND_HIGH.search(model) else "HIGH"
    if highest != wanted.effort.upper():
        notes.approximated("reasoning_effort", f"the highest level is {highest}")
    return highest


def for_model(request: Request) -> Request:
    """The request with a budget in place of a level, which earlier models refuse; the same where nothing changes."""
    if request.operation != "chat" or not BUDGETED.search(request.model):
        return request
    name = next((name for name in request.members if camel(name) == "generationConfig"), "generationConfig")
    config = request.get(name)
    key = next((key for key in config if camel(key) == "thinkingConfig"), "") if isinstance(config, Mapping) else ""
    said = config[key] if key else None
    thinking = {camel(field): value for field, value in said.items()} if isinstance(said, Mapping) else {}
    level = thinking.pop("thinkingLevel", None)
    if not isinstance(level, str):
        return request
    thinking.setdefault("thinkingBudget", BUDGETS.get(level.lower(), -1))
    return request.with_members({name: {**config, key: thinking}})
