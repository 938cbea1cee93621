"""Wildcard model names: which pattern serves a name, and what its `*` stand for. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from nova_core.types.deployment import Deployment
from nova_plugin_router_tags.families import provider_of

SPECIAL = frozenset("*+?\\^$|()")
LONGEST_NAME = 512
"""Characters; a pattern with several `*` takes polynomial time in the length of the name."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A `model_name` with `*`, as a regular expression that must match the whole name."""

    text: str
    regex: re.Pattern[str]

    @property
    def specificity(self) -> tuple[int, int]:
        """Length of the expression, then how many of its characters are special; escapes count as two."""
        source = self.regex.pattern
        return len(source), sum(character in SPECIAL for character in source)

    def captures(self, name: str) -> tuple[str, ...] | None:
        """What each `*` took; None when the pattern does not match all of the name."""
        found = self.regex.fullmatch(name)
        return found.groups() if found else None


def pattern(text: str) -> Pattern:
    """`*` matches anything, also nothing; every other character is itself."""
    return Pattern(text, re.compile(re.escape(text).replace(r"\*", "(.*)"), re.DOTALL))


def by_specificity(names: Iterable[str]) -> tuple[Pattern, ...]:
    """The patterns among these names, most specific first; equals keep their order."""
    found = [pattern(name) for name in names if "*" in name]
    return tuple(sorted(found, key=lambda each: each.specificity, reverse=True))


def first_match(patterns: Sequence[Pattern], name: str) -> tuple[Pattern, tuple[str, ...]] | None:
    """The most specific pattern that matches, and its captures."""
    if len(name) > LONGEST_NAME:
        return None
    for each in patterns:
        captures = each.captures(name)
        if captures is not None:
            return each, captures
    return None


def substituted(model: str, captures: Sequence[str], name: str) -> str:
    """`model` with each `*` replaced by the next capture; unused `*` stay.

    A model without `*` stays; with more captures than `*` it becomes the caller's whole `name`.
    """
    stars = model.count("*")
    if not stars:
        return model
    if len(captures) > stars:
        return name
    pieces = model.split("*")
    fillers = [*captures, *"*" * (stars - len(captures))]
    return pieces[0] + "".join(filler + piece for filler, piece in zip(fillers, pieces[1:], strict=True))


def for_name(deployment: Deployment, captures: Sequence[str], name: str) -> Deployment | None:
    """The deployment as it serves `name`; None when neither it nor the name says which provider that is."""
    if "*" not in deployment.model:
        return deployment
    model = substituted(deployment.model, captures, name)
    if deployment.provider:
        return replace(deployment, model=model.removeprefix(f"{deployment.provider}/") if model == name else model)
    prefix, slash, rest = model.partition("/")
    if slash and prefix and rest:
        return replace(deployment, provider=prefix, model=rest)
    inferred = provider_of(model)
    return replace(deployment, provider=inferred, model=model) if inferred else None


def resolve(
    groups: Mapping[str, Sequence[Deployment]], patterns: Sequence[Pattern], name: str
) -> tuple[Deployment, ...] | None:
    """Candidates for a name that is no group: all deployments of the pattern that serves it.

    A bare name that no pattern matches is tried again with its vendor's prefix.
    """
    inferred = provider_of(name)
    for spelling in (name,) if inferred is None else (name, f"{inferred}/{name}"):
        found = first_match(patterns, spelling)
        if found is not None:
            matched, captures = found
            served = (for_name(each, captures, spelling) for each in groups[matched.text])
            return tuple(each for each in served if each is not None) or None
    return None
