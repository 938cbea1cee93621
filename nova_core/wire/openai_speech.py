"""OpenAI's Speech format (`/v1/audio/speech`): JSON in, audio out, as bytes or in events."""

# Source: OpenAI API reference, "Create speech" (`stream_format`: `audio` or `sse`).

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.audio import SpeechRequest
from nova_core.types.dialect import StreamDecoder, StreamEncoder, StreamRelay
from nova_core.types.events import Event, Frame, Piece, UsageUpdate
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, RawReply, Reply, TypedReply, TypedRequest, decoded
from nova_core.types.upstream import UpstreamResponse
from nova_core.types.usage import Units, Usage
from nova_core.wire.json_operation import JsonOperation, check_kinds, check_text, count, given
from nova_core.wire.named_events import EventDecoder, EventRelay, error_event
from nova_core.wire.openai_chat.fields import Fields, bad_field
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.sse import sse_bytes
from nova_core.wire.upstream_errors import facts_of

DELTA, LAST = "speech.audio.delta", "speech.audio.done"
EVENTS, AUDIO = "sse", "audio"
KINDS: Mapping[str, str] = {
    "voice": "voice",
    "instructions": "text",
    "response_format": "text",
    "speed": "number",
    "stream_format": "text",
}


class OpenAISpeech(JsonOperation):
    """The dialect. An answer is always streamed: bytes of audio, or events where the caller asks for `sse`."""

    name = "openai_speech"
    operation: Operation = "speech"
    answer = ""

    def check_request(self, members: Members) -> None:
        """`model`, `input` and `voice`. Raises BadRequestError."""
        check_text(members, "model")
        check_text(members, "input")
        check_kinds(members, KINDS)
        if not decoded(members.get("voice")):
            raise BadRequestError("`voice` is required", param="voice", code="missing_required_parameter")
        if decoded(members.get("stream_format")) not in (None, EVENTS, AUDIO):
            raise bad_field("stream_format", f"must be `{EVENTS}` or `{AUDIO}`")

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """Typed request. Raises BadRequestError whose `param` is the field's path."""
        self.check_request(members)
        fields = Fields(members, "")
        return SpeechRequest(
            model=fields.required_text("model"),
            input=fields.required_text("input"),
            voice=fields.take("voice"),
            instructions=fields.text("instructions"),
            response_format=fields.text("response_format"),
            speed=fields.number("speed"),
            events=fields.text("stream_format") == EVENTS,
            extra=fields.extra(self.name),
        )

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the request."""
        if not isinstance(typed, SpeechRequest):
            raise BadRequestError("only a request for speech can be sent as one")
        notes = Notes(own=self.name in typed.extra, dialect=self.name)
        members = given(
            {
                "model": typed.model,
                "input": typed.input,
                "voice": typed.voice,
                "instructions": typed.instructions,
                "response_format": typed.response_format,
                "speed": typed.speed,
                "stream_format": EVENTS if typed.events else None,
            }
        )
        notes.extra(members, typed.extra)
        return members, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError: JSON is no audio."""
        facts = facts_of(msgspec.json.encode(dict(members)))
        said = f": {facts.message}" if facts.message else ""
        raise BadGatewayError(f"the upstream answered JSON instead of audio{said}")

    def read_raw(self, response: UpstreamResponse) -> Reply | None:
        """A whole audio."""
        kind = response.headers.get("content-type", "")
        return RawReply(self.operation, self, response.body, kind) if self.is_content(kind.lower()) else None

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Raises BadGatewayError: audio has no members."""
        raise BadGatewayError("audio has no members to be read")

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """Raises BadGatewayError: a reply of speech is bytes."""
        raise BadGatewayError("a reply of speech is audio, not JSON")

    def usage_of(self, members: Members) -> Usage | None:
        """Audio states none."""
        return None

    def usage_of_request(self, members: Members) -> Usage | None:
        """The characters to speak."""
        text = decoded(members.get("input"))
        return Usage(units=Units(characters=len(text))) if isinstance(text, str) else None

    def is_content(self, content_type: str) -> bool:
        """Audio, and bytes of no known type."""
        return content_type.startswith(("audio/", "video/", "application/octet-stream", "binary/"))

    def wants_events(self, members: Members) -> bool:
        """Whether `stream_format` is `sse`."""
        return bool(decoded(members.get("stream_format")) == EVENTS)

    def decoder(self) -> StreamDecoder:
        """Events as pieces."""
        return EventDecoder(frozenset({LAST}), _event_usage)

    def encoder(self, *, model: str, include_usage: bool) -> StreamEncoder:
        """Pieces, of bytes or of events, as events."""
        return SpeechEncoder()

    def relay(self, *, model: str, hide_usage: bool = False) -> StreamRelay:
        """Events as they came."""
        return EventRelay(frozenset({LAST}), _event_usage)


class SpeechEncoder:
    """Audio in events."""

    __slots__ = ("_done", "_usage")

    def __init__(self) -> None:
        self._usage: Usage | None = None
        self._done = False

    def encode(self, events: tuple[Event, ...]) -> bytes:
        """An event for each piece; usage is for the last one."""
        said = b""
        for event in events:
            if isinstance(event, UsageUpdate):
                self._usage = event.usage
            elif isinstance(event, Piece):
                self._done = self._done or event.event == LAST
                said += _delta(event.data) if event.event is None else sse_bytes(Frame(event.data, event.event))
        return said

    def end(self) -> bytes:
        """The last event, unless it came."""
        if self._done:
            return b""
        usage = self._usage or Usage()
        counts = {"input_tokens": usage.input_total, "output_tokens": usage.output_total, "total_tokens": usage.total}
        return _event({"type": LAST, **({"usage": counts} if usage.total else {})})

    def fail(self, error: NovaError) -> bytes:
        """An error event."""
        return error_event(error)


def _delta(audio: bytes) -> bytes:
    return _event({"type": DELTA, "audio": base64.b64encode(audio).decode()})


def _event(data: dict[str, Any]) -> bytes:
    return sse_bytes(Frame(msgspec.json.encode(data)))


def _event_usage(event: Mapping[str, Any]) -> Usage | None:
    usage = event.get("usage")
    if not isinstance(usage, dict):
        return None
    return Usage(input=count(usage.get("input_tokens")), output_audio=count(usage.get("output_tokens")))


OPENAI_SPEECH = OpenAISpeech()
