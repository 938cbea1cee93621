"""What routing decides with: the catalog of deployments and a snapshot of their state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec

from nova_core.types.deployment import Deployment
from nova_core.types.facts import ModelFacts


@dataclass(frozen=True, slots=True)
class Catalog:
    """All deployments of one configuration, immutable.

    `groups` maps a public model name to its deployments in config order (pattern groups such as `vendor/*` too);
    `aliases` maps an alias to a group name; `hidden` are aliases left out of listings.
    """

    groups: Mapping[str, tuple[Deployment, ...]] = field(default_factory=dict)
    by_id: Mapping[str, Deployment] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    by_upstream: Mapping[str, tuple[Deployment, ...]] = field(default_factory=dict)
    """Upstream name (`provider/model`, and `model`) → deployments; filled only where the operator allows such calls."""
    unserved: Mapping[str, str] = field(default_factory=dict)
    """Deployment id → why it cannot be served (plugin missing or broken), with the mend."""
    registered: Mapping[str, ModelFacts] = field(default_factory=dict)
    """`provider/model`, or `model`, → what `register_model` says of it."""


class Snapshot(msgspec.Struct, frozen=True):
    """The state a routing decision may depend on. The same snapshot and call give the same answer.

    `cooling` maps a deployment id to the `time.monotonic()` second its cooldown ends. `group` is the model
    group being routed; `fallback` counts how many groups were tried before it. `random` is
    seeded with `seed`, anew at each reading. `state` is what plugins decide with: the entries of `route_state`.
    """

    group: str
    now: float
    catalog: Catalog
    fallback: int = 0
    cooling: Mapping[str, float] = {}
    tried: frozenset[str] = frozenset()
    seed: int = 0
    state: Mapping[str, Any] = {}

    @property
    def random(self) -> Random:
        """A generator for this decision; every reading starts from the seed again."""
        return Random(self.seed)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A line of `/v1/models`."""

    id: str
    owned_by: str = "nova"
    mode: str | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
