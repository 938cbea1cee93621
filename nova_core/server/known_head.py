"""Heads of requests that come again: known by their bytes, so that they are parsed once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from nova_core.gateway.options import HEADER_PREFIXES
from nova_core.server.auth import PRIVATE_HEADERS
from nova_core.server.desk import Heading, heading_of
from nova_core.server.paths import Found
from nova_core.server.serving import Edge
from nova_core.types.principal import Principal

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
CONTENT_LENGTH = "content-length"
BREAK, HEAD_END = b"\r\n", b"\r\n\r\n"
MOST_DIGITS = 20
MOST_VALUE = 512
MOST_VARYING = 8
DECISIVE = PRIVATE_HEADERS | {
    "connection", "content-encoding", "content-type", "expect", "host", "keep-alive", "origin", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip
"""Headers that decide who calls and how the request is read. With another value of one, a head is another head."""


class KnownHead:
    """What the head of a request said. Clients send the same head again and again, but for the length of the body and,
    where calls are traced, an id or two.

    `headers` are without that length. A head is taken for known when it is the same bytes apart from its digits and
    from the values of headers that have varied before; `headers` and `heading` then have those of the latest request.
    """

    __slots__ = (
        "_after", "_before", "_head", "_places", "_varying", "edge", "found", "headers", "heading", "keep_alive",
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
        self.headers = headers
        self.heading = heading_of(headers)
        self.principal = principal
        self.keep_alive = keep_alive
        self._head = b""
        self._before: bytes | None = None
        self._after = b""
        self._varying: frozenset[str] = frozenset()
        self._places: list[tuple[bytes, str]] = []

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
            varying = _differing(last._head, head)
            if varying and len(varying | last._varying) <= MOST_VARYING:
                self._varying = varying | last._varying
                self._places, self._after = _places(head, self._varying | {CONTENT_LENGTH})

    def body_of(self, data: bytes) -> bytes | None:
        """The body of a request with this head, None unless `data` is such a request, whole, and nothing else."""
        if self._varying:
            return self._body_of_other(data)
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

    def _body_of_other(self, data: bytes) -> bytes | None:
        """See `body_of`, for a head of which more than the length varies."""
        end = 0
        values: dict[str, str] = {}
        for before, name in self._places:
            if not data.startswith(before, end):
                return None
            begin = end + len(before)
            end = data.find(b"\r", begin, begin + MOST_VALUE)
            value = data[begin:end].decode("latin-1")
            # The parser would not see blanks around a value, and takes other characters than these with care.
            if end < 0 or not value.isascii() or not value.isprintable() or value != value.strip():
                return None
            values[name] = value
        digits = values.pop(CONTENT_LENGTH)
        if not digits.isdigit() or len(digits) > MOST_DIGITS or not data.startswith(self._after, end):
            return None
        begin = end + len(self._after)
        if not len(data) - begin == int(digits) <= self.edge.body_limit:
            return None
        self.headers = {**self.headers, **values}
        public = MappingProxyType({**self.heading.public, **values})
        self.heading = Heading(public, self.heading.own, self.heading.call_id)
        return data[begin:]


def _differing(last: bytes, head: bytes) -> frozenset[str]:
    """Headers whose values differ between two heads that are alike in everything else; none where they are not."""
    lines, others = head.split(BREAK), last.split(BREAK)
    if len(lines) != len(others) or lines[0] != others[0]:
        return frozenset()
    names = set()
    for line, other in zip(lines, others, strict=True):
        if line != other:
            name = _name(line)
            if name != _name(other) or name in DECISIVE or name.startswith(HEADER_PREFIXES):
                return frozenset()
            names.add(name)
    return frozenset(names - {CONTENT_LENGTH})


def _places(head: bytes, names: frozenset[str]) -> tuple[list[tuple[bytes, str]], bytes]:
    """Where the values of these headers stand: what stands before each of them, and what after the last."""
    places = []
    before = b""
    for number, line in enumerate(head.split(BREAK)):
        before += BREAK if number else b""
        name = _name(line)
        if number and name in names:
            value = line[len(name) + 1 :]
            places.append((before + line[: len(line) - len(value.lstrip(b" \t"))], name))
            before = b""
        else:
            before += line
    return places, before


def _name(line: bytes) -> str:
    return line.partition(b":")[0].decode("latin-1").lower()
