"""Which affinities hold for which model group."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger("nova.router-affinity")

SESSION, KEY, PREFIX, ADAPTER = "session_affinity", "deployment_affinity", "prompt_caching", "adapter_affinity"
ALWAYS = frozenset({"responses_api_deployment_check", "enforce_model_rate_limits"})
"""Checks that the gateway makes without being asked."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The affinities by model group, and how long they last in seconds."""

    default: frozenset[str] = frozenset()
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ttl: float = 3600.0
    prefix_ttl: float = 300.0
    prefix_tokens: int = 1024
    poll_seconds: float = 15.0

    def of(self, group: str) -> frozenset[str]:
        """The affinities of a model group."""
        return self.groups.get(group, self.default)

    def seconds(self, kind: str) -> float:
        """How long an affinity of this kind lasts."""
        return self.prefix_ttl if kind == PREFIX else self.ttl


def wanted(router: Mapping[str, Any]) -> Wanted:
    """What `router_settings` asks for; names that are not known are logged."""
    groups = router.get("model_group_affinity_config")
    base = Wanted()
    return Wanted(
        default=_names(router.get("optional_pre_call_checks")),
        groups={str(group): _names(names) for group, names in groups.items()} if isinstance(groups, Mapping) else {},
        ttl=float(router.get("deployment_affinity_ttl_seconds") or base.ttl),
        prefix_ttl=float(router.get("prompt_cache_ttl_seconds") or base.prefix_ttl),
        prefix_tokens=int(router.get("prompt_cache_min_tokens") or base.prefix_tokens),
        poll_seconds=float(router.get("adapter_poll_seconds") or base.poll_seconds),
    )


def _names(value: Any) -> frozenset[str]:
    given: Iterable[Any] = (value,) if isinstance(value, str) else value or ()
    names = frozenset(map(str, given))
    unknown = names - {SESSION, KEY, PREFIX, ADAPTER} - ALWAYS
    if unknown:
        logger.warning("optional_pre_call_checks: %s is not supported and has no effect", ", ".join(sorted(unknown)))
    return names - unknown - ALWAYS
