"""Voyage's embeddings as a dialect that only an upstream speaks: texts, texts with images, chunks of a document."""

# https://docs.voyageai.com/reference/embeddings-api, …/multimodal-embeddings-api and
# …/contextualized-embeddings-api

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError
from nova_core.types.chat import Image, Text
from nova_core.types.embeddings import EmbeddingsRequest
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import TypedReply, TypedRequest
from nova_core.wire.embedding_items import TASK_NAMES, Piece, image_url, meaning, pieces_of, said_task
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.openai_embeddings import OpenAIEmbeddings
from nova_core.wire.plain_vectors import plain_request

NAME: Final = "voyage_embeddings"
MULTIMODAL: Final = "multimodal"
CONTEXTUAL: Final = "-context-"
"""What names of models with an API of their own have in them."""
INPUT_TYPES: Final[Mapping[str, str]] = {
    "retrieval.query": "query",
    "retrieval.passage": "document",
    "code.query": "query",
    "code.passage": "document",
}
OWN_MEMBERS: Final = ("truncation", "output_dtype")


class VoyageEmbeddings(OpenAIEmbeddings):
    """Answers are OpenAI's; what is asked for depends on the model."""

    name = NAME

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream."""
        notes = ForeignNotes(own=False, dialect=NAME)
        wanted = plain_request(typed, notes)
        contents = [_content(item, _path(wanted, place), notes) for place, item in enumerate(wanted.input)]
        members: dict[str, Any] = {"model": wanted.model} | _input_type(wanted, notes)
        coding = "encoding_format"
        if MULTIMODAL in wanted.model:
            coding = "output_encoding"
            members["inputs"] = [{"content": [_part(piece) for piece in pieces]} for pieces in contents]
        else:
            texts = [_text(pieces, _path(wanted, place), notes) for place, pieces in enumerate(contents)]
            members |= _texts(wanted.model, texts, members.get("input_type"))
        if wanted.encoding_format == "base64":
            members[coding] = "base64"
        if wanted.dimensions is not None:
            members["output_dimension"] = wanted.dimensions
        return members | _own_words(wanted, notes), notes.fidelity()

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply; chunks are one list, whichever document they are of. Raises BadGatewayError."""
        self.check_reply(members)
        return super().parse_reply({**members, "data": list(_flat(members["data"]))})


def _path(typed: EmbeddingsRequest, place: int) -> str:
    return "input" if typed.single else f"input[{place}]"


def _content(item: Any, path: str, notes: ForeignNotes) -> tuple[Piece, ...]:
    pieces = pieces_of(item)
    if pieces is None:
        notes.lost(path, "items are texts and images, and nothing else")
    return pieces or (Text(""),)


def _part(piece: Piece) -> dict[str, Any]:
    if isinstance(piece, Text):
        return {"type": "text", "text": piece.text}
    kind = "image_base64" if piece.source.url is None else "image_url"
    return {"type": kind, kind: image_url(piece)}


def _text(pieces: tuple[Piece, ...], path: str, notes: ForeignNotes) -> str:
    if any(isinstance(piece, Image) for piece in pieces):
        notes.lost(path, "the model embeds text only")
    return "\n".join(piece.text for piece in pieces if isinstance(piece, Text))


def _texts(model: str, texts: list[str], input_type: str | None) -> dict[str, Any]:
    """What is not a query is, for models that read chunks in their context, one document in its chunks."""
    if CONTEXTUAL not in model:
        return {"input": texts}
    return {"inputs": [[text] for text in texts] if input_type == "query" else [texts]}


def _input_type(typed: EmbeddingsRequest, notes: ForeignNotes) -> dict[str, Any]:
    said = said_task(typed)
    if said is None:
        return {}
    name, word = said
    if (task := meaning(word)) is None:
        notes.lost(name, "the vendor tells queries from documents")
        return {}
    if (found := INPUT_TYPES.get(task)) is None:
        notes.approximated(name, "sent without an input type, as the vendor advises for what is no retrieval")
        return {}
    notes.mapped(name, f"input_type: {found}")
    return {"input_type": found}


def _own_words(typed: EmbeddingsRequest, notes: ForeignNotes) -> dict[str, Any]:
    own: dict[str, Any] = {}
    known = (*OWN_MEMBERS, *TASK_NAMES)
    for dialect, extra in typed.extra.items():
        own |= {name: value for name, value in extra.items() if name in OWN_MEMBERS}
        notes.foreign({dialect: {name: value for name, value in extra.items() if name not in known}})
    return own


def _flat(data: list[Any]) -> list[Any]:
    """Items with their places in the whole; those of documents stand in lists of their own."""
    found: list[Any] = []
    for item in data:
        inner = item.get("data") if isinstance(item, Mapping) else None
        found += inner if isinstance(inner, list) else [item]
    if not all(isinstance(item, Mapping) for item in found):
        raise BadGatewayError("the upstream's `data` holds no embeddings")
    return [{**item, "index": place} for place, item in enumerate(found)] if found != data else found


VOYAGE_EMBEDDINGS: Final = VoyageEmbeddings()
