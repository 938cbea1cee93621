"""Members that replies of other providers add to messages, which strict servers refuse when they come back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from nova_core.types.fidelity import Fate, FieldNote
from nova_core.types.message import Request
from nova_core.wire.body import as_bytes, holds

ADDED: Final = ("reasoning_content", "thinking_blocks", "provider_specific_fields", "images")
"""Thoughts, images, and what only other dialects say: OpenAI's own messages of the assistant have none of them."""
SPELLED: Final = tuple(f'"{name}"'.encode() for name in ADDED)


def carries_added(request: Request) -> bool:
    """Whether a message may have such members; undecoded bytes are searched, not decoded."""
    data = as_bytes(request.members.get("messages"))
    return any(holds(data, name) for name in SPELLED)


def review_added(request: Request) -> Iterator[FieldNote]:
    """A note on each, by its path."""
    for place, message in enumerate(_messages(request)):
        if isinstance(message, Mapping):
            for name in ADDED:
                if message.get(name) is not None:
                    yield FieldNote(f"messages[{place}].{name}", Fate.HINT, "it cannot be sent back")


def without_added(request: Request) -> Request:
    """The request without them."""
    return request.with_members({"messages": [_plain(message) for message in _messages(request)]})


def _messages(request: Request) -> list[Any]:
    messages = request.get("messages")
    return messages if isinstance(messages, list) else []


def _plain(message: Any) -> Any:
    if not isinstance(message, Mapping):
        return message
    return {name: value for name, value in message.items() if name not in ADDED}
