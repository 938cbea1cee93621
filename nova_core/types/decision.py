"""Decisions: what routing keeps of one while a call runs, by reference, and the record that is made of it on demand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.errors import NovaError
from nova_core.types.deployment import Deployment
from nova_core.types.routing import Catalog, Snapshot

Levels = tuple[tuple[Deployment, ...], ...]
"""Candidates by order level, most preferred first."""


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as a record holds it: `status` as in HTTP, `type` the name of its class."""

    status: int
    code: str
    type: str
    message: str
    retry_after: float | None = None

    @classmethod
    def of(cls, error: NovaError) -> Failure:
        """Without what the error itself keeps alive."""
        return cls(error.status, str(error.code), type(error).__name__, error.message, error.retry_after)


class Change(msgspec.Struct, frozen=True, gc=False):
    """A step of routing that answered: its candidates before and after, and which notes of the call it wrote."""

    step: str
    before: tuple[Deployment, ...]
    after: tuple[Deployment, ...]
    first_note: int
    end_note: int


class Routed(msgspec.Struct, frozen=True, gc=False):
    """One model group as it was decided: `levels` is empty where `failure` says why nobody is left.

    `snapshot` is None where nothing was left to decide. `end_note`: the call's notes up to here belong to it.
    """

    group: str
    candidates: tuple[Deployment, ...]
    snapshot: Snapshot | None
    changes: tuple[Change, ...]
    levels: Levels
    end_note: int = 0
    failure: Failure | None = None


class Generation(msgspec.Struct, frozen=True):
    """What of a configuration a record names: its raw values, versions of plugins by distribution, and deployments."""

    raw: Mapping[str, Any]
    plugins: Mapping[str, str]
    catalog: Catalog


NO_GENERATION = Generation({}, {}, Catalog())


class Candidate(msgspec.Struct, frozen=True, omit_defaults=True):
    """A deployment in a record."""

    id: str
    provider: str
    model: str
    tags: tuple[str, ...] = ()
    order: int | None = None
    weight: float | None = None


class Removal(msgspec.Struct, frozen=True):
    """Which step left a candidate out, and why."""

    id: str
    by: str
    why: str


class NoteLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line that a step wrote. `scores` by deployment id, in the step's own unit."""

    step: str
    what: str
    why: str = ""
    scores: Mapping[str, float] | None = None


class GroupDecision(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model group: its candidates, who left whom out, and the order that is tried, level by level.

    `scores`: step → deployment id → score. `cooling`: deployment id → seconds that it would still rest.
    """

    group: str
    candidates: tuple[Candidate, ...]
    removed: tuple[Removal, ...] = ()
    order: tuple[tuple[str, ...], ...] = ()
    scores: Mapping[str, Mapping[str, float]] = {}
    cooling: Mapping[str, float] = {}
    failure: Failure | None = None


class AttemptLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt: `after` and `seconds` are seconds since the call began, and of the attempt itself."""

    number: int
    group: str
    deployment: str
    after: float
    seconds: float
    failure: Failure | None = None


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """The decision record of a call. Times in seconds, `created` in Unix seconds, `cost` in US dollars.

    `groups` are those that were routed, the first and then its fallbacks. `status` is None where nobody was called.
    `cache` is the verdict of a cache; `config` names the configuration, `plugins` the version of each distribution.
    """

    id: str
    created: float
    operation: str
    dialect: str
    model: str
    caller: str
    route: str = ""
    tags: tuple[str, ...] = ()
    stream: bool = False
    task: str | None = None
    space: str | None = None
    group: str | None = None
    deployment: str | None = None
    status: int | None = None
    failure: Failure | None = None
    groups: tuple[GroupDecision, ...] = ()
    fallbacks: tuple[str, ...] = ()
    attempts: tuple[AttemptLine, ...] = ()
    notes: tuple[NoteLine, ...] = ()
    cache: str | None = None
    dropped: tuple[str, ...] = ()
    seconds: float | None = None
    upstream_seconds: float | None = None
    usage: Mapping[str, int | float] = {}
    cost: str | None = None
    config: str | None = None
    nova: str | None = None
    plugins: Mapping[str, str] = {}
    children: tuple[Decision, ...] = ()
