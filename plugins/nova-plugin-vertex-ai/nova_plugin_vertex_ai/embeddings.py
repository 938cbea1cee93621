"""Embeddings on Vertex AI: predictions of text embedding models, and batches of contents."""

# https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError
from nova_core.types.embeddings import EmbeddingsReply, Vector
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Members, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.gemini.embeddings import GeminiBatchEmbed

OPTIONS: Final[Mapping[str, str]] = {"taskType": "task_type", "title": "title"}
PER_CONTENT: Final = ("taskType", "title", "outputDimensionality", "autoTruncate")


class VertexPredict(GeminiBatchEmbed):
    """`{"instances": [{"content", "task_type", "title"}], "parameters": {"outputDimensionality"}}`."""

    name = "vertex_predict"
    required = "instances"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """One instance for each item; instances are texts only."""
        members, fidelity = super().render_request(typed)
        instances: list[dict[str, Any]] = []
        notes: list[FieldNote] = []
        parameters: dict[str, Any] = {}
        for place, request in enumerate(members["requests"]):
            parts = request["content"]["parts"]
            if any("text" not in part for part in parts):
                notes.append(FieldNote(f"input[{place}]", Fate.LOST, "the model embeds text only"))
            said = {OPTIONS[name]: request[name] for name in OPTIONS if name in request}
            instances.append({"content": "\n".join(part.get("text", "") for part in parts), **said})
            parameters |= {name: request[name] for name in ("outputDimensionality", "autoTruncate") if name in request}
        body = {"model": members["model"], "instances": instances}
        return body | ({"parameters": parameters} if parameters else {}), fidelity + Fidelity(tuple(notes))

    def check_reply(self, members: Members) -> None:
        """A `predictions` array. Raises BadGatewayError."""
        if not isinstance(decoded(members.get("predictions")), list):
            raise BadGatewayError("the upstream's answer is no embeddings reply: it has no `predictions` array")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for predictions that are no embedding."""
        self.check_reply(members)
        data = tuple(_vector(item, place) for place, item in enumerate(members["predictions"]))
        return EmbeddingsReply("", data, self.usage_of(members))

    def usage_of(self, members: Members) -> Usage | None:
        """The tokens of all instances."""
        found = decoded(members.get("predictions"))
        counts = [_tokens(item) for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []
        return Usage(input=sum(counts)) if any(counts) else None


class VertexBatch(GeminiBatchEmbed):
    """batchEmbedContents, whose options stand in an object of their own here."""

    name = "vertex_batch_embed"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """One request for each item."""
        members, fidelity = super().render_request(typed)
        requests = []
        for request in members["requests"]:
            options = {name: request[name] for name in PER_CONTENT if name in request}
            content = {"content": request["content"]}
            requests.append(content | ({"embedContentConfig": options} if options else {}))
        return {**members, "requests": requests}, fidelity


def _vector(item: Any, place: int) -> Vector:
    found = item.get("embeddings") if isinstance(item, Mapping) else None
    values = found.get("values") if isinstance(found, Mapping) else None
    if not isinstance(values, list):
        raise BadGatewayError(f"the upstream's `predictions[{place}]` has no embedding")
    return Vector(place, values)


def _tokens(item: Mapping[str, Any]) -> int:
    found = item.get("embeddings")
    statistics = found.get("statistics") if isinstance(found, Mapping) else None
    tokens = statistics.get("token_count") if isinstance(statistics, Mapping) else None
    return int(tokens) if isinstance(tokens, int | float) else 0


VERTEX_PREDICT: Final = VertexPredict()
VERTEX_BATCH: Final = VertexBatch()
