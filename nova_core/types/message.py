"""Requests and replies as they travel: raw JSON members, with a typed view on demand."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.audio import SpeechReply, SpeechRequest, TranscriptionReply, TranscriptionRequest
from nova_core.types.chat import ChatReply, ChatRequest
from nova_core.types.embeddings import EmbeddingsReply, EmbeddingsRequest
from nova_core.types.events import Chunk, Frame
from nova_core.types.fidelity import EXACT, Fidelity
from nova_core.types.images import ImageEditRequest, ImageRequest, ImagesReply, ImageVariationRequest
from nova_core.types.moderation import ModerationReply, ModerationRequest
from nova_core.types.rerank import RerankReply, RerankRequest
from nova_core.types.upload import File
from nova_core.types.usage import Usage

if TYPE_CHECKING:
    from nova_core.types.dialect import Dialect

Operation = Literal[
    "chat",
    "completion",
    "embedding",
    "count_tokens",
    "compaction",
    "rerank",
    "moderation",
    "image_generation",
    "image_edit",
    "image_variation",
    "speech",
    "transcription",
    "translation",
]
TypedRequest = (
    ChatRequest
    | EmbeddingsRequest
    | RerankRequest
    | ModerationRequest
    | ImageRequest
    | ImageEditRequest
    | ImageVariationRequest
    | SpeechRequest
    | TranscriptionRequest
)
TypedReply = (
    ChatReply | EmbeddingsReply | RerankReply | ModerationReply | ImagesReply | SpeechReply | TranscriptionReply
)
Members = Mapping[str, Any]
"""Top-level members of a JSON object; a value is a `msgspec.Raw` (bytes not yet decoded) or decoded JSON."""


def _facts(value: Any) -> Any:
    """A file where only JSON can be said: what is known of it."""
    if isinstance(value, File):
        return value.facts
    raise NotImplementedError(f"{type(value).__name__} is no JSON")


UNSAYABLE = (NotImplementedError, TypeError)
"""What the encoder raises for a value that is no JSON."""
_DECODE = msgspec.json.Decoder().decode
_ENCODE = msgspec.json.Encoder(enc_hook=_facts).encode


def decoded(value: Any) -> Any:
    """A member's value as Python data, whichever form it has."""
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


def plain(members: Members) -> dict[str, Any]:
    """All members decoded."""
    return {name: decoded(value) for name, value in members.items()}


class _Document:
    """Members of one dialect with a lazily built typed view; either side may be the original."""

    __slots__ = ("_members", "_typed", "dialect")

    def __init__(self, dialect: Dialect, members: Members | None, typed: Any) -> None:
        self.dialect = dialect
        self._members = members
        self._typed = typed

    def get(self, name: str, default: Any = None) -> Any:
        """Decode one top-level member. Raises as `typed` does when it is JSON that no number or text can hold."""
        members = self._members
        value = (self.members if members is None else members).get(name, msgspec.UNSET)
        if value is msgspec.UNSET:
            return default
        if type(value) is not msgspec.Raw:
            return value
        try:
            return _DECODE(value)
        except msgspec.DecodeError as error:
            raise self.unreadable(error, name) from error

    def unreadable(self, error: Exception, name: str | None = None) -> NovaError:
        """The error for a member that cannot be decoded."""
        raise AssertionError("subclasses say whose fault it is")

    @property
    def members(self) -> Members:
        """Top-level members in this dialect."""
        raise AssertionError("subclasses render")

    def encode(self) -> bytes:
        """The JSON bytes; undecoded members are copied as they came."""
        members = self._members
        return _ENCODE(self.members if members is None else members)


