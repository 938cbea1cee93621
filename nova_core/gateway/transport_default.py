"""The transport that a gateway uses: our own client, and aiohttp for odd hosts and those behind an outgoing proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nova_core.gateway.http1 import Http1Transport, Sent
from nova_core.gateway.transport import DEFAULT_OPTIONS, Transport, TransportOptions, TransportStats, UpstreamStream
from nova_core.gateway.transport_proxies import OutgoingProxies
from nova_core.types.upstream import UpstreamRequest

if TYPE_CHECKING:
    from nova_core.gateway.transport_aiohttp import AiohttpTransport


def default_transport(options: TransportOptions = DEFAULT_OPTIONS) -> Transport:
    """A transport for these options. Make it inside the event loop that uses it; close it with `aclose()`.

    Where the environment names no proxy, or `options.trust_env` is off, and no host is lenient, all requests take our
    own client.
    """
    proxies = OutgoingProxies(trust_env=options.trust_env)
    return AutoTransport(options, proxies) if proxies or options.lenient_hosts else Http1Transport(options)


class AutoTransport:
    """Implements `Transport`: by our own client to hosts that need no proxy and keep to HTTP, by aiohttp to others."""

    __slots__ = ("_direct", "_lenient", "_options", "_other", "_proxies")

    def __init__(self, options: TransportOptions, proxies: OutgoingProxies) -> None:
        self._options = options
        self._proxies = proxies
        self._direct = Http1Transport(options)
        self._other: AiohttpTransport | None = None
        self._lenient = frozenset(host.lower() for host in options.lenient_hosts)

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
            return await self._direct.open(request, connect_timeout=connect_timeout, sent=sent)
        transport: Transport = self._direct
        if self._needs_other(request.url):
            transport = self._by_aiohttp()
        return await transport.open(request, first_byte_timeout=first_byte_timeout, connect_timeout=connect_timeout)

    def kept(self, request: UpstreamRequest, seconds: float | None) -> Sent | None:
        """See `Keeps.kept`."""
        return None if self._needs_other(request.url) else self._direct.kept(request, seconds)

    def _needs_other(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
            return host in self._lenient or self._proxies.proxy_for(parts.scheme, host) is not None
        except ValueError:
            return False  # our own client says what is wrong with it

    def _by_aiohttp(self) -> AiohttpTransport:
        if self._other is None:
            from nova_core.gateway.transport_aiohttp import AiohttpTransport

            self._other = AiohttpTransport(self._options)
        return self._other

    async def aclose(self) -> None:
        """Close every socket."""
        try:
            await self._direct.aclose()
        finally:
            if self._other is not None:
                await self._other.aclose()

    def stats(self) -> TransportStats:
        """Sockets now, of both."""
        direct = self._direct.stats()
        if self._other is None:
            return direct
        other = self._other.stats()
        return TransportStats(open=direct.open + other.open, idle=direct.idle + other.idle)
