"""What OpenAI's reasoning models take, by family (OpenAI API reference and the guide "Reasoning")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Members, Request, decoded
from nova_core.wire.drop_policy import is_default

PENALTIES = frozenset({"presence_penalty", "frequency_penalty"})
SAMPLING = frozenset({"temperature", "top_p", "logprobs", "top_logprobs"})


@dataclass(frozen=True, slots=True)
class Family:
    """A family of reasoning models. `never` is always refused; `sampling` only while the model reasons.

    `rests_from` is the minor version whose default effort is `none`. `system_as` is the role that takes the
    place of system messages, None where they are understood.
    """

    names: re.Pattern[str]
    never: frozenset[str]
    sampling: frozenset[str] = SAMPLING
    rests_from: int | None = None
    system_as: str | None = None


FAMILIES: tuple[Family, ...] = (
    Family(re.compile(r"o1-(mini|preview)\b"), PENALTIES | {"logit_bias", "tools", "tool_choice"}, system_as="user"),
    Family(re.compile(r"o(1|3-mini)(-|$)"), PENALTIES | {"logit_bias", "parallel_tool_calls"}),
    Family(re.compile(r"o[34](-|$)"), PENALTIES | {"logit_bias", "parallel_tool_calls", "stop"}),
    Family(
        re.compile(r"gpt-5(?!-chat)(\.(?P<minor>\d+))?(?!\S*-chat)"),
        PENALTIES | {"stop", "logit_bias", "modalities", "prediction", "audio", "web_search_options"},
        rests_from=1,
    ),
)


@lru_cache(maxsize=1000)
def family_of(model: str) -> tuple[Family, re.Match[str]] | None:
    """The family of an upstream model name, fine-tuned ones (`ft:o4-mini:…`) included; None for the others."""
    name = model.rsplit("/", 1)[-1].removeprefix("ft:")
    return next(((family, match) for family in FAMILIES if (match := family.names.match(name))), None)


def review_reasoning(request: Request, named: str | None = None) -> Fidelity:
    """Notes on members that the model refuses; their defaults are hints.

    `named` is the model's own name where the request has another one.
    """
    found = family_of(named or request.model)
    if found is None:
        return Fidelity()
    family, match = found
    refused = family.never if _rests(family, match, request.members) else family.never | family.sampling
    notes = []
    for name in sorted(refused & set(request.members)):
        harmless = is_default(name, decoded(request.members[name]))
        notes.append(FieldNote(name, Fate.HINT if harmless else Fate.LOST, f"{request.model} does not take it"))
    return Fidelity(tuple(notes))


def for_reasoning(request: Request, named: str | None = None) -> Request:
    """The request as a reasoning model wants it; others get theirs unchanged. `named` as in `review_reasoning`."""
    found = family_of(named or request.model)
    if found is None:
        return request
    if "max_tokens" in request.members:
        limit = request.members.get("max_completion_tokens", request.members["max_tokens"])
        request = request.without("max_tokens").with_members({"max_completion_tokens": limit})
    role = found[0].system_as
    if role is not None:
        request = request.with_members({"messages": [_as(role, message) for message in request.get("messages", [])]})
    return request


def _rests(family: Family, match: re.Match[str], members: Members) -> bool:
    """Whether the model will not reason, and so takes sampling parameters."""
    if family.rests_from is None:
        return False
    effort = decoded(members.get("reasoning_effort"))
    minor = int(match.groupdict().get("minor") or 0)
    return effort == "none" or (effort is None and minor >= family.rests_from)


def _as(role: str, message: Any) -> Any:
    if isinstance(message, Mapping) and message.get("role") in ("system", "developer"):
        return {**message, "role": role}
    return message
