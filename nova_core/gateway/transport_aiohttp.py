"""The transport on aiohttp: one session, one pool, deadlines of our own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from nova_core._version import __version__
from nova_core.errors import StreamBrokenError
from nova_core.gateway.transport import DEFAULT_OPTIONS, TransportOptions, TransportStats, may_repeat
from nova_core.gateway.transport_aiohttp_body import Outgoing
from nova_core.gateway.transport_aiohttp_errors import not_opened, place
from nova_core.gateway.transport_errors import bad_address, broken_off, cut_short, timed_out, too_large
from nova_core.gateway.transport_proxies import OutgoingProxies
from nova_core.gateway.transport_tls import tls_context
from nova_core.types.upstream import UpstreamRequest

if TYPE_CHECKING:
    from aiohttp.connector import Connection

SKIPPED_HEADERS = ("Content-Type", "Accept")

BROKEN = (aiohttp.ClientError, OSError)
DISCONNECTED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError)


class _Attempt:
    """One try at a request: whether it must have a new connection, and whether it got a used one."""

    __slots__ = ("fresh", "reused")

    def __init__(self, *, fresh: bool) -> None:
        self.fresh = fresh
        self.reused = False


# aiohttp builds the request inside the session; this is how the connector below knows whose it is.
_ATTEMPT: ContextVar[_Attempt] = ContextVar("nova_transport_attempt")


class _Socket(ResponseHandler):
    """A connection that knows whether it was used before."""

    used = False

    def set_exception(self, exc: BaseException, *cause: Any) -> None:
        # For bad framing in mid-body aiohttp tells the connection alone, and the body's reader would wait on.
        payload = self._payload
        super().set_exception(exc, *cause)
        if payload is not None and not payload.is_eof() and payload.exception() is None:
            payload.set_exception(aiohttp.ClientPayloadError(), exc)


class _Connector(aiohttp.TCPConnector):
    """A pool that tells used connections from new ones, and keeps a bounded number of idle ones."""

    def __init__(self, options: TransportOptions) -> None:
        super().__init__(
            limit=options.limit,
            limit_per_host=options.limit_per_host,
            keepalive_timeout=options.keepalive_timeout,
            ttl_dns_cache=30,
            ssl=tls_context(options.ssl_verify, options.ssl_certificate),
        )
        make: Callable[..., ResponseHandler] = _Socket
        self._factory = partial(make, loop=self._loop)
        self._max_idle = options.max_idle_per_host

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Connection:
        attempt = _ATTEMPT.get()
        while True:
            connection = await super().connect(req, traces, timeout)
            socket = connection.protocol
            assert isinstance(socket, _Socket)
            attempt.reused = socket.used
            if not (attempt.fresh and attempt.reused):
                socket.used = True
                return connection
            connection.close()

    def _release(self, key: Any, protocol: ResponseHandler, *, should_close: bool = False) -> None:
        full = len(self._conns.get(key, ())) >= self._max_idle
        super()._release(key, protocol, should_close=should_close or full)

    def stats(self) -> TransportStats:
        idle = sum(protocol.is_connected() for pool in self._conns.values() for protocol, _ in pool)
        return TransportStats(open=idle + len(self._acquired), idle=idle)


class AiohttpTransport:
    """Implements `Transport`. Make it inside the event loop that uses it."""

    __slots__ = ("_connector", "_options", "_patience", "_proxies", "_session")

    def __init__(self, options: TransportOptions = DEFAULT_OPTIONS) -> None:
        self._options = options
        self._connector = _Connector(options)
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"nova-core/{__version__}"},
            skip_auto_headers=SKIPPED_HEADERS,
            read_bufsize=options.read_buffer,
            max_line_size=options.header_limit,
            max_field_size=options.header_limit,
            trust_env=False,  # it would read the environment, and ~/.netrc, in a thread for each request
        )
        self._proxies = OutgoingProxies(trust_env=options.trust_env)
        self._patience = _patience(options.connect_timeout)

    async def open(
        self,
        request: UpstreamRequest,
        *,
        first_byte_timeout: float | None = None,
        connect_timeout: float | None = None,
    ) -> AiohttpStream:
        """See `Transport.open`."""
        url = _parsed(request.url)
        where = place(url)
        first = self._options.first_byte_timeout if first_byte_timeout is None else first_byte_timeout
        patience = self._patience if connect_timeout is None else _patience(connect_timeout)
        try:
            async with asyncio.timeout(first):
                response = await self._send(request, url, patience)
        except aiohttp.ConnectionTimeoutError:
            raise timed_out("connect", patience.connect or 0, where) from None
        except TimeoutError:
            raise timed_out("first byte", first, where) from None
        except (*BROKEN, ValueError) as error:
            raise not_opened(error, where) from None
        return AiohttpStream(response, where, self._options.body_timeout)

    async def _send(
        self, request: UpstreamRequest, url: URL, patience: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """One response. A kept connection that died unnoticed is replaced by a new one, once."""
        attempt = _Attempt(fresh=False)
        while True:
            _ATTEMPT.set(attempt)
            outgoing = Outgoing(request)
            began = time.monotonic()
            try:
                return await self._session.request(
                    request.method,
                    url,
                    headers=outgoing.headers,
                    data=outgoing.data,
                    allow_redirects=False,
                    proxy=self._proxies.proxy_for(url.scheme, url.host or ""),
                    timeout=patience,
                )
            except (aiohttp.ClientError, ConnectionError) as error:
                if outgoing.failure is not None:
                    raise outgoing.failure from None
                if not isinstance(error, DISCONNECTED) or attempt.fresh or not attempt.reused or not _unanswered(error):
                    raise
                if not may_repeat(request, time.monotonic() - began):
                    raise
                attempt = _Attempt(fresh=True)

    async def aclose(self) -> None:
        """Close every socket."""
        await self._session.close()

    def stats(self) -> TransportStats:
        """Sockets now."""
        return self._connector.stats()


class AiohttpStream:
    """Implements `UpstreamStream`."""

    __slots__ = ("_body_timeout", "_headers", "_response", "_where", "status")

    def __init__(self, response: aiohttp.ClientResponse, where: str, body_timeout: float) -> None:
        self._response = response
        self._where = where
        self._body_timeout = body_timeout
        self._headers: dict[str, str] | None = None
        self.status = response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers under lower-case names."""
        if self._headers is None:
            self._headers = {}
            for name, value in self._response.headers.items():
                name = name.lower()
                self._headers[name] = f"{self._headers[name]}, {value}" if name in self._headers else value
        return self._headers

    async def read(self, *, limit: int | None = None, deadline: float | None = None) -> bytes:
        """See `UpstreamStream.read`."""
        started = time.monotonic()
        left = self._body_timeout if deadline is None else max(0.0, deadline - started)
        try:
            if self._response.content.is_eof():
                return await self._whole(limit)
            async with asyncio.timeout(left):
                return await self._whole(limit)
        except TimeoutError:
            self._response.close()
            raise timed_out("total", left, self._where) from None
        except BROKEN:
            self._response.close()
            raise cut_short(self._where) from None
        except BaseException:
            self._response.close()
            raise

    async def _whole(self, limit: int | None) -> bytes:
        content = self._response.content
        pieces: list[bytes] = []
        size = 0
        while piece := await content.readany():
            size += len(piece)
            if limit is not None and size > limit:
                raise too_large(limit, self._where)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def chunks(self, idle_timeout: float | None = None) -> AsyncIterator[bytes]:
        """See `UpstreamStream.chunks`."""
        content = self._response.content
        idle = self._body_timeout if idle_timeout is None else idle_timeout
        watch = _IdleWatch(content, idle)
        begun = False
        try:
            while True:
                watch.waiting()
                piece = await content.readany()
                watch.resumed()
                if not piece:
                    return
                begun = True
                yield piece
        except TimeoutError:
            late = timed_out("idle", idle, self._where)
            raise (StreamBrokenError(late.message) if begun else late) from None
        except BROKEN:
            raise broken_off(self._where) from None
        finally:
            watch.stop()
            self._response.close()

    async def aclose(self) -> None:
        """See `UpstreamStream.aclose`."""
        # aiohttp has given a connection back by itself once its body was complete; this closes what is left.
        self._response.close()


