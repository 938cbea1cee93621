"""What OpenAI's transcriptions say was used: tokens, or the seconds that were heard."""

from __future__ import annotations

from typing import Any

from nova_core.types.usage import Units, Usage


def usage_in(said: Any) -> Usage | None:
    """`{"type": "tokens", …}` or `{"type": "duration", "seconds"}`, or both in chat's words; else None."""
    if not isinstance(said, dict):
        return None
    seconds = seconds_in(said.get("seconds", said.get("prompt_audio_seconds")))
    units = None if seconds is None else Units(input_seconds=seconds)
    total = _count(said.get("input_tokens", said.get("prompt_tokens")))
    output = _count(said.get("output_tokens", said.get("completion_tokens")))
    if total is None and output is None:
        return None if units is None else Usage(units=units)
    details = said.get("input_token_details")
    audio = _count(details.get("audio_tokens")) if isinstance(details, dict) else None
    audio = min(audio or 0, total or 0)
    return Usage(input=(total or 0) - audio, input_audio=audio, output=output or 0, units=units)


def seconds_in(value: Any) -> float | None:
    """A number of seconds, also where a vendor writes it as text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        return None
    return float(value)


def rendered_usage(usage: Usage) -> dict[str, Any]:
    """The usage in OpenAI's words."""
    if usage.units is not None and not usage.total:
        return {"type": "duration", "seconds": usage.units.input_seconds}
    return {
        "type": "tokens",
        "input_tokens": usage.input_total,
        "input_token_details": {
            "text_tokens": usage.input_total - usage.input_audio,
            "audio_tokens": usage.input_audio,
        },
        "output_tokens": usage.output_total,
        "total_tokens": usage.total,
    }


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None
