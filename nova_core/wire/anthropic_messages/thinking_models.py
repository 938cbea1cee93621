"""Models that think without a budget: `thinking` of the type adaptive, `output_config.effort`, and no sampling."""

# https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting (what each model rejects),
# https://platform.claude.com/docs/en/build-with-claude/effort, "What's new" of each model, and
# https://platform.claude.com/docs/en/about-claude/models/migration-guide (how they are sampled cannot be said).

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from nova_core.types.chat import ChatRequest
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Request, decoded
from nova_core.wire.drop_policy import is_default


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models. `budgets` says that it still takes budgets.

    `off` is the type of `thinking` that turns thinking off, None where it is always on. `calm_when_off`: with
    thinking off the efforts above `high` are refused. `obeys` says that it can be made to call a tool.
    """

    names: re.Pattern[str]
    off: str | None = "disabled"
    calm_when_off: bool = False
    budgets: bool = False
    obeys: bool = True


# A version is followed by nothing, by a date of eight digits, or by what a platform appends.
END = r"(?![-.]?\d(?!\d{7}))"
FAMILIES: tuple[Family, ...] = (
    Family(re.compile(r"claude-mythos-preview"), off=None, budgets=True),
    Family(re.compile(rf"claude-opus-4[-.][78]{END}")),
    Family(re.compile(rf"claude-sonnet-5{END}")),
    Family(re.compile(rf"claude-(opus-5|haiku-5[-.]5){END}"), calm_when_off=True),
    Family(re.compile(rf"claude-sonnet-5[-.]5{END}"), off="between_tools", calm_when_off=True, obeys=False),
    Family(re.compile(rf"claude-(opus-5[-.]5|(fable|mythos)-5[-.][1-9]){END}"), off=None, obeys=False),
    # All others since 4.7 refuse budgets; leaving thinking on is what none of them refuses.
    Family(re.compile(rf"claude-[a-z]+-(4[-.]([7-9]|\d\d)|([5-9]|\d\d)([-.]\d\d?)?){END}"), off=None),
)
"""The first family that matches counts. Models of none think with a budget (4.6 does both), or not at all."""

EFFORT_BY_BUDGET: tuple[tuple[int, str], ...] = ((2048, "low"), (8192, "medium"), (32768, "high"), (65536, "xhigh"))
"""Budgets in tokens up to which an effort comes near; larger ones are `max`. The vendor names no equivalents."""
ABOVE_HIGH = frozenset({"xhigh", "max"})
SAMPLING: Final = ("temperature", "top_p", "top_k")
THINKING: Final = ("enabled", "adaptive")
LEAST_TOP_P: Final = 0.95
"""A model that thinks takes no lower one."""
FORCING: Final = ("any", "tool")


def family_of(model: str) -> Family | None:
    """The family of an upstream model name, such as `claude-opus-4-8` or `anthropic.claude-opus-4-8`."""
    return next((family for family in FAMILIES if family.names.search(model)), None)


def effort_for(budget: Any) -> str:
    """The effort that comes near a budget."""
    if not isinstance(budget, int):
        return "high"
    return next((effort for limit, effort in EFFORT_BY_BUDGET if budget <= limit), "max")


def with_adaptive_effort(typed: ChatRequest) -> ChatRequest:
    """An effort, which other dialects state alone, as adaptive thinking at that effort; its text is shown."""
    reasoning = typed.reasoning
    if reasoning is None or reasoning.mode is not None or reasoning.effort in (None, "none"):
        return typed
    family = family_of(typed.model)
    if family is None or family.budgets:
        return typed
    shown = reasoning.summary or "summarized"
    return replace(typed, reasoning=replace(reasoning, mode="adaptive", budget=None, summary=shown))


def review_thinking(request: Request) -> Fidelity:
    """Notes on what `for_model` says nearly."""
    changed = for_model(request)
    if changed is request:
        return Fidelity()
    asked, config = request.get("thinking"), request.get("output_config") or {}
    if asked["type"] == "enabled":
        effort = changed.get("output_config")["effort"]
        return _note("thinking.budget_tokens", f"{request.model} takes no budget: effort {effort}")
    if changed.get("thinking") is None:
        return _note("thinking", f"{request.model} cannot stop thinking")
    if config.get("effort") in ABOVE_HIGH:
        return _note("output_config.effort", f"{request.model} takes at most high without thinking")
    return Fidelity()


def review_sampling(request: Request) -> Fidelity:
    """Notes on what says how to sample, for the models that refuse to be told, always or while they think."""
    asked = {name: decoded(request.members[name]) for name in SAMPLING if name in request.members}
    if not asked:
        return Fidelity()
    thinking = request.get("thinking")
    thinks = isinstance(thinking, Mapping) and thinking.get("type") in THINKING
    return Fidelity(tuple(refused_sampling(request.model, asked, thinks=thinks)))


def refused_sampling(model: str, asked: Mapping[str, Any], *, thinks: bool) -> list[FieldNote]:
    """A note on each value of `asked` that `model` does not take; one that is the default is a hint."""
    if not takes_sampling(model):
        fates = [(name, Fate.HINT if is_default(name, value) else Fate.LOST) for name, value in asked.items()]
        return [FieldNote(name, fate, f"{model} does not take it") for name, fate in fates]
    refused = [name for name, value in asked.items() if thinks and not _taken_while_thinking(name, value)]
    return [FieldNote(name, Fate.LOST, "the model does not take it while it thinks") for name in refused]


def _taken_while_thinking(name: str, value: Any) -> bool:
    if value is None:
        return True
    if name == "top_p":
        return isinstance(value, int | float) and value >= LEAST_TOP_P
    return is_default(name, value)


def review_choice(request: Request) -> Fidelity:
    """A note on a tool call that is demanded of a model that cannot be made to."""
    if "tool_choice" not in request.members or can_be_forced(request.model):
        return Fidelity()
    choice = request.get("tool_choice")
    if not isinstance(choice, Mapping) or choice.get("type") not in FORCING:
        return Fidelity()
    return Fidelity((FieldNote("tool_choice", Fate.LOST, f"{request.model} cannot be made to call a tool"),))


def can_be_forced(model: str) -> bool:
    """Whether `model` takes a `tool_choice` that demands a call."""
    family = family_of(model)
    return family is None or family.obeys


def stops_to_obey(model: str) -> bool:
    """Whether `model` must not think to be made to call a tool; those that always think need not stop."""
    family = family_of(model)
    return family is None or (family.obeys and family.off is not None)


def takes_sampling(model: str) -> bool:
    """Whether `model` takes a temperature, a `top_p` and a `top_k` of the caller's choice."""
    family = family_of(model)
    return family is None or family.budgets