class _IdleWatch:
    """One timer for a whole stream: noting the time of a piece is cheaper than a timeout around each."""

    __slots__ = ("_content", "_handle", "_idle", "_loop", "_since")

    def __init__(self, content: aiohttp.StreamReader, idle: float) -> None:
        self._content = content
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._handle = self._loop.call_later(idle, self._look)

    def waiting(self) -> None:
        self._since = self._loop.time()

    def resumed(self) -> None:
        self._since = None

    def stop(self) -> None:
        self._handle.cancel()

    def _look(self) -> None:
        left = self._idle if self._since is None else self._since + self._idle - self._loop.time()
        if left > 0.001:
            self._handle = self._loop.call_later(left, self._look)
        else:
            self._content.set_exception(TimeoutError())


def _parsed(url: str) -> URL:
    """The address as the provider wrote it: no quoting anew."""
    try:
        parsed = URL(url, encoded=True)
        if parsed.scheme in ("http", "https") and parsed.host:
            return parsed
    except ValueError:
        pass
    raise bad_address()


def _patience(connect: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=None, sock_read=None)


def _unanswered(error: Exception) -> bool:
    """Whether not even a part of a response's headers had come."""
    return not isinstance(error, aiohttp.ServerDisconnectedError) or isinstance(error.message, str)
