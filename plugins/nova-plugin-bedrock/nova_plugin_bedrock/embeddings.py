"""Embeddings of Amazon's Titan and of Cohere's models, as dialects that upstreams speak."""

# https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html, …-titan-embed-mm.html
# and …-embed.html (Cohere)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.embeddings import EmbeddingsReply, EmbeddingsRequest, Vector
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.embedding_items import meaning
from nova_core.wire.openai_chat.content import data_url
from nova_core.wire.plain_vectors import plain_request
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_bedrock.notes import Body, Notes

COUNT: Final = "inputTextTokenCount"
TASKS: Final[Mapping[str, str]] = {
    "retrieval.query": "search_query",
    "retrieval.passage": "search_document",
    "classification": "classification",
    "separation": "clustering",
}
"""Cohere's tasks by what they mean."""
COHERE_TASKS: Final = ("search_query", "search_document", "classification", "clustering")
MOST_TEXTS: Final = 96


class EmbeddingsOf(UpstreamOnly):
    """Vectors of items; subclasses render these and say where the vectors are."""

    operation: Operation = "embedding"

    def check_reply(self, members: Members) -> None:
        """Vectors. Raises BadGatewayError."""
        self.vectors_of(members)

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError."""
        data = tuple(Vector(place, vector) for place, vector in enumerate(self.vectors_of(members)))
        return EmbeddingsReply("", data, self.usage_of(members))

    def usage_of(self, members: Members) -> Usage | None:
        """The tokens that were read, which Cohere's models leave to a header."""
        count = decoded(members.get(COUNT))
        return Usage(input=count) if isinstance(count, int) and count > 0 else None

    def vectors_of(self, members: Members) -> list[Any]:
        """The vectors of an answer. Raises BadGatewayError."""
        raise AssertionError("subclasses know where they stand")


class TitanEmbed(EmbeddingsOf):
    """`{"inputText", "dimensions", "normalize"}`: one text, one vector."""

    name = "titan_embed"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """The only item. Raises BadRequestError for several."""
        notes = Notes()
        request = plain_request(typed, notes)
        only = only_item(request)
        pictures = "image" in request.model
        item = item_said(only, notes, pictures=pictures)
        options = extras(request, ("normalize", "embeddingTypes"), notes)
        if request.task is not None:
            notes.lost("task", "the model has one task")
        if request.dimensions is not None and pictures:
            options["embeddingConfig"] = {"outputEmbeddingLength": request.dimensions}
        elif request.dimensions is not None and "v1" in request.model:
            notes.lost("dimensions", "the model has one width")
        elif request.dimensions is not None:
            options["dimensions"] = request.dimensions
        return {"model": request.model, **item, **options}, notes.fidelity()

    def vectors_of(self, members: Members) -> list[Any]:
        """The vectors of an answer. Raises BadGatewayError."""
        vector = decoded(members.get("embedding"))
        if not isinstance(vector, list):
            raise BadGatewayError("the upstream's answer has no `embedding`")
        return [vector]


class CohereEmbed(EmbeddingsOf):
    """`{"texts", "input_type", "output_dimension", "truncate"}`: as many vectors as texts."""

    name = "cohere_embed"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """All texts, and what they are for, which the model needs to know."""
        notes = Notes()
        request = plain_request(typed, notes)
        texts = [item_said(item, notes, pictures=False).get("inputText", "") for item in request.input]
        options = extras(request, ("input_type", "truncate"), notes)
        task = options.pop("input_type", None) or request.task
        kind = cohere_task(task) if task is not None else "search_document"
        if kind not in COHERE_TASKS:
            notes.lost("task", "the model has no such task")
            kind = "search_document"
        if request.dimensions is not None:
            if "v3" in request.model:
                notes.lost("dimensions", "the model has one width")
            else:
                options["output_dimension"] = request.dimensions
        return {"model": request.model, "texts": texts, "input_type": kind, **options}, notes.fidelity()

    def vectors_of(self, members: Members) -> list[Any]:
        """The vectors of an answer. Raises BadGatewayError."""
        found = decoded(members.get("embeddings"))
        found = found.get("float") if isinstance(found, Mapping) else found
        if not isinstance(found, list) or not all(isinstance(vector, list) for vector in found):
            raise BadGatewayError("the upstream's answer has no `embeddings`")
        return found


def cohere_task(word: Any) -> str:
    """One of Cohere's tasks where a word means one, else the word."""
    return TASKS.get(meaning(word) or "", str(word))


def only_item(request: EmbeddingsRequest) -> Any:
    """What is to be embedded. Raises BadRequestError for several items."""
    if len(request.input) != 1:
        raise BadRequestError("the model embeds one item at a time", param="input")
    return request.input[0]


def item_said(item: Any, notes: Notes, *, pictures: bool) -> Body:
    """`inputText`, and `inputImage` where the model takes pictures."""
    if isinstance(item, str):
        return {"inputText": item}
    said: Body = {}
    for name, value in item.items() if isinstance(item, Mapping) else ():
        if name == "text" and isinstance(value, str):
            said["inputText"] = value
        elif name == "image" and pictures and isinstance(value, str) and "://" not in value[:12]:
            found = data_url(value)
            said["inputImage"] = found[1] if found is not None else value
        else:
            notes.lost(f"input.{name}", "there is no such field")
    if not isinstance(item, Mapping):
        notes.lost("input", "items are text, not tokens")
    return said


def extras(request: EmbeddingsRequest, known: tuple[str, ...], notes: Notes) -> Body:
    """The model's own words among the extras; the rest is noted."""
    extras = [(dialect, name, value) for dialect, fields in request.extra.items() for name, value in fields.items()]
    notes.foreign({dialect: {name: value} for dialect, name, value in extras if name not in known})
    return {name: value for _, name, value in extras if name in known}


TITAN_EMBED: Final = TitanEmbed()
COHERE_EMBED: Final = CohereEmbed()
