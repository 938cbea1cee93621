"""What a sans-I/O provider hands to the core, and what it gets back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec

from nova_core.errors import NovaError
from nova_core.types.dialect import Dialect
from nova_core.types.events import Frame
from nova_core.types.fidelity import EXACT, Fidelity
from nova_core.types.upload import StreamedBody

if TYPE_CHECKING:
    from nova_core.types.message import Reply


class UpstreamRequest(msgspec.Struct, frozen=True):
    """One HTTP request. `headers` may hold credentials and are never shown.

    A streamed body is sent as it comes, with its length where that is known and else in chunks, and read anew for every
    attempt; an answer that comes before its end is the answer.

    A transport may remember what it made of a `headers` tuple: one that is the same object holds the same headers.
    """

    url: str
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | StreamedBody | None = None
    stream: bool = False

    @property
    def content(self) -> bytes:
        """The body of a request that has it whole; nothing of one that is streamed."""
        return self.body if isinstance(self.body, bytes) else b""

    def __repr__(self) -> str:
        return f"UpstreamRequest(url={self.url!r}, method={self.method!r}, stream={self.stream!r})"


class Errand(UpstreamRequest, frozen=True, kw_only=True):
    """Work on this machine that an exchange waits for in the place of a request: a file to read, a program to run.

    `run` may block, it runs in a thread; what it answers is the body of a response of status 200. It raises NovaError.
    """

    run: Callable[[], bytes]

    def __repr__(self) -> str:
        return f"Errand({self.url!r})"


class Gathered(UpstreamRequest, frozen=True, kw_only=True):
    """A request that can only be made of its whole body, as one that is signed: the streamed `body` is read first.

    `made` makes the request of the bytes, of which there are `most` at most. It raises NovaError.
    """

    made: Callable[[bytes], UpstreamRequest]
    most: int

    def __repr__(self) -> str:
        return f"Gathered({self.url!r})"


class UpstreamResponse(msgspec.Struct, frozen=True):
    """A whole HTTP response. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"UpstreamResponse(status={self.status!r}, headers={self.headers!r})"


class FrameParser(Protocol):
    """Bytes of a streamed response into frames."""

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by `data`. Raises StreamBrokenError for bytes that cannot be framed."""
        ...

    def end(self) -> list[Frame]:
        """Frames left at the end of data."""
        ...


class Exchange(msgspec.Struct, frozen=True):
    """One exchange with an upstream: the request, and how to read what comes back.

    `read` may return another exchange (a token, then the call; a poll; the next page), which begins after `wait`
    seconds; a whole reply has its deadline, however many exchanges lead to it. `read_error` turns a status of 400 and
    above into an error. `frames` makes the parser of a streamed answer; None = not streamed. `otherwise` says what
    follows where a whole answer cannot be had, or raises: for exchanges that tidy up, and those that need it.
    """

    request: UpstreamRequest
    dialect: Dialect
    read: Callable[[UpstreamResponse], Reply | Exchange]
    read_error: Callable[[UpstreamResponse], NovaError]  # may know secrets, to keep them out
    frames: Callable[[], FrameParser] | None = None
    fidelity: Fidelity = EXACT
    wait: float = 0.0
    otherwise: Callable[[NovaError], Reply | Exchange] | None = None

    def __repr__(self) -> str:
        return f"Exchange({self.request!r}, {self.dialect.name})"
