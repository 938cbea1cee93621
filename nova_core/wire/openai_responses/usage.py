"""`usage` of a response to and from disjoint token buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_core.types.usage import Usage
from nova_core.wire.openai_chat.usage import parse_usage as parse_chat_usage

_NAMES: Mapping[str, str] = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "input_tokens_details": "prompt_tokens_details",
    "output_tokens_details": "completion_tokens_details",
    "total_tokens": "total_tokens",
}


def parse_usage(value: Any, tier: Any = None) -> Usage | None:
    """Buckets of a `usage` object; None for anything else. Its counts are those of chat under other names.

    `tier` is the `service_tier` that is stated beside it.
    """
    if not isinstance(value, Mapping):
        return None
    return parse_chat_usage({_NAMES.get(name, name): item for name, item in value.items()}, tier)


def extra_usage(value: Any) -> dict[str, Any]:
    """Members of a `usage` object that have no bucket."""
    if not isinstance(value, Mapping):
        return {}
    return {name: item for name, item in value.items() if name not in _NAMES and item is not None}


def render_usage(usage: Usage) -> dict[str, Any]:
    """The `usage` object."""
    return {
        "input_tokens": usage.input_total,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output_total,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }
