"""Finish reasons: the words of OpenAI, of vendors that speak its format, and ours."""

from __future__ import annotations

from collections.abc import Mapping

from nova_core.types.chat import FinishReason

_WORDS: Mapping[FinishReason, tuple[str, ...]] = {
    "stop": ("stop", "stop_sequence", "end_turn", "COMPLETE", "eos", "eos_token", "STOP"),
    "length": ("length", "max_tokens", "MAX_TOKENS", "compaction", "model_length", "model_context_window_exceeded"),
    "tool_calls": ("tool_calls", "function_call", "tool_use"),
    "content_filter": (
        *("content_filter", "refusal", "ERROR_TOXIC", "SAFETY", "RECITATION", "LANGUAGE", "OTHER", "BLOCKLIST"),
        *("PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "NO_IMAGE", "IMAGE_RECITATION"),
        *("IMAGE_OTHER", "ESCALATION", "sensitive", "guardrail_intervened", "content_filtered"),
    ),
    "error": ("error", "ERROR", "network_error", "insufficient_system_resource", "abort"),
}
_REASONS: Mapping[str, FinishReason] = {word: reason for reason, words in _WORDS.items() for word in words}
_SAID_AS: Mapping[FinishReason, str] = {"refusal": "content_filter", "pause": "stop", "error": "stop"}


def parse_finish(word: str, *, called_tools: bool) -> tuple[FinishReason, str | None]:
    """The reason, and the upstream's word where it is not the same; unknown words are a stop."""
    reason = _REASONS.get(word, "stop")
    if reason == "stop" and called_tools:
        reason = "tool_calls"
    return reason, None if word == reason else word


def render_finish(reason: FinishReason | None, native: str | None) -> tuple[str, str | None]:
    """OpenAI's word, and the native one where that says something else."""
    word = _SAID_AS.get(reason, reason) if reason else "stop"
    native = native or (reason if reason in _SAID_AS else None)
    return word, native if native != word else None


def restored_finish(reason: FinishReason | None, native: str | None) -> tuple[FinishReason | None, str | None]:
    """Undo `render_finish`: a native word that is one of our reasons without a word of OpenAI's."""
    for ours, said_as in _SAID_AS.items():
        if native == ours and reason == said_as and ours != "error":
            return ours, None
    return reason, native
