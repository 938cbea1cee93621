"""What goes wrong on the way to upstreams, as errors that name the host and nothing else of the request."""

from __future__ import annotations

import os
import socket
import ssl

from nova_core.errors import APIConnectionError, BadGatewayError, RequestTimeoutError, StreamBrokenError

TLS_HINT = (
    "Set ssl_verify (or the environment variable SSL_CERT_FILE) to a file with the certificate authority that "
    "signed the upstream's certificate."
)


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


def bad_address() -> APIConnectionError:
    """The error for what is no http or https URL."""
    return APIConnectionError(
        "the upstream's address is not an http or https URL",
        hint="Check api_base: it begins with http:// or https://, then a host.",
    )


def bad_request(where: str) -> APIConnectionError:
    """The error for a request that would be malformed on the wire, as with a line break in a header."""
    return APIConnectionError(
        f"the request to the upstream {where} cannot be sent: its address or a header is malformed",
        hint="Check api_base, api_key and extra_headers for line breaks and other stray characters.",
    )


def certificate_refused(error: Exception, where: str) -> APIConnectionError:
    """The error for a certificate that is not trusted, or another host's."""
    reason = getattr(error, "verify_message", "") or "it does not fit the host"
    return APIConnectionError(f"the certificate of the upstream {where} was refused: {reason}", hint=TLS_HINT)


def no_tls(where: str) -> APIConnectionError:
    """The error for a failed TLS handshake."""
    return APIConnectionError(f"no TLS connection to the upstream {where}", hint=TLS_HINT)


def not_connected(error: OSError, where: str) -> APIConnectionError:
    """The error for a connection that could not be made, TLS included."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return certificate_refused(error, where)
    if isinstance(error, ssl.SSLError):
        return no_tls(where)
    return APIConnectionError(f"cannot connect to the upstream {where}: {_reason(error)}")


def not_http(where: str, reason: str = "") -> APIConnectionError:
    """The error for an answer that breaks the rules of HTTP; `reason` must not quote it."""
    because = f" ({reason})" if reason else ""
    return APIConnectionError(f"the upstream {where} answered something that is not HTTP{because}")


def closed_early(where: str) -> APIConnectionError:
    """The error for a connection that closed before the response's headers had come."""
    return APIConnectionError(f"the upstream {where} closed the connection before it answered")


def cut_short(where: str) -> APIConnectionError:
    """The error for a whole body that broke off."""
    return APIConnectionError(f"the upstream {where} broke off its answer")


def broken_off(where: str) -> StreamBrokenError:
    """The error for a streamed body that broke off."""
    return StreamBrokenError(f"the upstream {where} broke off its stream")


def too_large(limit: int, where: str) -> BadGatewayError:
    """The error for a body over its limit."""
    return BadGatewayError(f"the answer of the upstream {where} is over {limit} bytes")


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, ConnectionError) and not error.errno:
        return "it closed the connection during the TLS handshake"
    return os.strerror(error.errno).lower() if error.errno else "no address of it answered"
