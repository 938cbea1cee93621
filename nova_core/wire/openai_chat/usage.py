"""`usage` to and from disjoint token buckets (OpenAI API reference, "completion usage", and vendors' additions)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_core.types.usage import Usage

_KNOWN = frozenset(
    {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "prompt_cache_hit_tokens",
        "prompt_cache_miss_tokens",
        "cached_tokens",
    }
)


def parse_usage(value: Any, tier: Any = None) -> Usage | None:
    """Buckets of a `usage` object; None for anything else. `tier` is the `service_tier` that is stated beside it.

    Details that add up to more than their total are cut, in the order cached, written, audio (reasoning,
    audio, predictions): the total is what is charged.
    """
    if not isinstance(value, Mapping) or not value:
        return None
    prompt, completion = _count(value, "prompt_tokens"), _count(value, "completion_tokens")
    if prompt == completion == 0 and "total_tokens" not in value and "prompt_tokens" not in value:
        return None
    inputs, outputs = _details(value, "prompt_tokens_details"), _details(value, "completion_tokens_details")
    left = _Left(prompt)
    cache_read = left.take(
        _count(inputs, "cached_tokens")
        or _count(value, "prompt_cache_hit_tokens")
        or _count(value, "cache_read_input_tokens")
        or _count(value, "cached_tokens")
    )
    split = _details(inputs, "cache_creation_token_details")
    one_hour = left.take(_count(split, "ephemeral_1h_input_tokens"))
    written = (
        _count(inputs, "cache_creation_tokens")
        or _count(inputs, "cache_write_tokens")
        or _count(value, "cache_creation_input_tokens")
        or _count(split, "ephemeral_5m_input_tokens") + one_hour
    )
    five_minutes = left.take(written - one_hour)
    input_audio = left.take(_count(inputs, "audio_tokens"))
    reasoning = _count(outputs, "reasoning_tokens") or _count(value, "reasoning_tokens")
    if reasoning and _counted_beside(value, prompt, completion, reasoning):
        completion += reasoning
    out = _Left(completion)
    return Usage(
        input=left.count,
        cache_read=cache_read,
        cache_write_5m=five_minutes,
        cache_write_1h=one_hour,
        input_audio=input_audio,
        reasoning=out.take(reasoning),
        output_audio=out.take(_count(outputs, "audio_tokens")),
        accepted_prediction=out.take(_count(outputs, "accepted_prediction_tokens")),
        rejected_prediction=out.take(_count(outputs, "rejected_prediction_tokens")),
        output=out.count,
    ).served_in(tier)


def extra_usage(value: Any) -> dict[str, Any]:
    """Members of a `usage` object that have no bucket (`cost`, `server_tool_use`, …)."""
    if not isinstance(value, Mapping):
        return {}
    return {name: item for name, item in value.items() if name not in _KNOWN and item is not None}


def render_usage(usage: Usage) -> dict[str, Any]:
    """The `usage` object; cache writes under the names that clients look for them."""
    inputs: dict[str, Any] = {"cached_tokens": usage.cache_read, "audio_tokens": usage.input_audio}
    body: dict[str, Any] = {
        "prompt_tokens": usage.input_total,
        "completion_tokens": usage.output_total,
        "total_tokens": usage.total,
        "prompt_tokens_details": inputs,
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.output_audio,
            "accepted_prediction_tokens": usage.accepted_prediction,
            "rejected_prediction_tokens": usage.rejected_prediction,
        },
    }
    if usage.cache_write:
        inputs["cache_creation_tokens"] = inputs["cache_write_tokens"] = usage.cache_write
        inputs["cache_creation_token_details"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
        body["cache_creation_input_tokens"] = usage.cache_write
        body["cache_read_input_tokens"] = usage.cache_read
    return body


class _Left:
    """What is left of a total while buckets are taken from it."""

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count = count

    def take(self, wanted: int) -> int:
        taken = max(0, min(wanted, self.count))
        self.count -= taken
        return taken


def _counted_beside(value: Mapping[str, Any], prompt: int, completion: int, reasoning: int) -> bool:
    """Some vendors count reasoning beside `completion_tokens`, which shows in the total."""
    return reasoning > completion or _count(value, "total_tokens") == prompt + completion + reasoning


def _count(value: Mapping[str, Any], name: str) -> int:
    number = value.get(name)
    if isinstance(number, str) and number.isdecimal():
        return int(number)
    if isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
        return 0
    return int(number)


def _details(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}
