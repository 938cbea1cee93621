"""What OpenAI's reasoning models take, by family (OpenAI API reference, guides "Reasoning" and "Using GPT-6")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Request, decoded
from nova_core.wire.drop_policy import is_default
from nova_core.wire.openai_chat.fields import NAME

PENALTIES = frozenset({"presence_penalty", "frequency_penalty"})
SAMPLING = frozenset({"temperature", "top_p", "logprobs", "top_logprobs"})


BEYOND = ("modalities", "prediction", "audio", "web_search_options")
"""What the newer models leave to others, or to tools."""


@dataclass(frozen=True, slots=True)
class Family:
    """A family of reasoning models. `never` is always refused; `sampling` only while the model reasons.

    `efforts` are those it takes, least first. `rests` says that it does not reason unless it is told to.
    `system_as` is the role that takes the place of system messages, None where they are understood. `tools_elsewhere`
    says that while it reasons it calls tools in the Responses API alone.
    """

    names: re.Pattern[str]
    never: frozenset[str]
    efforts: tuple[str, ...] = ("low", "medium", "high")
    sampling: frozenset[str] = SAMPLING
    rests: bool = False
    system_as: str | None = None
    tools_elsewhere: bool = False


NEWER = PENALTIES | {"stop", "logit_bias", *BEYOND}
UP_TO_HIGH = ("none", "low", "medium", "high")
UP_TO_XHIGH = (*UP_TO_HIGH, "xhigh")
UP_TO_MAX = (*UP_TO_XHIGH, "max")
# Models for chats alone do not reason, whatever their generation.
REST = r"(?!\.?\d)(?!\S*-chat)"
FAMILIES: tuple[Family, ...] = (
    Family(re.compile(r"o1-(mini|preview)\b"), PENALTIES | {"logit_bias", "tools", "tool_choice"}, system_as="user"),
    Family(re.compile(r"o(1|3-mini)(-|$)"), PENALTIES | {"logit_bias", "parallel_tool_calls"}),
    Family(re.compile(r"o[34](-|$)"), PENALTIES | {"logit_bias", "parallel_tool_calls", "stop"}),
    Family(re.compile(r"gpt-5-pro"), NEWER, ("high",)),
    Family(re.compile(r"gpt-5\.\d+-pro"), NEWER, ("medium", "high", "xhigh")),
    Family(re.compile(rf"gpt-5{REST}"), NEWER, ("minimal", "low", "medium", "high")),
    Family(re.compile(rf"gpt-5\.1{REST}"), NEWER, UP_TO_HIGH, rests=True),
    Family(re.compile(rf"gpt-5\.[23]{REST}"), NEWER, UP_TO_XHIGH, rests=True),
    Family(re.compile(rf"gpt-5\.4{REST}"), NEWER, UP_TO_XHIGH, rests=True, tools_elsewhere=True),
    Family(re.compile(rf"gpt-5\.5{REST}"), NEWER, UP_TO_XHIGH, tools_elsewhere=True),
    Family(
        re.compile(rf"gpt-(5\.\d+|6(?=-sol)|6(\.\d+)?(?=-(luna|terra))){REST}"), NEWER, UP_TO_MAX, tools_elsewhere=True
    ),
    # All others since generation 6 reason always.
    Family(re.compile(rf"gpt-([6-9]|\d\d)(\.\d+)?{REST}"), NEWER, UP_TO_MAX[1:], tools_elsewhere=True),
)
"""The first family that matches counts."""
UNREASONING = re.compile(r"(chat)?gpt-([34]|audio)|gpt-5\S*-chat")
"""Models of the vendor that do not reason, and take no effort."""
RESPONSES_ONLY = re.compile(
    r"(o\d|gpt-[5-9][.\d]*)\S*-(pro|codex|deep-research|cyber|rosalind|law)\b"
    r"|computer-use|codex-|gpt-(daybreak|rosalind)-"
)
"""Models that are served by the Responses API alone."""


def _name(model: str) -> str:
    return model.rsplit("/", 1)[-1].removeprefix("ft:")


@lru_cache(maxsize=1000)
def family_of(model: str) -> Family | None:
    """The family of an upstream model name, fine-tuned ones (`ft:o4-mini:…`) included; None for the others."""
    return next((family for family in FAMILIES if family.names.match(_name(model))), None)


@lru_cache(maxsize=1000)
def only_in_responses(model: str) -> bool:
    """Whether the vendor serves the model in its Responses API alone."""
    return RESPONSES_ONLY.match(_name(model)) is not None


def fitting_effort(model: str, effort: str) -> str:
    """The effort nearest to `effort` that the model takes; one of another vendor is told what is asked for."""
    family = family_of(model)
    if family is None or effort in family.efforts:
        return effort
    taken = [each for each in family.efforts if each != "none"]
    return taken[-1] if effort in ("high", "xhigh", "max") else taken[0]


def effort_at_rest(model: str) -> str | None:
    """The effort at which a model that reasons unless it is told not to does not; None where nothing need be said."""
    family = family_of(model)
    return "none" if family is not None and not family.rests and "none" in family.efforts else None


def review_reasoning(request: Request, named: str | None = None) -> Fidelity:
    """Notes on members that the model refuses; their defaults are hints.

    `named` is the model's own name where the request, of a chat or of the Responses API, has another one.
    """
    family = family_of(named or request.model)
    if family is None:
        hint = FieldNote("reasoning_effort", Fate.HINT, f"{request.model} does not reason")
        return Fidelity((hint,) if takes_no_effort(request, named) else ())
    refused = family.never if request.dialect.name == NAME else frozenset()
    if reasons(family, effort_of_request(request)):
        refused |= family.sampling
    notes = []
    for name in sorted(refused & set(request.members)):
        harmless = is_default(name, decoded(request.members[name]))
        notes.append(FieldNote(name, Fate.HINT if harmless else Fate.LOST, f"{request.model} does not take it"))
    return Fidelity(tuple(notes))


def takes_no_effort(request: Request, named: str | None = None) -> bool:
    """Whether an effort is asked of a model that does not reason; `named` as in `review_reasoning`."""
    return "reasoning_effort" in request.members and UNREASONING.match(_name(named or request.model)) is not None


def for_reasoning(request: Request, named: str | None = None) -> Request:
    """The request as a reasoning model wants it; others get theirs unchanged. `named` as in `review_reasoning`."""
    family = family_of(named or request.model)
    if family is None:
        return request
    if "max_tokens" in request.members:
        limit = request.members.get("max_completion_tokens", request.members["max_tokens"])
        request = request.without("max_tokens").with_members({"max_completion_tokens": limit})
    role = family.system_as
    if role is not None:
        request = request.with_members({"messages": [_as(role, message) for message in request.get("messages", [])]})
    return request


def effort_of_request(request: Request) -> Any:
    """The effort that a request in OpenAI's words asks for, None where it says nothing."""
    asked = decoded(request.members.get("reasoning_effort", request.members.get("reasoning")))
    return asked.get("effort") if isinstance(asked, Mapping) else asked


def reasons(family: Family, effort: Any) -> bool:
    """Whether the model will reason at this effort, None for its own."""
    return not family.rests if effort is None else effort != "none"


def _as(role: str, message: Any) -> Any:
    if isinstance(message, Mapping) and message.get("role") in ("system", "developer"):
        return {**message, "role": role}
    return message
