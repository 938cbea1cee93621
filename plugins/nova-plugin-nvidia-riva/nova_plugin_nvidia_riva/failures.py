"""gRPC's statuses as the gateway's errors."""

# https://grpc.io/docs/guides/status-codes/

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from nova_core.errors import APIConnectionError, BadGatewayError, NovaError, RequestTimeoutError
from nova_core.wire.upstream_errors import classify, shortened

STATUSES: Final[Mapping[str, int]] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "CANCELLED": 503,
}
"""HTTP statuses of the same meaning; of others it is 500."""
TOO_LARGE: Final = 413
OVER_A_LIMIT: Final = re.compile(r"larger than max", re.IGNORECASE)
"""What a server says of a message that it does not take, under the status of an exhausted quota."""
NO_CONNECTION: Final = re.compile(
    r"connect|resolv|resolution|lookup|socket|broken pipe|reset|goaway|handshake|certificate|stream removed",
    re.IGNORECASE,
)
"""What this side says of a connection that was not made or broke; the rest of it names addresses."""
NO_TLS: Final = re.compile(r"handshake|certificate|ssl|tls", re.IGNORECASE)


def failure(status: str, details: str, where: str) -> NovaError:
    """The error for a status and its text; `where` is the server's name."""
    if status == "DEADLINE_EXCEEDED":
        return RequestTimeoutError(f"the upstream {where} gave no answer within the call's time")
    if status == "OK":
        return BadGatewayError(f"the upstream {where} ended its answer before it had heard everything")
    if status == "UNAVAILABLE" and NO_TLS.search(details):
        return APIConnectionError(
            f"no TLS connection to the upstream {where}",
            hint="Check use_ssl, and set ssl_root_cert to a file with the authority that signed the certificate.",
        )
    if status == "UNAVAILABLE" and NO_CONNECTION.search(details):
        return APIConnectionError(f"no connection to the upstream {where}, or it broke")
    said = shortened(details) or f"the upstream answered {status} without a message"
    too_large = status == "RESOURCE_EXHAUSTED" and OVER_A_LIMIT.search(details)
    return classify(TOO_LARGE if too_large else STATUSES.get(status, 500), said)
