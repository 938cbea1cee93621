"""What aiohttp raises, as errors of ours that name the host and nothing else of the request."""

from __future__ import annotations

import os
import socket

import aiohttp
from yarl import URL

from nova_core.errors import APIConnectionError, NovaError, RequestTimeoutError

TLS_HINT = (
    "Set ssl_verify (or the environment variable SSL_CERT_FILE) to a file with the certificate authority that "
    "signed the upstream's certificate."
)
PROXY_HINT = "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY in the environment of this process."


def place(url: URL) -> str:
    """`host`, with its port where that is not the scheme's own."""
    host = url.host or "an address without a host"
    return host if url.is_default_port() else f"{host}:{url.port}"


def timed_out(deadline: str, seconds: float, where: str) -> RequestTimeoutError:
    """The error for a passed deadline: `connect`, `first byte`, `idle` or `total`."""
    did = {
        "connect": "accept a connection",
        "first byte": "begin its answer",
        "idle": "send anything",
        "total": "finish its answer",
    }[deadline]
    return RequestTimeoutError(
        f"the upstream {where} did not {did} within {seconds:g} s ({deadline} deadline)",
        code=f"{deadline.replace(' ', '_')}_timeout",
    )


def not_opened(error: Exception, where: str) -> NovaError:
    """The error for a request that got no response headers."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(error.certificate_error, "verify_message", "") or "it does not fit the host"
            return APIConnectionError(f"the certificate of the upstream {where} was refused: {reason}", hint=TLS_HINT)
        case aiohttp.ClientSSLError():
            return APIConnectionError(f"no TLS connection to the upstream {where}", hint=TLS_HINT)
        case aiohttp.ClientProxyConnectionError():
            return APIConnectionError(f"the outgoing proxy on the way to {where} cannot be reached", hint=PROXY_HINT)
        case aiohttp.ClientHttpProxyError():
            return APIConnectionError(
                f"the outgoing proxy on the way to {where} answered {error.status}", hint=PROXY_HINT
            )
        case aiohttp.ClientConnectorError():
            return APIConnectionError(f"cannot connect to the upstream {where}: {_reason(error)}")
        case aiohttp.ClientResponseError():
            return APIConnectionError(f"the upstream {where} answered something that is not HTTP")
        case aiohttp.InvalidURL() | ValueError():
            return APIConnectionError(
                f"the request to the upstream {where} cannot be sent: its address or a header is malformed",
                hint="Check api_base, api_key and extra_headers for line breaks and other stray characters.",
            )
    return APIConnectionError(f"the upstream {where} closed the connection before it answered")


def cut_short(where: str) -> APIConnectionError:
    """The error for a whole body that broke off."""
    return APIConnectionError(f"the upstream {where} broke off its answer")


def _reason(error: aiohttp.ClientConnectorError) -> str:
    cause = error.os_error
    if isinstance(error, aiohttp.ClientConnectorDNSError) or isinstance(cause, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(cause, ConnectionError) and not cause.errno:
        return "it closed the connection during the TLS handshake"
    return os.strerror(cause.errno).lower() if cause.errno else "no address of it answered"
