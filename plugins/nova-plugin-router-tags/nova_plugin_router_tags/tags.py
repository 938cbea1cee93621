"""Which deployments a call's tags choose. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nova_core.types.deployment import Deployment

DEFAULT = "default"
EXCLUDES, REQUIRES = "!", "&"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator says: `match_any` one shared tag is enough; `prefix` marks tags meant for routing."""

    match_any: bool = True
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call's tags, sorted by what they ask: any (or all) of `positive`, all of `required`, none of `excluded`.

    `declared` are those that carried the operator's prefix.
    """

    positive: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    declared: frozenset[str] = frozenset()

    @property
    def constrains(self) -> bool:
        """Whether it requires or excludes something."""
        return bool(self.required or self.excluded)

    def allows(self, deployment: Deployment) -> bool:
        """Whether a deployment has every required tag and no excluded one."""
        return self.required.issubset(deployment.tags) and self.excluded.isdisjoint(deployment.tags)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen and why; `chosen` None means that nothing fits."""

    chosen: tuple[Deployment, ...] | None
    why: str


def wanted(tags: Iterable[str], prefix: str = "") -> Wanted:
    """Sort tags by their marks. The prefix may stand before the mark or after it."""
    positive: list[str] = []
    marked: dict[str, set[str]] = {EXCLUDES: set(), REQUIRES: set()}
    declared: set[str] = set()
    for tag in tags:
        bare = tag.removeprefix(prefix)
        mark = bare[:1] if bare[:1] in marked else ""
        name = bare.removeprefix(mark).removeprefix(prefix)
        if not name:
            continue
        if prefix and len(name) + len(mark) < len(tag):
            declared.add(name)
        if mark:
            marked[mark].add(name)
        else:
            positive.append(name)
    return Wanted(
        tuple(dict.fromkeys(positive)), frozenset(marked[REQUIRES]), frozenset(marked[EXCLUDES]), frozenset(declared)
    )


def choose(
    tags: Wanted, candidates: Sequence[Deployment], group: Sequence[Deployment], rules: Rules, user_agent: str = ""
) -> Choice:
    """The candidates that the tags choose. `group` is the whole model group: its tags are the known ones."""
    allowed = [each for each in candidates if tags.allows(each)]
    if tags.positive:
        return _by_positive(tags, allowed, group, rules, user_agent)
    if user_agent and not tags.required:
        matched = [each for each in allowed if matches_agent(each, user_agent, rules)]
        if matched:
            return Choice(tuple(matched), "the user agent matches their tag_regex")
    if tags.required:
        return Choice(tuple(allowed) or None, "they have the required tags")
    if not tags.excluded:
        return Choice(_defaults(allowed) or tuple(candidates), "the call has no tags")
    return Choice(_defaults(allowed) or tuple(allowed) or None, "they have no excluded tag")


def inside_task(tags: Wanted, candidates: Sequence[Deployment], rules: Rules) -> tuple[Deployment, ...]:
    """The candidates that a task has selected and the tags choose among; empty when they fit none of them."""
    allowed = [each for each in candidates if tags.allows(each)]
    if not tags.positive:
        return tuple(allowed)
    return tuple(each for each in allowed if shares(each, tags.positive, rules))


def shares(deployment: Deployment, positive: Iterable[str], rules: Rules) -> bool:
    """Whether a deployment has any of the tags, or all of them where the operator wants all."""
    own = frozenset(deployment.tags)
    return any(tag in own for tag in positive) if rules.match_any else own.issuperset(positive)


def matches_agent(deployment: Deployment, user_agent: str, rules: Rules) -> bool:
    """Whether a `tag_regex` is found in the caller's user agent; strict matching looks at plain tags alone."""
    if not rules.match_any and deployment.tags:
        return False
    text = f"User-Agent: {user_agent}"
    return any(expression(source).search(text) for source in regexes_of(deployment))


def regexes_of(deployment: Deployment) -> tuple[str, ...]:
    """The deployment's `tag_regex`: one, or a list."""
    given = deployment.settings.get("tag_regex") or ()
    return (given,) if isinstance(given, str) else tuple(map(str, given))


@lru_cache(maxsize=1024)
def expression(source: str) -> re.Pattern[str]:
    """Compiled once. Raises re.error."""
    return re.compile(source)


def known_tags(group: Iterable[Deployment]) -> tuple[str, ...]:
    """The distinct tags of a group, in config order, without `default`."""
    return tuple(dict.fromkeys(tag for each in group for tag in each.tags if tag != DEFAULT))


def _by_positive(
    tags: Wanted, allowed: Sequence[Deployment], group: Sequence[Deployment], rules: Rules, user_agent: str
) -> Choice:
    matched = [each for each in allowed if shares(each, tags.positive, rules)]
    if not matched and user_agent and not tags.required:
        matched = [each for each in allowed if matches_agent(each, user_agent, rules)]
    if matched:
        return Choice(tuple(matched), f"tags {', '.join(tags.positive)}")
    if tags.declared.intersection(tags.positive) or not frozenset(tags.positive).isdisjoint(known_tags(group)):
        return Choice(None, "the tags exist, and no deployment fits them together")
    return Choice(_defaults(allowed) or None, "no deployment has these tags")


def _defaults(candidates: Iterable[Deployment]) -> tuple[Deployment, ...]:
    return tuple(each for each in candidates if DEFAULT in each.tags)
