"""What a wire format can do: the contract between `wire/` and everybody who moves requests and replies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from nova_core.errors import NovaError
from nova_core.types.events import Event, Frame
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, Reply, TypedReply, TypedRequest
from nova_core.types.upload import File
from nova_core.types.usage import Usage

if TYPE_CHECKING:
    from nova_core.types.upstream import UpstreamResponse


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


@runtime_checkable
class LeavesUnread(Protocol):
    """A relay that does the same to two frames in a row that differ in some texts alone, and knows no more after both.

    The second of them it need not be shown.
    """

    def unread(self) -> tuple[str, ...]:
        """The names of the members, wherever they stand, whose strings are such texts."""
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


@runtime_checkable
class ReadsRaw(Protocol):
    """A dialect whose whole replies need not be JSON."""

    def read_raw(self, response: UpstreamResponse) -> Reply | None:
        """The reply in a body that is no JSON, by its content type; None for JSON, which is read as it always is.

        Raises BadGatewayError for a content type that is no answer to this operation.
        """
        ...


@runtime_checkable
class StreamsRaw(Protocol):
    """A dialect whose streamed answers may be bytes of a type of their own, passed on as they come."""

    def is_content(self, content_type: str) -> bool:
        """Whether an upstream's answer of this type (lower case) is such bytes, and no error or page of text."""
        ...

    def wants_events(self, members: Members) -> bool:
        """Whether a caller who sent these members is to get events: bytes are then said with the encoder."""
        ...


@runtime_checkable
class StreamsWhole(Protocol):
    """A dialect, not of chat, that can say a whole reply as a stream, for a caller who asked for one."""

    def events(self, typed: TypedReply) -> tuple[Event, ...]:
        """The events that tell this reply."""
        ...


@runtime_checkable
class CountsRequests(Protocol):
    """A dialect whose requests tell what is used where replies do not: characters to speak."""

    def usage_of_request(self, members: Members) -> Usage | None:
        """What a request uses."""
        ...


@runtime_checkable
class TakesForms(Protocol):
    """A dialect whose requests are forms (`multipart/form-data`) with files among their members.

    `live_after` are the fields that must have come before a call may begin while its file is still coming; empty where
    the whole form is waited for.
    """

    live_after: tuple[str, ...]

    def from_form(self, fields: Iterable[tuple[str, str | File]]) -> dict[str, Any]:
        """The members that a form says, its fields in order. Raises BadRequestError."""
        ...


@runtime_checkable
class SaysAsAsked(Protocol):
    """A dialect whose requests choose the form of a reply, which vendors that know but one form leave to be given."""

    def said_as_asked(self, reply: Reply, members: Members) -> Reply:
        """The reply as a request with these members wants it."""
        ...
