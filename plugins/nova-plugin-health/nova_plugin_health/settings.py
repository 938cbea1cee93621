"""What the configuration says about health checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nova_core.wire.probing import DEADLINE_SECONDS


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """Times in seconds; `groups` empty means all."""

    checks: bool = False
    routing: bool = False
    interval: float = 300.0
    timeout: float = DEADLINE_SECONDS
    at_once: int = 8
    staleness: float = 600.0
    ignore_transient: bool = False
    shared: bool = True
    groups: frozenset[str] = frozenset()


def settings_of(whole: Mapping[str, Any]) -> HealthSettings:
    """From `general_settings`, and `router_settings` for what both have."""
    general, router = _section(whole, "general_settings"), _section(whole, "router_settings")
    both = {**router, **general}
    interval = float(general.get("health_check_interval") or 300.0)
    groups = both.get("background_health_check_model_groups") or ()
    return HealthSettings(
        checks=general.get("background_health_checks") is True,
        routing=any(section.get("enable_health_check_routing") is True for section in (general, router)),
        interval=interval,
        timeout=float(general.get("health_check_timeout") or DEADLINE_SECONDS),
        at_once=int(general.get("health_check_concurrency") or 8),
        staleness=float(both.get("health_check_staleness_threshold") or 2 * interval),
        ignore_transient=both.get("health_check_ignore_transient_errors") is True,
        shared=general.get("use_shared_health_check") is not False,
        groups=frozenset([groups] if isinstance(groups, str) else map(str, groups)),
    )


def _section(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = whole.get(name)
    return value if isinstance(value, Mapping) else {}
