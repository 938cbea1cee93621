"""Cohere's `/v2/embed` as a dialect that only an upstream speaks."""

# https://docs.cohere.com/reference/embed

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nova_core.errors import BadGatewayError
from nova_core.types.chat import Image, Text
from nova_core.types.embeddings import EmbeddingsReply, EmbeddingsRequest, Vector
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.embedding_items import TASK_NAMES, Piece, image_url, meaning, pieces_of, said_task
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.openai_chat.fields import starts_with
from nova_core.wire.plain_vectors import plain_request
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_cohere.reply import check_error

NAME: Final = "cohere_embed"
INPUT_TYPES: Final[Mapping[str, str]] = {
    "retrieval.query": "search_query",
    "retrieval.passage": "search_document",
    "classification": "classification",
    "separation": "clustering",
}
OWN_INPUT_TYPES: Final = frozenset({*INPUT_TYPES.values(), "image"})
UNASKED: Final = "search_document"
"""The vendor requires an input type; most of what is embedded is what will be searched."""
OWN_MEMBERS: Final = ("truncate", "max_tokens", "priority", "embedding_types")
ONE_KIND: Final = re.compile(r"-v[23](\.0)?\b")
"""Models that embed texts or one image at a time; later ones take inputs of both."""
OTHERWISE: Final = "items are texts and images, and nothing else"


class CohereEmbed(UpstreamOnly):
    """`POST /v2/embed`."""

    name = NAME
    operation: Operation = "embedding"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream; texts and images are embedded."""
        notes = ForeignNotes(own=False, dialect=NAME)
        wanted = plain_request(typed, notes)
        items = _items(wanted, notes)
        members: dict[str, Any] = {"model": wanted.model, "input_type": _input_type(wanted, notes)}
        members |= _said(wanted.model, items, notes)
        coded = "base64" if wanted.encoding_format == "base64" else "float"
        members["embedding_types"] = [coded]
        if wanted.dimensions is not None:
            members["output_dimension"] = wanted.dimensions
        members |= _own_words(wanted, notes)
        if len(members["embedding_types"]) > 1:
            notes.lost("embedding_types", "an answer holds vectors of one type")
        return members, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """An `embeddings` object and no error. Raises BadGatewayError."""
        check_error(members)
        value = members.get("embeddings")
        if value is None or not starts_with(value, b"{"):
            raise BadGatewayError("the upstream's answer is no embeddings reply: it has no `embeddings` by type")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for items that are no vectors."""
        by_type = members.get("embeddings")
        found = by_type.values() if isinstance(by_type, Mapping) else ()
        vectors: Any = next((vectors for vectors in found if vectors), [])
        if not isinstance(vectors, list) or not all(isinstance(vector, list | str) for vector in vectors):
            raise BadGatewayError("the upstream's `embeddings` are no vectors")
        data = tuple(Vector(place, vector) for place, vector in enumerate(vectors))
        return EmbeddingsReply("", data, self.usage_of(members))

    def usage_of(self, members: Members) -> Usage | None:
        """`meta.billed_units`: tokens of texts and images."""
        meta = decoded(members.get("meta"))
        billed = meta.get("billed_units") if isinstance(meta, Mapping) else None
        if not isinstance(billed, Mapping):
            return None
        counts = [billed.get(name) for name in ("input_tokens", "image_tokens")]
        return Usage(input=sum(int(count) for count in counts if isinstance(count, int | float) and count >= 0))


def most_items(typed: EmbeddingsRequest) -> int:
    """How many items the vendor embeds at a time."""
    if not ONE_KIND.search(typed.model):
        return 96
    return 96 if all(_is_text(pieces_of(item)) for item in typed.input) else 1


def _items(typed: EmbeddingsRequest, notes: ForeignNotes) -> list[tuple[Piece, ...]]:
    found: list[tuple[Piece, ...]] = []
    for place, item in enumerate(typed.input):
        pieces = pieces_of(item)
        if pieces is None:
            notes.lost("input" if typed.single else f"input[{place}]", OTHERWISE)
        found.append(pieces or (Text(""),))
    return found


def _is_text(pieces: Sequence[Piece] | None) -> bool:
    return pieces is not None and len(pieces) == 1 and isinstance(pieces[0], Text)


def _said(model: str, items: list[tuple[Piece, ...]], notes: ForeignNotes) -> dict[str, Any]:
    if all(map(_is_text, items)):
        return {"texts": [piece.text for pieces in items for piece in pieces if isinstance(piece, Text)]}
    if not ONE_KIND.search(model):
        return {"inputs": [{"content": [_content(piece) for piece in pieces]} for pieces in items]}
    images = [image_url(piece) for pieces in items for piece in pieces if isinstance(piece, Image)]
    if any(len(pieces) > 1 for pieces in items) or len(images) != len(items):
        notes.lost("input", f"{model} embeds texts or images, not both in one")
    return {"images": images, "input_type": "image"}


def _content(piece: Piece) -> dict[str, Any]:
    if isinstance(piece, Image):
        return {"type": "image_url", "image_url": {"url": image_url(piece)}}
    return {"type": "text", "text": piece.text}


def _input_type(typed: EmbeddingsRequest, notes: ForeignNotes) -> str:
    said = said_task(typed)
    if said is None:
        return UNASKED
    name, word = said
    found = INPUT_TYPES.get(meaning(word) or "", word if word in OWN_INPUT_TYPES else None)
    if found is None:
        notes.lost(name, f"the vendor knows the tasks {', '.join(INPUT_TYPES)}")
        return UNASKED
    notes.mapped(name, f"input_type: {found}")
    return str(found)


def _own_words(typed: EmbeddingsRequest, notes: ForeignNotes) -> dict[str, Any]:
    own: dict[str, Any] = {}
    for dialect, extra in typed.extra.items():
        own |= {name: value for name, value in extra.items() if name in OWN_MEMBERS}
        known = (*OWN_MEMBERS, *TASK_NAMES)
        notes.foreign({dialect: {name: value for name, value in extra.items() if name not in known}})
    return own


COHERE_EMBED: Final = CohereEmbed()
