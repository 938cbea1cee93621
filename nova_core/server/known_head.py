"""Heads of requests that come again: known by their bytes, so that they are parsed once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from nova_core.gateway.http1.alike import CONTENT_LENGTH, HEAD_END, MOST_DIGITS, MOST_VARYING, HeadPattern, differing
from nova_core.gateway.options import HEADER_PREFIXES
from nova_core.server.auth import PRIVATE_HEADERS
from nova_core.server.desk import Heading, heading_of
from nova_core.server.paths import Found
from nova_core.server.serving import Edge
from nova_core.types.principal import Principal

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
DECISIVE = PRIVATE_HEADERS | {
    "connection", "content-encoding", "content-type", "expect", "host", "keep-alive", "origin", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip
"""Headers that decide who calls and how the request is read. With another value of one, a head is another head."""


class KnownHead:
    """What the head of a request said. Clients send the same head again and again, but for the length of the body and,
    where calls are traced, an id or two.

    A head is taken for known when it is the same bytes apart from that length and from the values of headers that have
    varied before; `heading` then has those of the latest request.
    """

    __slots__ = (
        "_after", "_before", "_head", "_pattern", "_public", "edge", "found", "heading", "keep_alive",
        "path", "principal",
    )  # fmt: skip

    def __init__(
        self,
        edge: Edge,
        found: Found,
        path: str,
        headers: Mapping[str, str],
        principal: Principal,
        keep_alive: bool,
    ) -> None:
        self.edge = edge
        self.found = found
        self.path = path
        self.heading = heading_of(headers)
        self.principal = principal
        self.keep_alive = keep_alive
        self._head = b""
        self._before: bytes | None = None
        self._after = b""
        self._pattern: HeadPattern | None = None
        self._public: dict[str, str] = {}

    def learn(self, data: bytes, length: int, last: KnownHead | None = None) -> None:
        """Remember the bytes of the head, if `data` is just that head and a body of `length` bytes.

        `last` is that of the request before: what may differ in the next one is what differs between the two.
        """
        head = data[: len(data) - length]
        found = LENGTH.search(head)
        if not head.endswith(HEAD_END) or head.find(HEAD_END) != len(head) - len(HEAD_END) or found is None:
            return
        self._head, self._before, self._after = head, head[: found.start(1)], head[found.end(1) :]
        if last is not None and last._head:
            varying = differing(last._head, head, DECISIVE)
            if not varying or any(name.startswith(HEADER_PREFIXES) for name in varying):
                return
            if last._pattern is not None:
                varying |= last._pattern.varying
            if len(varying) <= MOST_VARYING:
                self._pattern = HeadPattern(head, varying)
                self._public = dict(self.heading.public)

    def body_of(self, data: bytes) -> bytes | None:
        """The body of a request with this head, None unless `data` is such a request, whole, and nothing else."""
        if self._pattern is not None:
            return self._body_of_other(data, self._pattern)
        before = self._before
        if before is None or not data.startswith(before):
            return None
        begin = len(before)
        end = data.find(b"\r", begin, begin + MOST_DIGITS)
        digits = data[begin:end]
        if end < 0 or not digits.isdigit() or not data.startswith(self._after, end):
            return None
        begin = end + len(self._after)
        length = int(digits)
        return data[begin:] if len(data) - begin == length <= self.edge.body_limit else None

    def _body_of_other(self, data: bytes, pattern: HeadPattern) -> bytes | None:
        """See `body_of`, for a head of which more than the length varies."""
        found = pattern.read(data)
        if found is None:
            return None
        values, length, begin = found
        if not len(data) - begin == length <= self.edge.body_limit:
            return None
        del values[CONTENT_LENGTH]
        heading = self.heading
        self.heading = Heading(MappingProxyType({**self._public, **values}), heading.own, heading.call_id)
        return data[begin:]
