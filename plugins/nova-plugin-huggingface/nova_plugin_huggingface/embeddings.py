"""Embeddings: `{"inputs": [...]}` in, a list of vectors out."""

# https://huggingface.github.io/text-embeddings-inference (POST /embed),
# https://huggingface.co/docs/inference-providers/tasks/feature-extraction

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError
from nova_core.types.embeddings import EmbeddingsReply, Vector
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Operation, TypedReply, TypedRequest
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.plain_vectors import plain_request
from nova_plugin_huggingface.notes import ListFormat


class Features(ListFormat):
    """A feature-extraction pipeline."""

    name = "hf_feature_extraction"
    operation: Operation = "embedding"
    member = "embeddings"
    words = ListFormat.words | {"normalize", "prompt_name"}
    takes_dimensions = False

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream; only texts are embedded."""
        notes = ForeignNotes(own=False, dialect=self.name)
        asked = plain_request(typed, notes)
        members: dict[str, Any] = {"model": asked.model, "inputs": [_text(item) for item in asked.input]}
        for place, item in enumerate(asked.input):
            if not isinstance(item, str):
                notes.lost("input" if asked.single else f"input[{place}]", "the server embeds text only")
        if asked.dimensions is not None and self.takes_dimensions:
            members["dimensions"] = asked.dimensions
        elif asked.dimensions is not None:
            notes.lost("dimensions", "vectors are as wide as the model makes them")
        if asked.task is not None:
            notes.lost("task", "say `prompt_name`, as the model's configuration has it")
        return members | self.own_words(asked.extra, notes), notes.fidelity()

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for items that are no pooled vector."""
        self.check_reply(members)
        data = tuple(_vector(item, place) for place, item in enumerate(members["embeddings"]))
        return EmbeddingsReply("", data, self.usage_of(members))


class Embed(Features):
    """`POST /embed` of Text Embeddings Inference."""

    name = "tei_embed"
    takes_dimensions = True


def _text(item: Any) -> str:
    return item if isinstance(item, str) else ""


def _vector(item: Any, place: int) -> Vector:
    if not isinstance(item, list) or not item:
        raise BadGatewayError(f"the upstream's vector {place} is no list of numbers")
    if isinstance(item[0], list):
        raise BadGatewayError("the model does not pool: it answered one vector for each token")
    return Vector(place, item)


FEATURES: Final = Features()
EMBED: Final = Embed()
