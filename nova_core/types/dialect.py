"""What a wire format can do: the contract between `wire/` and everybody who moves requests and replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from nova_core.errors import NovaError
from nova_core.types.events import Event, Frame
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest
from nova_core.types.usage import Usage


class StreamDecoder(Protocol):
    """Frames of one stream into events. Stateful: one per stream, frames in order."""

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """Events of one frame. Raises the NovaError that an error frame carries, StreamBrokenError for garbage."""
        ...

    def end(self) -> tuple[Event, ...]:
        """Called at the upstream's end of data. Raises StreamBrokenError if the answer was not finished."""
        ...


class StreamEncoder(Protocol):
    """Events into the bytes of one caller's stream."""

    def encode(self, events: tuple[Event, ...]) -> bytes:
        """Server-sent events for these events; may be empty."""
        ...

    def end(self) -> bytes:
        """The bytes of a clean end."""
        ...

    def fail(self, error: NovaError) -> bytes:
        """The bytes of a broken end: an error event, never a clean end's marker alone."""
        ...


class StreamRelay(Protocol):
    """Frames of one stream passed on in the same dialect, with a tap on what accounting needs."""

    usage: Usage | None
    events: int

    def relay(self, frame: Frame) -> bytes:
        """The frame's bytes with the model renamed, b"" for frames to leave out. Raises like a decoder."""
        ...

    def end(self) -> bytes:
        """What is missing for a clean end. Raises StreamBrokenError if the answer was not finished."""
        ...

    def fail(self, error: NovaError) -> bytes:
        """The bytes of a broken end."""
        ...


class Dialect(Protocol):
    """One wire format of one operation. Stateless; no I/O.

    Members are top-level JSON members; in `parse_*` they are decoded, elsewhere values may be `msgspec.Raw`.
    """

    name: str
    operation: Operation

    def check_request(self, members: Members) -> None:
        """Check the fields the dialect requires, without decoding more. Raises BadRequestError naming `param`."""
        ...

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """Typed request. Raises BadRequestError whose `param` is the field's path."""
        ...

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream that speaks this dialect, and what became of each field."""
        ...

    def with_defaults(self, members: Members, defaults: Mapping[str, Any]) -> Members:
        """Add a deployment's call defaults (OpenAI or native names) where the caller gave none."""
        ...

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError when this is not the operation's reply (no `choices`, an `error` object, …)."""
        ...

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError."""
        ...

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """Members of the caller's reply."""
        ...

    def usage_of(self, members: Members) -> Usage | None:
        """The usage a reply states, without decoding the rest."""
        ...

    def decoder(self) -> StreamDecoder:
        """A decoder for one upstream stream."""
        ...

    def encoder(self, *, model: str, include_usage: bool) -> StreamEncoder:
        """An encoder for one caller's stream; `model` is the name the caller used."""
        ...

    def relay(self, *, model: str, hide_usage: bool = False) -> StreamRelay:
        """A relay for one stream that keeps this dialect; `hide_usage` where only the gateway asked for usage."""
        ...

    def render_error(self, error: NovaError) -> dict[str, Any]:
        """The error body in this dialect."""
        ...
