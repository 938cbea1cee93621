"""Which strategy ranks which model group, from the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nova_core.errors import ConfigurationError

SHUFFLE, LEAST_BUSY, USAGE, LATENCY, COST, PRIORITY = (
    "simple-shuffle",
    "least-busy",
    "usage-based",
    "latency-based",
    "cost-based",
    "priority",
)
STRATEGIES = (SHUFFLE, LEAST_BUSY, USAGE, LATENCY, COST, PRIORITY)
SUFFIXES = ("-v2", "-routing")
"""What the names of strategies may end with."""
NAMES = (*STRATEGIES, *(f"{name}-routing" for name in (USAGE, LATENCY, COST)), f"{USAGE}-routing-v2")


@dataclass(frozen=True, slots=True)
class LatencyArgs:
    """`ttl`: seconds after which an answer says nothing any more; `decay`: seconds after which it counts a third.

    `buffer`: share by which a candidate may be slower than the fastest; None: two at random are compared.
    `percentile`: of the latest `samples` times to the first chunk, in place of their moving average.
    """

    ttl: float = 3600.0
    decay: float = 10.0
    buffer: float | None = None
    percentile: float | None = None
    samples: int = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """How the deployments of one group are ranked. `priorities`: model group → number, lower first."""

    strategy: str = SHUFFLE
    latency: LatencyArgs = LatencyArgs()
    priorities: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plans:
    """`default` is for groups that `groups` does not name; `spans` maps a routing group to its model groups."""

    default: Plan = Plan()
    groups: Mapping[str, Plan] = field(default_factory=dict)
    spans: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, group: str) -> Plan:
        """The plan for a model group or routing group."""
        return self.groups.get(group, self.default)

    def strategies(self) -> frozenset[str]:
        """All that may be asked for by the configuration."""
        return frozenset({self.default.strategy, *(plan.strategy for plan in self.groups.values())})


def known_strategy(name: str) -> str | None:
    """The strategy that goes by this name."""
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name if name in STRATEGIES else None


def plans_of(router: Mapping[str, Any]) -> Plans:
    """The plans of `router_settings`. Raises ConfigurationError for arguments that make no sense."""
    args = router.get("routing_strategy_args")
    default = _plan(str(router.get("routing_strategy") or SHUFFLE), args, {}, "routing_strategy_args")
    groups: dict[str, Plan] = {}
    spans: dict[str, tuple[str, ...]] = {}
    for entry in router.get("routing_groups") or ():
        name, models = str(entry["group_name"]), tuple(map(str, entry.get("models") or ()))
        where = f"routing_groups '{name}'"
        priorities = {str(model): int(number) for model, number in (entry.get("model_priorities") or {}).items()}
        plan = _plan(
            str(entry.get("routing_strategy") or SHUFFLE), entry.get("routing_strategy_args"), priorities, where
        )
        spans[name] = models
        for each in (name, *(models if plan.strategy != PRIORITY else ())):
            if each in groups:
                raise ConfigurationError(f"{where}: '{each}' is in another routing group already")
            groups[each] = plan
    return Plans(default, groups, spans)


def _plan(name: str, args: Any, priorities: Mapping[str, int], where: str) -> Plan:
    given: Mapping[str, Any] = args if isinstance(args, Mapping) else {}
    return Plan(known_strategy(name) or SHUFFLE, _latency(given, where), priorities)


def _latency(args: Mapping[str, Any], where: str) -> LatencyArgs:
    default = LatencyArgs()
    buffer = args.get("lowest_latency_buffer")
    percentile = args.get("ttft_percentile")
    try:
        found = LatencyArgs(
            ttl=float(args.get("ttl", default.ttl)),
            decay=float(args.get("decay_seconds", default.decay)),
            buffer=None if buffer is None else float(buffer),
            percentile=None if percentile is None else float(percentile),
            samples=int(args.get("max_latency_list_size", default.samples)),
        )
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{where}: {error}") from error
    checks: Sequence[tuple[str, bool]] = (
        ("ttl must be above 0", found.ttl > 0),
        ("decay_seconds must be above 0", found.decay > 0),
        ("lowest_latency_buffer must not be below 0", found.buffer is None or found.buffer >= 0),
        ("ttft_percentile must be from 0 to 100", found.percentile is None or 0 <= found.percentile <= 100),
        ("max_latency_list_size must be above 0", found.samples > 0),
    )
    wrong = [text for text, fine in checks if not fine]
    if wrong:
        raise ConfigurationError(f"{where}: {'; '.join(wrong)}")
    return found
