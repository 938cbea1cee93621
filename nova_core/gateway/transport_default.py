"""The transport that a gateway uses: our own client, and aiohttp for hosts behind an outgoing proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nova_core.gateway.http1 import Http1Transport
from nova_core.gateway.transport import DEFAULT_OPTIONS, Transport, TransportOptions, TransportStats, UpstreamStream
from nova_core.gateway.transport_proxies import OutgoingProxies
from nova_core.types.upstream import UpstreamRequest

if TYPE_CHECKING:
    from nova_core.gateway.transport_aiohttp import AiohttpTransport


def default_transport(options: TransportOptions = DEFAULT_OPTIONS) -> Transport:
    """A transport for these options. Make it inside the event loop that uses it; close it with `aclose()`.

    Where the environment names no proxy, or `options.trust_env` is off, all requests take our own client.
    """
    proxies = OutgoingProxies(trust_env=options.trust_env)
    return AutoTransport(options, proxies) if proxies else Http1Transport(options)


class AutoTransport:
    """Implements `Transport`: straight to hosts that need no proxy, by aiohttp to the others."""

    __slots__ = ("_direct", "_options", "_proxied", "_proxies")

    def __init__(self, options: TransportOptions, proxies: OutgoingProxies) -> None:
        self._options = options
        self._proxies = proxies
        self._direct = Http1Transport(options)
        self._proxied: AiohttpTransport | None = None

    async def open(
        self,
        request: UpstreamRequest,
        *,
        first_byte_timeout: float | None = None,
        connect_timeout: float | None = None,
    ) -> UpstreamStream:
        """See `Transport.open`."""
        transport: Transport = self._direct
        if self._is_proxied(request.url):
            transport = self._through_proxy()
        return await transport.open(request, first_byte_timeout=first_byte_timeout, connect_timeout=connect_timeout)

    def _is_proxied(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            return self._proxies.proxy_for(parts.scheme, parts.hostname or "") is not None
        except ValueError:
            return False  # our own client says what is wrong with it

    def _through_proxy(self) -> AiohttpTransport:
        if self._proxied is None:
            from nova_core.gateway.transport_aiohttp import AiohttpTransport

            self._proxied = AiohttpTransport(self._options)
        return self._proxied

    async def aclose(self) -> None:
        """Close every socket."""
        try:
            await self._direct.aclose()
        finally:
            if self._proxied is not None:
                await self._proxied.aclose()

    def stats(self) -> TransportStats:
        """Sockets now, of both."""
        direct = self._direct.stats()
        if self._proxied is None:
            return direct
        proxied = self._proxied.stats()
        return TransportStats(open=direct.open + proxied.open, idle=direct.idle + proxied.idle)
