"""Usage of the Messages API to and from disjoint token buckets."""

# https://platform.claude.com/docs/en/api/messages (usage): input_tokens leaves out what was read from or written
# to the cache; output_tokens includes thinking.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nova_core.types.usage import Usage

KNOWN: Final = frozenset(
    {
        "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
        "cache_creation", "output_tokens_details", "service_tier",
    }
)  # fmt: skip
SERVICE_TIERS: Final = {"standard": "default"}
SAID_TIERS: Final = {"default": "standard", "standard": "standard", "priority": "priority", "batch": "batch"}


def parse_usage(raw: Any) -> Usage | None:
    """The buckets; None when nothing is stated. Compaction iterations are added up: each is billed."""
    if not isinstance(raw, Mapping) or not raw:
        return None
    steps = raw.get("iterations")
    if isinstance(steps, list) and steps and all(isinstance(step, Mapping) for step in steps):
        total = sum((_parse_step(step) for step in steps), Usage())
        # How much of it was thinking is said of the whole alone.
        unsaid = min(max(0, _parse_step(raw).reasoning - total.reasoning), total.output)
        total = msgspec.structs.replace(total, output=total.output - unsaid, reasoning=total.reasoning + unsaid)
        return total.served_in(raw.get("service_tier"))
    return _parse_step(raw).served_in(raw.get("service_tier"))


def render_usage(usage: Usage | None, *, service_tier: str | None = None, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The `usage` object; the dialect requires two counts, so unknown ones are 0, and leaves others out."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0} | _tier(service_tier) | dict(extra)
    rendered: dict[str, Any] = {
        "input_tokens": usage.input + usage.input_audio + usage.input_image,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output_total,
    }
    if usage.cache_write:
        rendered["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
    if usage.reasoning:
        rendered["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return rendered | _tier(service_tier) | dict(extra)


def _tier(name: str | None) -> dict[str, str]:
    return {"service_tier": SAID_TIERS[name]} if name in SAID_TIERS else {}


def usage_extra(raw: Any) -> dict[str, Any]:
    """What `usage` says besides tokens by bucket: tool requests, region, speed, iterations."""
    if not isinstance(raw, Mapping):
        return {}
    return {name: value for name, value in raw.items() if name not in KNOWN and value is not None}


def _parse_step(raw: Mapping[str, Any]) -> Usage:
    written = _count(raw, "cache_creation_input_tokens")
    split = raw.get("cache_creation")
    split = split if isinstance(split, Mapping) else {}
    one_hour = _count(split, "ephemeral_1h_input_tokens")
    five_minutes = _count(split, "ephemeral_5m_input_tokens")
    details = raw.get("output_tokens_details")
    output = _count(raw, "output_tokens")
    reasoning = min(_count(details, "thinking_tokens"), output) if isinstance(details, Mapping) else 0
    return Usage(
        input=_count(raw, "input_tokens"),
        cache_read=_count(raw, "cache_read_input_tokens"),
        cache_write_5m=max(five_minutes, written - one_hour),
        cache_write_1h=one_hour,
        output=output - reasoning,
        reasoning=reasoning,
    )


def _count(raw: Mapping[str, Any], name: str) -> int:
    value = raw.get(name)
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
