"""What callers of many APIs embed: items of text and images in their usual spellings, and what the vectors are for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from nova_core.types.chat import Image, Source, Text
from nova_core.types.embeddings import EmbeddingsRequest
from nova_core.wire.image_size import decoded_head, image_type
from nova_core.wire.openai_chat.content import data_url, to_data_url

Piece = Text | Image
HEAD: Final = 64
"""Characters of base64 that are decoded to see what image it is."""
TASK_NAMES: Final = ("input_type", "task_type", "taskType", "prompt_name")
"""Members of other embedding APIs that say the task."""
MEANINGS: Final[Mapping[str, str]] = {
    "retrieval.query": "retrieval.query",
    "retrieval.passage": "retrieval.passage",
    "retrieval": "retrieval.passage",
    "retrieval-query": "retrieval.query",
    "retrieval-document": "retrieval.passage",
    "search-query": "retrieval.query",
    "search-document": "retrieval.passage",
    "query": "retrieval.query",
    "document": "retrieval.passage",
    "passage": "retrieval.passage",
    "text-matching": "text-matching",
    "semantic-similarity": "text-matching",
    "classification": "classification",
    "clustering": "separation",
    "separation": "separation",
    "code.query": "code.query",
    "code.passage": "code.passage",
    "code-retrieval-query": "code.query",
}
"""Words of embedding APIs for what vectors are for."""


def said_task(typed: EmbeddingsRequest) -> tuple[str, Any] | None:
    """The member that says the task, and its value: `task` before the names that other APIs have for it."""
    if typed.task is not None:
        return "task", typed.task
    extras = [members for members in typed.extra.values() if members]
    return next(((name, extra[name]) for extra in extras for name in TASK_NAMES if extra.get(name) is not None), None)


def meaning(word: Any) -> str | None:
    """A task in the one spelling that `MEANINGS` has for it; None for what is not known."""
    return MEANINGS.get(word.strip().lower().replace("_", "-")) if isinstance(word, str) else None


def pieces_of(item: Any) -> tuple[Piece, ...] | None:
    """The texts and images of one item of `input`; None for one that holds anything else, or nothing.

    An item is a text, a `data:` URL of an image, an object with `text` and `image` (a URL, a `data:` URL or base64),
    or `content` or a single part as messages have them.
    """
    if isinstance(item, str):
        found = data_url(item)
        return (_image(item),) if found and (found[0] or "").startswith("image/") else (Text(item),)
    if not isinstance(item, Mapping) or not item:
        return None
    if isinstance(item.get("content"), list) and len(item) == 1:
        return _joined(pieces_of(part) for part in item["content"])
    said = {name: value for name, value in item.items() if name != "type"}
    return _joined(_piece(name, value) for name, value in said.items())


def image_url(image: Image) -> str:
    """The address of an image, or its `data:` URL."""
    return image.source.url or to_data_url(image.source)


def _piece(name: str, value: Any) -> tuple[Piece, ...] | None:
    match name, value:
        case "text", str():
            return (Text(value),)
        case (("image" | "url" | "image_url" | "image_base64"), str()):
            return (_image(value),)
        case "image_url", {"url": str(url)}:
            return (_image(url),)
    return None


def _joined(found: Iterable[tuple[Piece, ...] | None]) -> tuple[Piece, ...] | None:
    pieces: list[Piece] = []
    for each in found:
        if each is None:
            return None
        pieces += each
    return tuple(pieces) or None


def _image(value: str) -> Image:
    if (found := data_url(value)) is not None:
        return Image(Source(data=found[1], media_type=found[0]))
    if "://" in value:
        return Image(Source(url=value))
    return Image(Source(data=value, media_type=image_type(decoded_head(value, HEAD)) or "image/png"))
