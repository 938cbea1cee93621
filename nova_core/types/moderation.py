"""Moderation: whether texts and images may be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nova_core.types.chat import Extra
from nova_core.types.usage import Usage


@dataclass(frozen=True, slots=True)
class ModerationRequest:
    """`input` are texts, or parts of one content (`{"type": "text"}`, `{"type": "image_url"}`).

    `single` is True when the caller sent one text that was not in a list. `model` may be empty: the vendor's newest.
    """

    model: str
    input: tuple[Any, ...]
    single: bool = False
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModerationResult:
    """What was found in one input: categories by name, their scores from 0 to 1, and the kinds of input they are of."""

    flagged: bool
    categories: Mapping[str, bool | None] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    applied: Mapping[str, Sequence[str]] = field(default_factory=dict)
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModerationReply:
    """One result for each input. Vendors state no usage."""

    model: str
    results: tuple[ModerationResult, ...]
    id: str = ""
    usage: Usage | None = None
    extra: Extra = field(default_factory=dict)
