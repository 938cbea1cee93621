"""What aiohttp raises, as errors of ours."""

from __future__ import annotations

import socket

import aiohttp
from yarl import URL

from nova_core.errors import APIConnectionError, NovaError
from nova_core.gateway.transport_errors import (
    bad_request,
    certificate_refused,
    closed_early,
    no_tls,
    not_connected,
    not_http,
)

PROXY_HINT = "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY in the environment of this process."


def place(url: URL) -> str:
    """`host`, with its port where that is not the scheme's own."""
    host = url.host or "an address without a host"
    return host if url.is_default_port() else f"{host}:{url.port}"


def not_opened(error: Exception, where: str) -> NovaError:
    """The error for a request that got no response headers."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return certificate_refused(error.certificate_error, where)
        case aiohttp.ClientSSLError():
            return no_tls(where)
        case aiohttp.ClientProxyConnectionError():
            return APIConnectionError(f"the outgoing proxy on the way to {where} cannot be reached", hint=PROXY_HINT)
        case aiohttp.ClientHttpProxyError():
            return APIConnectionError(
                f"the outgoing proxy on the way to {where} answered {error.status}", hint=PROXY_HINT
            )
        case aiohttp.ClientConnectorDNSError():
            return not_connected(socket.gaierror(), where)
        case aiohttp.ClientConnectorError():
            return not_connected(error.os_error, where)
        case aiohttp.ClientResponseError():
            return not_http(where)
        case aiohttp.InvalidURL() | ValueError():
            return bad_request(where)
    return closed_early(where)
