"""Images in the assistant's turns of a Messages request, which the vendor's own models take from the user alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from nova_core.types.fidelity import Fate, FieldNote
from nova_core.types.message import Request
from nova_core.wire.body import NOT_JSON, holds
from nova_core.wire.shown_images import SHOWN, UNSHOWN

IMAGE: Final = b'"image"'
EMPTY: Final = msgspec.Raw(b"")


class _Turn(msgspec.Struct):
    role: str = ""
    content: msgspec.Raw = EMPTY


def review_shown(request: Request) -> Iterator[FieldNote]:
    """What becomes of each image that an answer had: the user shows it, or nobody does."""
    for place, number, after in _shown(request):
        field = f"messages[{place}].content[{number}]"
        unshown = FieldNote(field, Fate.HINT, UNSHOWN)
        yield unshown if after is None else FieldNote(field, Fate.APPROXIMATED, SHOWN)


def shown_again(request: Request) -> Request:
    """The request in which the user shows what answers before had; see `review_shown`."""
    places = list(_shown(request))
    if not places:
        return request
    messages: list[Any] = list(request.get("messages"))
    for place, number, after in places:
        if after is not None:
            said = messages[after]["content"]
            blocks = [{"type": "text", "text": said}] if isinstance(said, str) else said
            image = request.get("messages")[place]["content"][number]
            messages[after] = {**messages[after], "content": [*blocks, image]}
    for place in {place for place, _, _ in places}:
        rest = [block for block in messages[place]["content"] if not _is_image(block)]
        messages[place] = {**messages[place], "content": rest or [{"type": "text", "text": "(an image)"}]}
    return request.with_members({"messages": messages})


def _shown(request: Request) -> Iterator[tuple[int, int, int | None]]:
    """Where such images stand (message, block), and the user's next message. What is translated has none of them."""
    raw = request.members.get("messages")
    if not isinstance(raw, msgspec.Raw) or not holds(bytes(raw), IMAGE):
        return
    try:
        turns = msgspec.json.decode(raw, type=list[_Turn])
    except NOT_JSON:
        return
    places = [n for n, turn in enumerate(turns) if turn.role == "assistant" and holds(bytes(turn.content), IMAGE)]
    for place in places:
        after = next((n for n in range(place + 1, len(turns)) if turns[n].role == "user"), None)
        blocks = msgspec.json.decode(turns[place].content)
        for number, block in enumerate(blocks if isinstance(blocks, list) else ()):
            if _is_image(block):
                yield place, number, after


def _is_image(block: Any) -> bool:
    return isinstance(block, Mapping) and block.get("type") == "image"
