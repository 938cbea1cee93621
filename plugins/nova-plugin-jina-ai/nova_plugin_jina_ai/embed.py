"""Requests for embeddings in Jina's words, and its vectors one for each token."""

# https://api.jina.ai/redoc, "Embeddings"

from __future__ import annotations

from typing import Any, Final

from nova_core.types.chat import Image, Text
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Reply, Request
from nova_core.wire.body import as_bytes, holds
from nova_core.wire.embedding_items import TASK_NAMES, meaning, pieces_of

FOREIGN: Final = tuple(name for name in TASK_NAMES if name != "prompt_name")
"""Members of other APIs that say the task."""
SEPARATES: Final = "-v3"
"""Models that call clustering so; later ones call it by its name."""


def review(request: Request) -> Fidelity:
    """A note on each member that is not Jina's; a task in words of others is said in Jina's."""
    notes = [FieldNote("user", Fate.HINT)] if "user" in request.members else []
    for name in FOREIGN:
        if name in request.members:
            known = "task" in request.members or meaning(request.get(name)) is not None
            notes.append(FieldNote(name, Fate.MAPPED if known else Fate.LOST, "said by `task`"))
    return Fidelity(tuple(notes))


def to_upstream(request: Request) -> Request:
    """`embedding_type`, `task`, and objects for all items where one is an image."""
    changes: dict[str, Any] = {}
    if (coding := request.get("encoding_format")) is not None and "embedding_type" not in request.members:
        changes["embedding_type"] = coding
    if "task" not in request.members and (task := _task(request)) is not None:
        changes["task"] = task
    given = request.get("input")
    items = [_object(item) for item in (given if isinstance(given, list) else [given])]
    if any("image" in item for item in items if isinstance(item, dict)):
        changes["input"] = items
    return request.without("encoding_format", "user", *FOREIGN).with_members(changes)


def from_upstream(reply: Reply) -> Reply:
    """Vectors of tokens stand under `embeddings` there."""
    if not holds(as_bytes(reply.members.get("data")), b'"embeddings"'):
        return reply
    data = [item for item in reply.get("data") if isinstance(item, dict)]
    renamed = [
        {("embedding" if name == "embeddings" else name): value for name, value in item.items()} for item in data
    ]
    return reply.with_members({"data": renamed})


def _task(request: Request) -> str | None:
    """The task that is said in words of another API."""
    found = next((known for name in FOREIGN if (known := meaning(request.get(name)))), None)
    return "clustering" if found == "separation" and SEPARATES not in request.model else found


def _object(item: Any) -> Any:
    """`{"text"}` or `{"image"}`, which is a URL or base64; items of other kinds as they are."""
    pieces = pieces_of(item)
    if pieces is None or len(pieces) != 1:
        return item
    match pieces[0]:
        case Image(source=source):
            return {"image": source.url or source.data}
        case Text(text=text):
            return {"text": text}
