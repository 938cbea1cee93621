"""Amazon's Nova through InvokeModel: what Converse says, in nearly its words."""

# https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html and …/using-invoke-api.html

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nova_core.types.dialect import Dialect
from nova_core.types.events import Frame
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Members, Operation, Request, TypedReply, TypedRequest, decoded, plain
from nova_core.types.upstream import FrameParser
from nova_core.types.usage import Usage
from nova_core.wire.event_stream import EXCEPTION, EventStream
from nova_core.wire.provider import Lane
from nova_plugin_bedrock.dialect import Converse
from nova_plugin_bedrock.framing import chunk_in
from nova_plugin_bedrock.invoking import GOVERNING, Governed, guarded
from nova_plugin_bedrock.render import ADDITIONAL
from nova_plugin_bedrock.signed import NOT_SENT, ModelRuntime

SCHEMA: Final = "messages-v1"
COUNTS: Final = {
    "cacheReadInputTokenCount": "cacheReadInputTokens",
    "cacheWriteInputTokenCount": "cacheWriteInputTokens",
}
EVENTS: Final = (
    "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata",
)  # fmt: skip


class NovaMessages(Converse):
    """Converse with fields of the model beside the others, and counts of the cache under other names."""

    name = "bedrock_nova"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream."""
        members, fidelity = super().render_request(typed)
        additional = dict(members.pop(ADDITIONAL, {}))
        sampling = {**members.get("inferenceConfig", {}), **additional.pop("inferenceConfig", {})}
        found = {"inferenceConfig": sampling} if sampling else {}
        if members.pop("outputConfig", None) is not None:
            fidelity += Fidelity((FieldNote("response_format", Fate.LOST, "Converse alone takes schemas"),))
        return {"schemaVersion": SCHEMA, **members, **found, **additional}, fidelity

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """A `ChatReply`. Raises BadGatewayError."""
        return super().parse_reply({**members, "usage": _counted(members.get("usage"))})

    def usage_of(self, members: Members) -> Usage | None:
        """The usage a reply states."""
        return super().usage_of({"usage": _counted(decoded(members.get("usage")))})


class InvokedNova(Governed, ModelRuntime):
    """Nova's understanding models."""

    dialects: Mapping[Operation, Dialect] = {"chat": NovaMessages()}
    action = "/invoke"
    stream_action = "/invoke-with-response-stream"

    def payload(self, request: Request, lane: Lane, *, streamed: bool) -> bytes:
        """The vendor's body; what governs it is said in headers."""
        members = plain(request.without(*NOT_SENT, *GOVERNING).members)
        return msgspec.json.encode({**members, **guarded(request)})

    def frames(self, dialect: Dialect) -> FrameParser:
        """Events of ConverseStream, each in a chunk."""
        return NovaChunks()


class NovaChunks(EventStream):
    """Chunks of which each holds one event under its name."""

    def frame(self, headers: dict[str, str], payload: bytes) -> Frame:
        """The event within, or an exception as Converse has it. Raises StreamBrokenError for what is neither."""
        outer = super().frame(headers, payload)
        if (outer.event or "").startswith(EXCEPTION):
            return outer
        event = chunk_in(outer)[1]
        name = next((name for name in EVENTS if name in event), None)
        said = event[name] if name is not None else {}
        if name == "metadata" and isinstance(said, Mapping):
            said = {**said, "usage": _counted(said.get("usage"))}
        return Frame(msgspec.json.encode(said), name)


def _counted(usage: Any) -> Any:
    return {COUNTS.get(name, name): count for name, count in usage.items()} if isinstance(usage, Mapping) else usage
