"""The seam through which bytes reach upstreams: three small protocols, no library behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from nova_core.types.upstream import UpstreamRequest

Take = Callable[[bytes], bool]
"""Takes a piece of a body; whether more may come at once."""
Wait = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How connections are made and kept. Times in seconds, sizes in bytes.

    `limit` bounds the sockets in all, `limit_per_host` those to one host (0: unbounded),
    `max_idle_per_host` the ones kept for reuse, each for `keepalive_timeout` at most. `connect_timeout` and
    `first_byte_timeout` apply where a request gives none, so that no wait is without a deadline.
    `ssl_verify` is True for the system's certificates (and `SSL_CERT_FILE`), a path to a CA bundle, or False.
    `ssl_certificate` is the path of a client certificate and its key (PEM), shown to upstreams that ask.
    `trust_env` honours `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, read once a host. `lenient_hosts`
    break rules of HTTP, and are forgiven. `http2_hosts` are spoken to in HTTP/2.
    """

    limit: int = 10_000
    limit_per_host: int = 0
    max_idle_per_host: int = 1_000
    keepalive_timeout: float = 30.0
    connect_timeout: float = 10.0
    first_byte_timeout: float = 6_000.0
    body_timeout: float = 6_000.0
    header_limit: int = 64 * 1024
    read_buffer: int = 256 * 1024
    ssl_verify: bool | str = True
    ssl_certificate: str | None = None
    trust_env: bool = True
    lenient_hosts: tuple[str, ...] = ()
    http2_hosts: tuple[str, ...] = ()


DEFAULT_OPTIONS = TransportOptions()
STALE_SECONDS = 1.0
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
IDEMPOTENCY_KEY = "idempotency-key"


def may_repeat(request: UpstreamRequest, seconds: float) -> bool:
    """Whether to send a request again, whose kept connection ended without an answer after so many seconds.

    One that had ended before says so within a round trip. Later the upstream may be at work on the request, and
    doing that twice must not matter (RFC 9110 §9.2.2).
    """
    if seconds <= STALE_SECONDS or request.method in IDEMPOTENT:
        return True
    return any(name.lower() == IDEMPOTENCY_KEY for name, _ in request.headers)


@dataclass(frozen=True, slots=True)
class TransportStats:
    """Sockets to upstreams: `open` in all, `idle` of them waiting in the pool."""

    open: int
    idle: int


@runtime_checkable
class Pours(Protocol):
    """What `UpstreamStream.chunks` answers may do besides: give its pieces without anybody waking up for each."""

    async def pour(self, take: Take, ready: Wait) -> None:
        """Give every further piece to `take` in the moment it comes, up to the end.

        When `take` says no, nothing more is taken from the upstream until `ready` was awaited. Raises as iterating
        does, and what `take` raises: the stream is closed then.
        """
        ...


class UpstreamStream(Protocol):
    """An open response: the status and headers have arrived, the body is still to be read, once."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers under lower-case names; a repeated header's values are joined with `, `."""
        ...

    async def read(self, *, limit: int | None = None, deadline: float | None = None) -> bytes:
        """The whole body, decompressed, of at most `limit` bytes, by `deadline` (`time.monotonic()` seconds).

        Raises RequestTimeoutError, BadGatewayError over the limit, APIConnectionError for a body cut short.
        """
        ...

    def chunks(self, idle_timeout: float | None = None) -> AsyncIterator[bytes]:
        """The body piece by piece as it arrives; `idle_timeout` bounds the seconds between two pieces.

        Raises RequestTimeoutError when the first piece does not come in time, StreamBrokenError for a later
        silence, a reset, a body cut short or bad framing. Time in which nobody asks for a piece does not count.
        """
        ...

    async def aclose(self) -> None:
        """Done with it: a connection whose body was read to its end is reused, any other is closed at once."""
        ...


class Opens(Protocol):
    """Opens requests."""

    async def open(
        self,
        request: UpstreamRequest,
        *,
        first_byte_timeout: float | None = None,
        connect_timeout: float | None = None,
    ) -> UpstreamStream:
        """Send `request` and wait for the response's headers.

        `first_byte_timeout` bounds all of that, `connect_timeout` a new connection (waiting for a free one
        included). Cancelling closes the socket. Raises APIConnectionError and RequestTimeoutError, whose messages
        name the host alone: neither path nor query nor headers.
        """
        ...


class Transport(Opens, Protocol):
    """Opens requests. Lives in one event loop; whoever makes it closes it."""

    async def aclose(self) -> None:
        """Close every socket, those in use too."""
        ...

    def stats(self) -> TransportStats:
        """How many sockets there are now."""
        ...
