"""Reasons for which an answer ended, and prompts that were blocked."""

# https://ai.google.dev/api/generate-content#FinishReason and #BlockReason

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.types.chat import FinishReason
from nova_core.wire.gemini.fields import enum

_WORDS: Final[Mapping[FinishReason, tuple[str, ...]]] = {
    "stop": ("STOP", "FINISH_REASON_UNSPECIFIED"),
    # An answer that is continued with a token of its own is cut for everyone who has none.
    "length": ("MAX_TOKENS", "CONTINUATION"),
    "content_filter": (
        "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "ESCALATION",
        "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER", "NO_IMAGE", "OTHER",
        "JAILBREAK", "PUP_LIMITED_DISABLED",
    ),
    "error": (
        "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    ),
}  # fmt: skip
REASONS: Final[Mapping[str, FinishReason]] = {word: reason for reason, words in _WORDS.items() for word in words}
SAID_AS: Final[Mapping[FinishReason, str]] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
    "pause": "STOP",
    "error": "OTHER",
}


UNSPECIFIED: Final = ("BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED")


def parse_finish(word: Any, *, called: bool) -> tuple[FinishReason | None, str | None]:
    """The reason, and the vendor's word where the other way would not lead back to it; unknown words are a stop."""
    if not isinstance(word, str) or not word:
        return None, None
    name = enum(word) or word
    reason = REASONS.get(name, "stop")
    if reason == "stop" and called:
        reason = "tool_calls"
    return reason, None if name == SAID_AS[reason] else name


def render_finish(reason: FinishReason | None, native: str | None) -> str | None:
    """The vendor's word; None while nothing has finished."""
    if native in REASONS:
        return native
    return None if reason is None else SAID_AS[reason]


def block_reason(feedback: Any) -> str | None:
    """Why a prompt was blocked, from `promptFeedback`; None when it was not."""
    word = feedback.get("blockReason") if isinstance(feedback, Mapping) else None
    return word if isinstance(word, str) and word not in UNSPECIFIED else None
