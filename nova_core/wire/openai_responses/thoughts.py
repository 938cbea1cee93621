"""Reasoning items: thoughts of any provider, with what must go back to it unchanged in `encrypted_content`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nova_core.types.chat import RedactedThinking, Thinking
from nova_core.types.message import Request
from nova_core.wire.openai_responses.fields import NAME, REASONING_ITEM, new_id

Body = dict[str, Any]
MARK: Final = "nova."
"""How `encrypted_content` begins where it was made here, of a signature or of redacted thinking."""
SIGNATURE: Final = f"{MARK}signature."
REDACTED: Final = f"{MARK}redacted."


def parse_reasoning(item: Mapping[str, Any]) -> Thinking | RedactedThinking:
    """The thought of a reasoning item; one that a vendor encrypted is kept whole, for that vendor."""
    kept = item.get("encrypted_content")
    kept = kept if isinstance(kept, str) else ""
    if kept.startswith(REDACTED):
        return RedactedThinking(kept.removeprefix(REDACTED))
    text = reasoning_text(item)
    if kept.startswith(SIGNATURE):
        return Thinking(text, kept.removeprefix(SIGNATURE))
    return Thinking(text, extra={NAME: {REASONING_ITEM: dict(item)}})


def reasoning_text(item: Mapping[str, Any]) -> str:
    """What a reasoning item shows: its content, else its summary."""
    for name in ("content", "summary"):
        pieces = item.get(name)
        texts = [piece.get("text") for piece in pieces if isinstance(piece, dict)] if isinstance(pieces, list) else []
        if said := [text for text in texts if isinstance(text, str) and text]:
            return "\n\n".join(said)
    return ""


def reasoning_item(part: Thinking | RedactedThinking) -> Body:
    """A completed reasoning item."""
    kept = part.extra.get(NAME, {}).get(REASONING_ITEM)
    if isinstance(kept, Mapping):
        return dict(kept)
    item: Body = {"id": new_id("rs"), "type": "reasoning", "summary": []}
    if isinstance(part, RedactedThinking):
        return {**item, "encrypted_content": REDACTED + part.data}
    if part.text:
        item["summary"] = [{"type": "summary_text", "text": part.text}]
    return {**item, **({"encrypted_content": SIGNATURE + part.signature} if part.signature else {})}


def of_the_vendor(part: Thinking | RedactedThinking) -> bool:
    """Whether the thought came in a vendor's own reasoning item, which that vendor takes back."""
    return REASONING_ITEM in part.extra.get(NAME, {})


def without_foreign_thoughts(request: Request) -> Request:
    """A request for the vendor's own API without the reasoning items made here, which only their providers can read."""
    given = request.members.get("input")
    if isinstance(given, msgspec.Raw) and MARK.encode() not in bytes(given):
        return request
    items = request.get("input")
    if not isinstance(items, list) or not any(map(_is_foreign, items)):
        return request
    return request.with_members({"input": [item for item in items if not _is_foreign(item)]})


def _is_foreign(item: Any) -> bool:
    if not isinstance(item, Mapping) or item.get("type") != "reasoning":
        return False
    kept = item.get("encrypted_content")
    return isinstance(kept, str) and kept.startswith(MARK)
