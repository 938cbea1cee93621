"""Embeddings: `{"text": [...]}` in, one vector an item in a list of its own out."""

# https://docs.snowflake.com/en/user-guide/snowflake-cortex/cortex-rest-api/embed-api

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError
from nova_core.types.embeddings import EmbeddingsReply, Vector
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.plain_vectors import plain_request
from nova_core.wire.upstream_only import UpstreamOnly

NAME: Final = "cortex_embed"


class CortexEmbed(UpstreamOnly):
    """`POST /api/v2/cortex/inference:embed`."""

    name = NAME
    operation: Operation = "embedding"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream; only texts are embedded."""
        notes = ForeignNotes(own=False, dialect=NAME)
        asked = plain_request(typed, notes)
        for place, item in enumerate(asked.input):
            if not isinstance(item, str):
                notes.lost("input" if asked.single else f"input[{place}]", "the models embed text only")
        for name in ("dimensions", "task"):
            if getattr(asked, name) is not None:
                notes.lost(name)
        notes.foreign(asked.extra)
        texts = [item if isinstance(item, str) else "" for item in asked.input]
        return {"model": asked.model, "text": texts}, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """A `data` array and no `error`. Raises BadGatewayError."""
        OPENAI_EMBEDDINGS.check_reply(members)

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for items that are no embedding."""
        self.check_reply(members)
        data = tuple(_vector(item, place) for place, item in enumerate(members["data"]))
        return EmbeddingsReply(str(members.get("model") or ""), data, self.usage_of(members))

    def usage_of(self, members: Members) -> Usage | None:
        """`usage.total_tokens`."""
        usage = decoded(members.get("usage"))
        return OPENAI_EMBEDDINGS.usage_of({"usage": usage}) if isinstance(usage, dict) else None


def _vector(item: Any, place: int) -> Vector:
    found = item.get("embedding") if isinstance(item, Mapping) else None
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], list):
        found = found[0]
    if not isinstance(found, list):
        raise BadGatewayError(f"the upstream's `data[{place}]` has no embedding")
    index = item.get("index")
    return Vector(index if type(index) is int else place, found)


CORTEX_EMBED: Final = CortexEmbed()