class Request(_Document):
    """A caller's request. Immutable: `with_members`, `without` and `with_typed` return a new one."""

    __slots__ = ("_model", "operation")

    def __init__(
        self,
        operation: Operation,
        dialect: Dialect,
        members: Members | None = None,
        typed: TypedRequest | None = None,
    ) -> None:
        if members is None and typed is None:
            raise ValueError("a request needs members or a typed view")
        self.dialect = dialect
        self._members = members
        self._typed = typed
        self._model: str | None = None
        self.operation = operation

    @property
    def members(self) -> Members:
        """Top-level members, rendered from the typed view if that is newer."""
        if self._members is None:
            self._members, _ = self.dialect.render_request(self._typed)
        return self._members

    @property
    def typed(self) -> TypedRequest:
        """The typed view, parsed on first use. Raises BadRequestError with the field's path."""
        if self._typed is None:
            try:
                members = plain(self.members)
            except msgspec.DecodeError as error:
                raise self.unreadable(error) from error
            self._typed = self.dialect.parse_request(members)
        typed: TypedRequest = self._typed
        return typed

    def unreadable(self, error: Exception, name: str | None = None) -> NovaError:
        """A request that cannot be decoded is the caller's to mend."""
        return BadRequestError(f"{f'`{name}`' if name else 'the body'} cannot be read: {error}", param=name)

    def encode(self) -> bytes:
        """The JSON bytes. Raises BadRequestError for what a program gave that is no JSON."""
        members = self._members
        try:
            return _ENCODE(self.members if members is None else members)
        except UNSAYABLE as error:
            raise BadRequestError(f"the request cannot be said as JSON: {error}") from error

    @property
    def chat(self) -> ChatRequest:
        """The typed view of a chat-family request."""
        if not isinstance(self.typed, ChatRequest):
            raise BadRequestError(f"a chat request is needed, this is {self.operation}")
        return self.typed

    @property
    def embeddings(self) -> EmbeddingsRequest:
        """The typed view of an embeddings request."""
        if not isinstance(self.typed, EmbeddingsRequest):
            raise BadRequestError(f"an embeddings request is needed, this is {self.operation}")
        return self.typed

    @property
    def model(self) -> str:
        """The model name in the request; without one that of the dialect, if it has a `default_model`."""
        if self._model is None:
            name = self.get("model")
            self._model = name if isinstance(name, str) else getattr(self.dialect, "default_model", "")
        return self._model

    @property
    def stream(self) -> bool:
        """Whether the answer is to come in pieces: the caller asked for a stream, or for speech."""
        members = self._members
        if (members is None or "stream" in members) and self.get("stream") is True:
            return True
        return self.operation == "speech"

    def with_members(self, changes: Members) -> Request:
        """These members added or replaced; every other member's bytes stay."""
        members = self._members
        return Request(self.operation, self.dialect, {**(self.members if members is None else members), **changes})

    def without(self, *names: str) -> Request:
        """These members removed."""
        if not any(name in self.members for name in names):
            return self
        kept = {name: value for name, value in self.members.items() if name not in names}
        return Request(self.operation, self.dialect, kept)

    def with_typed(self, typed: TypedRequest) -> Request:
        """The same request with a changed typed view, which is now what counts."""
        return Request(self.operation, self.dialect, None, typed)


class Reply(_Document):
    """A whole answer. `headers` are upstream headers (lower case) that may reach the caller."""

    __slots__ = ("_usage", "fidelity", "headers", "operation")
    content_type: str = "application/json"

    def __init__(
        self,
        operation: Operation,
        dialect: Dialect,
        members: Members | None = None,
        typed: TypedReply | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        usage: Usage | None = None,
        fidelity: Fidelity = EXACT,
    ) -> None:
        if members is None and typed is None:
            raise ValueError("a reply needs members or a typed view")
        self.dialect = dialect
        self._members = members
        self._typed = typed
        self.operation = operation
        self.headers: Mapping[str, str] = headers or {}
        self.fidelity = fidelity
        self._usage = usage

    @property
    def members(self) -> Members:
        """Top-level members, rendered from the typed view if that is newer."""
        if self._members is None:
            self._members = self.dialect.render_reply(self._typed)
        return self._members

    @property
    def typed(self) -> TypedReply:
        """The typed view, parsed on first use. Raises BadGatewayError when it is not this operation's reply."""
        if self._typed is None:
            try:
                members = plain(self.members)
            except msgspec.DecodeError as error:
                raise self.unreadable(error) from error
            self._typed = self.dialect.parse_reply(members)
        typed: TypedReply = self._typed
        return typed

    def unreadable(self, error: Exception, name: str | None = None) -> NovaError:
        """A reply that cannot be decoded is the upstream's fault."""
        return BadGatewayError(f"the upstream's reply cannot be read: {error}")

    @property
    def usage(self) -> Usage | None:
        """What was used; None when the upstream did not say, or said it in numbers that nothing can hold."""
        if self._usage is None:
            if self._members is not None:
                try:
                    self._usage = self.dialect.usage_of(self._members)
                except msgspec.DecodeError:
                    return None
            elif self._typed is not None:
                self._usage = self._typed.usage
        return self._usage

    def with_members(self, changes: Members) -> Reply:
        """These members added or replaced; every other member's bytes stay."""
        members = {**(self.members if self._members is None else self._members), **changes}
        return Reply(self.operation, self.dialect, members, headers=self.headers, usage=self._usage)

    def with_typed(self, typed: TypedReply) -> Reply:
        """The same reply with a changed typed view, which is now what counts."""
        return Reply(self.operation, self.dialect, None, typed, headers=self.headers)


