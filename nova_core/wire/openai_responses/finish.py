"""Finish reasons as the `status` of a response, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.types.chat import FinishReason

INCOMPLETE: Final[Mapping[FinishReason, str | None]] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause": None,
}
"""Reasons that leave a response incomplete, and what its `incomplete_details` say; null where there is no word."""
REASONS: Final[Mapping[str, FinishReason]] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}
UNFINISHED: Final = ("in_progress", "queued")


def parse_status(response: Mapping[str, Any], *, called_tools: bool) -> tuple[FinishReason | None, str | None]:
    """The finish reason, and the vendor's own word where it is another; None while nothing has finished."""
    status = response.get("status") or "completed"
    if status in UNFINISHED:
        return None, None
    if status != "incomplete":
        return "tool_calls" if called_tools else "stop", None if status == "completed" else str(status)
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else None
    if not isinstance(reason, str):
        return "pause", None
    finish = REASONS.get(reason, "length")
    return finish, None if INCOMPLETE[finish] == reason else reason


def render_status(finish: FinishReason | None, native: str | None, *, refused: bool) -> dict[str, Any]:
    """`status` and `incomplete_details`; a refusal that was said is a complete answer."""
    if finish is None or finish not in INCOMPLETE or (refused and finish == "refusal"):
        return {"status": native if native == "cancelled" else "completed", "incomplete_details": None}
    reason = native if finish == "length" and native == "max_messages" else INCOMPLETE[finish]
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}
