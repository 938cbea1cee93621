"""The transport that a gateway uses: clients of our own, and aiohttp for odd hosts and those behind a proxy."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nova_core.errors import ConfigurationError
from nova_core.gateway.http1 import Http1Transport, Sent
from nova_core.gateway.http2 import HOW_TO_INSTALL, NOT_INSTALLED, http2_installed
from nova_core.gateway.transport import DEFAULT_OPTIONS, Transport, TransportOptions, TransportStats, UpstreamStream
from nova_core.gateway.transport_proxies import OutgoingProxies
from nova_core.types.upstream import UpstreamRequest

if TYPE_CHECKING:
    from nova_core.gateway.http2.transport import Http2Transport
    from nova_core.gateway.transport_aiohttp import AiohttpTransport


def default_transport(options: TransportOptions = DEFAULT_OPTIONS) -> Transport:
    """A transport for these options. Make it inside the event loop that uses it; close it with `aclose()`.

    Where the environment names no proxy, or `options.trust_env` is off, and no host is lenient or called over HTTP/2,
    all requests take our own HTTP/1.1 client. Raises ConfigurationError where HTTP/2 is wanted and not installed.
    """
    proxies = OutgoingProxies(trust_env=options.trust_env)
    plain = not (proxies or options.lenient_hosts or options.http2_hosts)
    return Http1Transport(options) if plain else AutoTransport(options, proxies)


class AutoTransport:
    """Implements `Transport`: by our own clients to hosts that need no proxy and keep to HTTP, by aiohttp to others."""

    __slots__ = ("_direct", "_http2", "_lenient", "_modern", "_options", "_other", "_proxies")

    def __init__(self, options: TransportOptions, proxies: OutgoingProxies) -> None:
        self._options = options
        self._proxies = proxies
        self._direct = Http1Transport(options)
        self._other: AiohttpTransport | None = None
        self._lenient = frozenset(host.lower() for host in options.lenient_hosts)
        self._modern = frozenset(host.lower() for host in options.http2_hosts)
        self._http2 = _http2(options, self._direct) if self._modern else None

    async def open(
        self,
        request: UpstreamRequest,
        *,
        first_byte_timeout: float | None = None,
        connect_timeout: float | None = None,
        sent: Sent | None = None,
    ) -> UpstreamStream:
        """See `Transport.open`."""
        if sent is not None:
            return await self._direct.open(
                request, first_byte_timeout=first_byte_timeout, connect_timeout=connect_timeout, sent=sent
            )
        transport = self._for(request.url)
        return await transport.open(request, first_byte_timeout=first_byte_timeout, connect_timeout=connect_timeout)

    def kept(self, request: UpstreamRequest, seconds: float | None) -> Sent | None:
        """See `Keeps.kept`."""
        return self._direct.kept(request, seconds) if self._for(request.url) is self._direct else None

    def _for(self, url: str) -> Transport:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
            proxied = self._proxies.proxy_for(parts.scheme, host) is not None
        except ValueError:
            return self._direct  # it says what is wrong with it
        if proxied or host in self._lenient:
            return self._by_aiohttp()
        return self._http2 if self._http2 is not None and host in self._modern else self._direct

    def _by_aiohttp(self) -> AiohttpTransport:
        if self._other is None:
            from nova_core.gateway.transport_aiohttp import AiohttpTransport

            self._other = AiohttpTransport(self._options)
        return self._other

    async def aclose(self) -> None:
        """Close every socket."""
        async with AsyncExitStack() as closing:
            for transport in self._made():
                closing.push_async_callback(transport.aclose)

    def stats(self) -> TransportStats:
        """Sockets now, of all."""
        stats = [transport.stats() for transport in self._made()]
        return TransportStats(open=sum(each.open for each in stats), idle=sum(each.idle for each in stats))

    def _made(self) -> list[Transport]:
        return [each for each in (self._direct, self._http2, self._other) if each is not None]


def _http2(options: TransportOptions, otherwise: Http1Transport) -> Http2Transport:
    if not http2_installed():
        raise ConfigurationError(NOT_INSTALLED, hint=HOW_TO_INSTALL)
    from nova_core.gateway.http2.transport import Http2Transport

    return Http2Transport(options, otherwise)