class RawReply(Reply):
    """A whole answer that is no JSON: audio, or a transcript as `text`, `srt` or `vtt`.

    It has no members and reaches the caller as it is, under its own content type, in whatever dialect that caller
    speaks. `typed` is there only where the provider gave it.
    """

    __slots__ = ("content", "content_type")

    def __init__(
        self,
        operation: Operation,
        dialect: Dialect,
        content: bytes,
        content_type: str,
        *,
        typed: TypedReply | None = None,
        headers: Mapping[str, str] | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(operation, dialect, {}, typed, headers=headers, usage=usage)
        self.content = content
        self.content_type = content_type

    def encode(self) -> bytes:
        """The content."""
        return self.content

    def with_members(self, changes: Members) -> Reply:
        """Raises TypeError: there are none."""
        raise TypeError("an answer that is no JSON has no members")


class Stream:
    """A streamed answer: upstream `frames` in `dialect`, or typed `chunks`; exactly one of the two.

    `content_type` is that of an answer that is bytes and no events (audio): its frames are pieces of it as they came,
    and its chunks hold `Piece` events alone. It reaches the caller as it is, in whatever dialect that caller speaks;
    one that breaks ends with the connection, since bytes cannot say that they are not all.
    Whoever takes the stream calls `aclose()` on every exit; it closes all layers down to the upstream.
    """

    __slots__ = ("_closers", "chunks", "closed", "content_type", "dialect", "frames", "headers")

    def __init__(
        self,
        dialect: Dialect,
        *,
        frames: AsyncIterator[Frame] | None = None,
        chunks: AsyncIterator[Chunk] | None = None,
        headers: Mapping[str, str] | None = None,
        closers: Iterable[Callable[[], Awaitable[object]]] = (),
        content_type: str | None = None,
    ) -> None:
        if (frames is None) == (chunks is None):
            raise ValueError("a stream has frames or chunks, not both")
        self.dialect = dialect
        self.frames = frames
        self.chunks = chunks
        self.headers: Mapping[str, str] = headers or {}
        self.content_type = content_type
        self._closers = list(closers)
        self.closed = False

    def on_close(self, closer: Callable[[], Awaitable[object]]) -> None:
        """Run `closer` after everything else was closed."""
        self._closers.append(closer)

    async def aclose(self) -> None:
        """Close every layer, outermost first, even if one of them fails or is cancelled; safe to call twice."""
        if self.closed:
            return
        self.closed = True
        failures: list[BaseException] = []
        source: Any = self.frames if self.frames is not None else self.chunks
        closers: list[Callable[[], Awaitable[object]]] = [*self._closers]
        if hasattr(source, "aclose"):
            closers.insert(0, source.aclose)
        for close in closers:
            try:
                await close()
            except (Exception, CancelledError) as error:
                failures.append(error)
        if failures:
            raise next((each for each in failures if isinstance(each, CancelledError)), failures[0])
