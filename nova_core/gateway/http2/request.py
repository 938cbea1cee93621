"""Requests into the header fields of HTTP/2."""

from __future__ import annotations

import re

from hpack import HeaderTuple, NeverIndexedHeaderTuple

from nova_core._version import __version__
from nova_core.config.redact import is_secret_key
from nova_core.gateway.http1.request import AGENT, AUTHORIZATION, ENCODING, FRAMING, HOST, SPECIAL, WITH_BODY
from nova_core.gateway.http1.target import Target
from nova_core.types.upstream import UpstreamRequest

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def fields_of(request: UpstreamRequest, target: Target, accepted_codings: str) -> list[HeaderTuple]:
    """Everything that stands before the body (RFC 9113 §8.3.1).

    Headers stay in order; those that say how HTTP/1.1 frames a body are left out. What holds a secret is marked, so
    that nobody on the way compresses it together with what others may choose. Raises ValueError for a method or
    header that is none.
    """
    if not _METHOD.fullmatch(request.method) or request.method == "CONNECT":
        raise ValueError("not a method")
    authority = target.host_header
    seen = 0
    made: list[HeaderTuple] = []
    for name, value in request.headers:
        lowered = name.lower()
        kind = SPECIAL.get(lowered, 0)
        seen |= kind
        if kind == HOST:
            authority = value
        elif kind != FRAMING and lowered != "te":
            made.append(_field(lowered, value))
    if not seen & AGENT:
        made.append(_field("user-agent", f"nova-core/{__version__}"))
    if not seen & ENCODING:
        made.append(_field("accept-encoding", "identity" if request.stream else accepted_codings))
    if target.authorization is not None and not seen & AUTHORIZATION:
        made.append(_field("authorization", target.authorization))
    length = _length(request)
    if length is not None:
        made.append(_field("content-length", str(length)))
    return [
        HeaderTuple(b":method", request.method.encode()),
        HeaderTuple(b":scheme", target.address.scheme.encode()),
        HeaderTuple(b":authority", _value(authority)),
        HeaderTuple(b":path", target.path.encode()),
        *made,
    ]


def _field(name: str, value: str) -> HeaderTuple:
    if not _NAME.fullmatch(name):
        raise ValueError("not a header's name")
    kind = NeverIndexedHeaderTuple if is_secret_key(name) else HeaderTuple
    return kind(name.encode(), _value(value))


def _value(value: str) -> bytes:
    if _CONTROL.search(value):
        raise ValueError("a control character in a header")
    return value.strip(" \t").encode()


def _length(request: UpstreamRequest) -> int | None:
    """How long the body is, None where that is not known or goes without saying."""
    body = request.body
    if not body:
        return 0 if request.method in WITH_BODY else None
    return len(body) if isinstance(body, bytes) else body.length
