"""Vectors of one item's segments, as jobs answer them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from nova_core.errors import BadGatewayError
from nova_core.types.embeddings import EmbeddingsReply
from nova_core.types.message import Members, TypedReply, decoded
from nova_core.types.usage import Usage
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_plugin_bedrock.embeddings import EmbeddingsOf

VECTOR: Final = "embedding"


class Segmented(EmbeddingsOf):
    """`{"data": [{"embedding", …}]}`: what stands beside a vector says of which segment it is."""

    def vectors_of(self, members: Members) -> list[Any]:
        """The vectors of an answer. Raises BadGatewayError."""
        return [segment[VECTOR] for segment in _segments(members)]

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply; callers find the segments beside the vectors, in their order. Raises BadGatewayError."""
        typed = super().parse_reply(members)
        assert isinstance(typed, EmbeddingsReply)
        beside = [{name: value for name, value in segment.items() if name != VECTOR} for segment in _segments(members)]
        return replace(typed, extra={OPENAI_EMBEDDINGS.name: {"segments": beside}})

    def usage_of(self, members: Members) -> Usage | None:
        """None: jobs do not count."""
        return None


def _segments(members: Members) -> list[Mapping[str, Any]]:
    found = decoded(members.get("data"))
    if not isinstance(found, list) or not found:
        raise BadGatewayError("the upstream's job made no vectors")
    if not all(isinstance(each, Mapping) and isinstance(each.get(VECTOR), list) for each in found):
        raise BadGatewayError("the upstream's job made something that is no vector")
    return found
