"""Speech that stands in JSON: whole in a reply, or piece by piece in the events of a stream."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from nova_core.errors import BadGatewayError, NovaError, StreamBrokenError
from nova_core.types.audio import AUDIO_TYPES
from nova_core.types.dialect import StreamDecoder
from nova_core.types.events import Event, Frame, Piece, UsageUpdate
from nova_core.types.message import RawReply, Reply, Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.types.usage import Usage
from nova_core.wire.body import NOT_JSON
from nova_core.wire.openai_speech import OpenAISpeech
from nova_core.wire.upstream_errors import excerpt

DONE = b"[DONE]"
CONTAINERS: Mapping[bytes, str] = {
    b"RIFF": AUDIO_TYPES["wav"],
    b"OggS": AUDIO_TYPES["opus"],
    b"fLaC": AUDIO_TYPES["flac"],
}
"""Content types by the first bytes of files."""
Read = Callable[[UpstreamResponse], Reply | Exchange]
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What goes wrong while data of another shape is read."""


class SpokenJson(OpenAISpeech):
    """A format of speech that upstreams speak. Subclasses write `render_request` and `audio_in`.

    What reads an answer is given its JSON, decoded, of a whole reply or of one event; it raises one of `UNREADABLE`
    for another shape.
    """

    def audio_in(self, answer: Mapping[str, Any]) -> bytes:
        """The audio in a reply or an event, none where it says something else."""
        raise AssertionError("subclasses read")

    def failure_in(self, answer: Mapping[str, Any]) -> NovaError | None:
        """The error that a reply or an event is, though its status is that of success."""
        return None

    def is_last(self, event: Mapping[str, Any]) -> bool:
        """Whether an event of a stream is its last."""
        return False

    def counted(self, answer: Mapping[str, Any]) -> Usage | None:
        """The usage that a reply or an event states."""
        return None

    def read_raw(self, response: UpstreamResponse) -> Reply | None:
        """The audio, of the type that its first bytes tell. Raises the error that the answer is, BadGatewayError."""
        if self.is_content(response.headers.get("content-type", "").lower()):
            return super().read_raw(response)
        try:
            answer = msgspec.json.decode(response.body, type=dict[str, Any])
        except NOT_JSON as error:
            raise BadGatewayError(f"the upstream's answer is not a JSON object: {excerpt(response)}") from error
        try:
            if (failure := self.failure_in(answer)) is not None:
                raise failure
            audio, usage = self.audio_in(answer), self.counted(answer)
        except UNREADABLE as error:
            raise BadGatewayError(f"the upstream's answer holds no audio: {excerpt(response)}") from error
        if not audio:
            raise BadGatewayError(f"the upstream's answer holds no audio: {excerpt(response)}")
        return RawReply(self.operation, self, audio, audio_type(audio), usage=usage)

    def decoder(self) -> StreamDecoder:
        """Events as pieces of audio."""
        return SpokenDecoder(self)


class SpokenDecoder:
    """The audio in events. Its end must have been said."""

    __slots__ = ("_done", "_format")

    def __init__(self, format: SpokenJson) -> None:
        self._format = format
        self._done = False

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """The audio and the usage in an event. Raises the error that it is, StreamBrokenError for another shape."""
        if not frame.data.strip() or frame.data.strip() == DONE:
            return ()
        try:
            answer = msgspec.json.decode(frame.data, type=dict[str, Any])
            if (failure := self._format.failure_in(answer)) is not None:
                raise failure
            audio, usage = self._format.audio_in(answer), self._format.counted(answer)
            self._done = self._done or self._format.is_last(answer)
        except (msgspec.DecodeError, RecursionError, *UNREADABLE) as error:
            raise StreamBrokenError("the upstream's stream holds an event that cannot be read") from error
        said = (Piece(audio),) if audio else ()
        return said if usage is None else (*said, UsageUpdate(usage))

    def end(self) -> tuple[Event, ...]:
        """Nothing is left. Raises StreamBrokenError unless a last event came."""
        if not self._done:
            raise StreamBrokenError("the upstream's stream ended before its last event")
        return ()


def audio_of_base64(text: Any) -> bytes:
    """The bytes of Base64 text. Raises TypeError for what is no text, ValueError for what is no Base64."""
    if not isinstance(text, str):
        raise TypeError("Base64 is a text")
    return base64.b64decode(text, validate=True)


def as_asked(exchange: Exchange, request: Request) -> Exchange:
    """The exchange of speech in JSON; its audio is of the type that the caller's request asks for, if any."""
    wanted = request.get("response_format")
    kind = AUDIO_TYPES.get(wanted) if isinstance(wanted, str) else None
    if kind is None or not isinstance(exchange.dialect, SpokenJson):
        return exchange
    return msgspec.structs.replace(exchange, read=partial(_of_type, exchange.read, kind))


def _of_type(read: Read, kind: str, response: UpstreamResponse) -> Reply | Exchange:
    reply = read(response)
    if isinstance(reply, Exchange):
        return msgspec.structs.replace(reply, read=partial(_of_type, reply.read, kind))
    if isinstance(reply, RawReply):
        reply.content_type = kind
    return reply


def audio_type(audio: bytes) -> str:
    """The content type that the first bytes tell, that of bare samples where they tell none."""
    if (known := CONTAINERS.get(audio[:4])) is not None:
        return known
    if audio.startswith(b"ID3"):
        return AUDIO_TYPES["mp3"]
    head = int.from_bytes(audio[:3])
    # Eleven bits begin a frame of MPEG audio; its layer, rate and speed must be such as there are.
    if head & 0xFFE600 == 0xFFE200 and (head >> 4) & 0xF not in (0, 0xF) and (head >> 2) & 3 != 3:
        return AUDIO_TYPES["mp3"]
    return AUDIO_TYPES["aac"] if head & 0xFFF600 == 0xFFF000 else AUDIO_TYPES["pcm"]
