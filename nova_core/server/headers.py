"""Response headers: what the gateway says about a call, and what of the upstream's headers is passed on."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from nova_core.errors import NovaError
from nova_core.gateway.summary import summary
from nova_core.types.call import Call

RawHeaders = list[tuple[bytes, bytes]]

PASSED_ON = ("retry-after", "x-ratelimit-", "anthropic-ratelimit-")
"""Upstream headers (or their beginnings) that keep their names; the others are renamed `llm_provider-NAME`."""

EXPOSED = (
    "call-id", "model-id", "model-api-base", "model-group", "response-cost", "attempted-retries",
    "attempted-fallbacks", "overhead-duration-ms", "response-duration-ms", "version", "embedding-space",
    "dropped-params",
)  # fmt: skip

PRIVATE_UPSTREAM = ("set-cookie", "content-length", "content-encoding", "transfer-encoding", "connection")
UPSTREAM_PREFIX = "llm_provider-"
MOST_VALUE = 4096

_CONTROLS = bytes([*range(0x20), 0x7F])
_TOKEN = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class Headers:
    """Makes response headers; names begin with `prefix` (such as `x-nova`)."""

    def __init__(self, prefix: str = "x-nova") -> None:
        self._prefix = f"{prefix}-"
        self._names: dict[str, bytes] = {name: f"{prefix}-{name}".encode() for name in EXPOSED}

    def of_call(self, call: Call, upstream: Mapping[str, str]) -> RawHeaders:
        """Headers of an answered call."""
        return [*self.named(summary(call)), *_passed_on(upstream)]

    def of_error(self, call_id: str, error: NovaError, call: Call | None) -> RawHeaders:
        """Headers of a failed call; `call` is None when it failed before it became one."""
        own = self.named({"call-id": call_id} if call is None else summary(call))
        found = dict(_passed_on(error.headers))
        if error.retry_after is not None:
            found.setdefault(b"retry-after", str(max(0, math.ceil(error.retry_after))).encode())
        return [*own, *found.items()]

    def named(self, values: Mapping[str, str]) -> RawHeaders:
        """Own headers under the configured prefix; empty values and impossible names are left out."""
        raw: RawHeaders = []
        for name, value in values.items():
            known = self._names.get(name)
            if known is None:
                known = f"{self._prefix}{name}".lower().encode("latin-1", "replace")
                if not _TOKEN.fullmatch(known):
                    continue
            clean = clean_value(value)
            if clean:
                raw.append((known, clean))
        return raw


def _passed_on(upstream: Mapping[str, str]) -> Iterable[tuple[bytes, bytes]]:
    for name, value in upstream.items():
        if name.startswith(PRIVATE_UPSTREAM):
            continue
        raw = name.lower().encode("latin-1", "replace")
        if not _TOKEN.fullmatch(raw):
            continue
        if not name.startswith(PASSED_ON):
            raw = UPSTREAM_PREFIX.encode() + raw
        yield raw, clean_value(value)


def clean_value(value: str) -> bytes:
    """A header value that cannot begin another header; characters outside Latin-1 become `?`."""
    return value[:MOST_VALUE].encode("latin-1", "replace").translate(None, _CONTROLS).strip()


def exposed_headers(prefix: str) -> list[str]:
    """The names that browsers may read (CORS)."""
    return [*(f"{prefix}-{name}" for name in EXPOSED), "retry-after", "x-request-id", "request-id"]


def request_ids(call_id: str) -> RawHeaders:
    """The call id under the two names that official clients show as the request's id."""
    text = call_id.encode()
    return [(b"x-request-id", text), (b"request-id", text)]