def for_model(request: Request) -> Request:
    """The request with `thinking` as its model takes it; the same request when it does already."""
    thinking = request.get("thinking")
    if not isinstance(thinking, Mapping) or (family := family_of(request.model)) is None:
        return request
    if thinking.get("type") == "enabled" and not family.budgets:
        return _adaptive(request, thinking)
    return _off(request, thinking, family) if thinking.get("type") == "disabled" else request


def _adaptive(request: Request, thinking: Mapping[str, Any]) -> Request:
    kept = {name: value for name, value in thinking.items() if name not in ("type", "budget_tokens")}
    # With a budget the text of the thoughts came unasked; adaptive thinking leaves it out unasked.
    adaptive = {"type": "adaptive", "display": "summarized", **kept}
    return _with_effort(request.with_members({"thinking": adaptive}), effort_for(thinking.get("budget_tokens")))


def _off(request: Request, thinking: Mapping[str, Any], family: Family) -> Request:
    if family.off is None:
        return _with_effort(request.without("thinking"), "low")
    if thinking["type"] != family.off:
        request = request.with_members({"thinking": {"type": family.off}})
    config = request.get("output_config")
    if family.calm_when_off and isinstance(config, Mapping) and config.get("effort") in ABOVE_HIGH:
        request = request.with_members({"output_config": {**config, "effort": "high"}})
    return request


def _with_effort(request: Request, effort: str) -> Request:
    """An effort where none was asked for."""
    config = request.get("output_config")
    said = config if isinstance(config, Mapping) else {}
    return request.with_members({"output_config": {**said, "effort": said.get("effort") or effort}})


def _note(field: str, detail: str) -> Fidelity:
    return Fidelity((FieldNote(field, Fate.APPROXIMATED, detail),))
