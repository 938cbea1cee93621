"""Ollama's `/api/chat` and `/api/embed` as dialects that only an upstream speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.chat import ChatRequest
from nova_core.types.dialect import StreamDecoder
from nova_core.types.embeddings import EmbeddingsReply, EmbeddingsRequest, Vector
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_ollama import reply, request
from nova_plugin_ollama.notes import NAME, Notes
from nova_plugin_ollama.reply import Decoder

EMBED_MEMBERS: Final = ("truncate", "keep_alive", "options")


class OllamaChat(UpstreamOnly):
    """`POST /api/chat`."""

    name = NAME
    operation: Operation = "chat"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream. Raises BadRequestError for arguments of calls that are not a JSON object."""
        if not isinstance(typed, ChatRequest):
            raise BadRequestError("an embeddings request cannot be sent as a chat request")
        return request.render(typed)

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError without a `message`, or with an `error`."""
        reply.check(members)

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """A `ChatReply`. Raises BadGatewayError."""
        return reply.parse(members)

    def usage_of(self, members: Members) -> Usage | None:
        """The usage a reply states."""
        return reply.usage_of(members)

    def decoder(self) -> StreamDecoder:
        """A decoder for one stream of lines."""
        return Decoder()


class OllamaEmbed(UpstreamOnly):
    """`POST /api/embed`."""

    name = "ollama_embed"
    operation: Operation = "embedding"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream; only texts are embedded."""
        if not isinstance(typed, EmbeddingsRequest):
            raise BadRequestError("a chat request cannot be sent as an embeddings request")
        notes = Notes()
        members: dict[str, Any] = {"model": typed.model, "input": [_text(item) for item in typed.input]}
        for place, item in enumerate(typed.input):
            if not isinstance(item, str) and not _is_text(item):
                notes.lost("input" if typed.single else f"input[{place}]", "the server embeds text only")
        if typed.dimensions is not None:
            members["dimensions"] = typed.dimensions
        if typed.encoding_format is not None:
            notes.mapped("encoding_format", "vectors are encoded on the way back")
        for name in ("task", "return_multivector"):
            if getattr(typed, name):
                notes.lost(name)
        if typed.user is not None:
            notes.hint("user")
        for dialect, extra in typed.extra.items():
            members |= {name: value for name, value in extra.items() if name in EMBED_MEMBERS}
            notes.foreign({dialect: {name: value for name, value in extra.items() if name not in EMBED_MEMBERS}})
        return members, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """An `embeddings` array and no `error`. Raises BadGatewayError."""
        reply.check_error(members)
        if not isinstance(decoded(members.get("embeddings")), list):
            raise BadGatewayError("the upstream's answer is no embeddings reply: it has no `embeddings` array")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for items that are no vectors."""
        self.check_reply(members)
        vectors = members["embeddings"]
        if not all(isinstance(vector, list) for vector in vectors):
            raise BadGatewayError("the upstream's `embeddings` are no lists of numbers")
        data = tuple(Vector(place, vector) for place, vector in enumerate(vectors))
        return EmbeddingsReply(str(members.get("model") or ""), data, self.usage_of(members))

    def usage_of(self, members: Members) -> Usage | None:
        """`prompt_eval_count`."""
        return reply.usage_of(members)


def _is_text(item: Any) -> bool:
    return isinstance(item, Mapping) and item.keys() == {"text"} and isinstance(item["text"], str)


def _text(item: Any) -> str:
    return item if isinstance(item, str) else item["text"] if _is_text(item) else ""


OLLAMA_CHAT: Final = OllamaChat()
OLLAMA_EMBED: Final = OllamaEmbed()
