"""Response headers: what the gateway says about a call, and what of the upstream's headers is passed on."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from nova_core.errors import NovaError
from nova_core.gateway.summary import course, place, said, shown_cost
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.embeddings import EmbeddingSpace

RawHeaders = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")

PASSED_ON = ("retry-after", "x-ratelimit-", "anthropic-ratelimit-")
"""Upstream headers (or their beginnings) that keep their names; the others are renamed `llm_provider-NAME`."""

EXPOSED = (
    "call-id", "model-id", "model-api-base", "model-group", "response-cost", "attempted-retries",
    "attempted-fallbacks", "overhead-duration-ms", "response-duration-ms", "version", "embedding-space",
    "dropped-params", "decision", "token-count",
)  # fmt: skip

PRIVATE_UPSTREAM = ("set-cookie", "content-length", "content-encoding", "transfer-encoding", "connection")
UPSTREAM_PREFIX = "llm_provider-"
MOST_VALUE = 4096
MOST_REMEMBERED = 1000

_CONTROLS = bytes([*range(0x20), 0x7F])
_TOKEN = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class Headers:
    """Makes response headers; names begin with `prefix` (such as `x-nova`).

    What is the same for every call of a deployment is rendered once, and so is each name.
    """

    def __init__(self, prefix: str = "x-nova") -> None:
        self._prefix = f"{prefix}-"
        self._names: dict[str, bytes] = {name: f"{prefix}-{name}".encode() for name in EXPOSED}
        self._places: dict[str, tuple[Deployment, str, EmbeddingSpace | None, bytes, bytes]] = {}
        self._passed: dict[str, bytes] = {}
        named = [(b"x-request-id", b"%b"), (b"request-id", b"%b"), (self._names["call-id"], b"%b")]
        figures = ("attempted-retries", "attempted-fallbacks", "response-duration-ms", "overhead-duration-ms")
        formats = (b"%d", b"%d", b"%.3f", b"%.3f")
        named += zip((self._names[name] for name in figures), formats, strict=True)
        self._course = as_block((name.replace(b"%", b"%%"), value) for name, value in named)
        self._cost = b"%b: %%b\r\n" % self._names["response-cost"].replace(b"%", b"%%")

    def of_call(self, call: Call, upstream: Mapping[str, str]) -> bytes:
        """Headers of an answered call, as they stand on the wire, the ids that clients show among them."""
        call_id = call.id.encode()
        retries, fallbacks, whole, own = course(call)
        cost = shown_cost(call)
        plain, costed = self._forms(call)
        if cost is None:
            block = plain % (call_id, call_id, call_id, retries, fallbacks, whole, own)
        else:
            block = costed % (call_id, call_id, call_id, retries, fallbacks, whole, own, cost.encode())
        if call.fidelity.notes or call.reply_headers or call.options.explain:
            block += as_block(self.named(said(call)))
        if upstream:
            block += self._passed_on(upstream)
        return block

    def of_error(self, call_id: str, error: NovaError, call: Call | None) -> RawHeaders:
        """Headers of a failed call; `call` is None when it failed before it became one."""
        own = self.named({"call-id": call_id}) if call is None else pairs_of(self.of_call(call, {}))
        found = dict(pairs_of(self._passed_on(error.headers)))
        if error.retry_after is not None:
            found.setdefault(b"retry-after", str(max(0, math.ceil(error.retry_after))).encode())
        return [*(request_ids(call_id) if call is None else ()), *own, *found.items()]

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

    def _forms(self, call: Call) -> tuple[bytes, bytes]:
        """What is filled in for a call of unknown and of known cost: deployment, group and space decide the rest."""
        deployment = call.deployment
        known = self._places.get(deployment.id) if deployment is not None else None
        if known is not None and known[0] is deployment and known[1] == call.group and known[2] is call.space:
            return known[3], known[4]
        plain = self._course + as_block(self.named(place(call))).replace(b"%", b"%%")
        if deployment is not None:
            if len(self._places) >= MOST_REMEMBERED:
                self._places.clear()
            self._places[deployment.id] = (deployment, call.group, call.space, plain, plain + self._cost)
        return plain, plain + self._cost

    def _passed_on(self, upstream: Mapping[str, str]) -> bytes:
        block = b""
        for name, value in upstream.items():
            begin = self._passed.get(name)
            if begin is None:
                begin = self._learn(name)
            if begin:
                if not (value.isascii() and value.isprintable() and len(value) <= MOST_VALUE):
                    value = clean_value(value).decode("latin-1")
                block += b"%b: %b\r\n" % (begin, value.encode("latin-1"))
        return block

    def _learn(self, name: str) -> bytes:
        """How an upstream's header is called here; empty for one that is not passed on."""
        raw = name.lower().encode("latin-1", "replace")
        if name.startswith(PRIVATE_UPSTREAM) or not _TOKEN.fullmatch(raw):
            raw = b""
        elif not name.startswith(PASSED_ON):
            raw = UPSTREAM_PREFIX.encode() + raw
        if len(self._passed) >= MOST_REMEMBERED:
            self._passed.clear()
        self._passed[name] = raw
        return raw


def as_block(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as they stand on the wire, each with its line break."""
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])


def pairs_of(block: bytes) -> RawHeaders:
    """A block of headers taken apart again."""
    found = (line.partition(b": ") for line in block.split(b"\r\n")[:-1])
    return [(name, value) for name, _, value in found]


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
