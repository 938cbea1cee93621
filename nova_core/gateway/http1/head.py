"""Heads of responses: parsed by llhttp, then held to rules of our own on how their bodies are framed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from nova_core.gateway.http1.faults import FramingFault

HEADER_COUNT = 200
REMEMBERED_NAMES = 500
END = b"\r\n\r\n"
_PREFIX = b"HTTP/1."


@dataclass(slots=True)
class Head:
    """A response's head. `length` is None where the body is chunked or lasts until the connection closes."""

    status: int
    headers: Mapping[str, str]
    length: int | None
    chunked: bool
    keep_alive: bool


class _Fields:
    """What llhttp calls while it parses a head. A repeated field overwrites: the caller counts and notices."""

    __slots__ = ("on_header",)

    def __init__(self, on_header: Callable[[bytes, bytes], object]) -> None:
        self.on_header = on_header


class ResponseHeads:
    """Parses heads. Remembers the lower-case form of header names."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}

    def parse(self, block: bytes, *, bodyless: bool) -> Head:
        """The head in `block`, which ends with its blank line. `bodyless`: the request was a HEAD.

        Raises FramingFault for what is malformed, and for more than one way of saying how long the body is.
        """
        lines = block.count(b"\r\n") - 2
        if lines > HEADER_COUNT:
            raise FramingFault("too many headers")
        fields: dict[bytes, bytes] = {}
        status = _run(block, fields.__setitem__)
        headers = self._decoded(fields.items())
        if len(headers) != lines:
            pairs: list[tuple[bytes, bytes]] = []
            _run(block, lambda name, value: pairs.append((name, value)))
            if len(pairs) != lines:
                raise FramingFault("a header that is none")
            headers = self._joined(pairs)
        return _framed(status, headers, modern=block.startswith(b"HTTP/1.1 "), bodyless=bodyless)

    def _decoded(self, fields: object) -> dict[str, str]:
        names = self._names
        headers: dict[str, str] = {}
        for name, value in fields:  # type: ignore[attr-defined]
            lower = names.get(name)
            if lower is None:
                lower = self._learn(name)
            headers[lower] = value.decode("latin-1").rstrip(" \t")
        return headers

    def _joined(self, pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
        headers: dict[str, str] = {}
        for name, value in pairs:
            lower, text = self._learn(name), value.decode("latin-1").rstrip(" \t")
            headers[lower] = f"{headers[lower]}, {text}" if lower in headers else text
        return headers

    def _learn(self, name: bytes) -> str:
        if len(self._names) >= REMEMBERED_NAMES:
            self._names.clear()
        return self._names.setdefault(name, name.decode("latin-1").lower())


def check_beginning(data: bytes | bytearray, start: int) -> None:
    """Refuse an incomplete head that can no longer become one; `start` is how much of it was seen before.

    Without this, a server that speaks something else and then waits would be waited for. Raises FramingFault.
    """
    if data[:7] != _PREFIX[: len(data)]:
        raise FramingFault("no status line")
    if data.count(b"\n", start) != data.count(b"\r\n", max(0, start - 1)):
        raise FramingFault("a line break that is none")


def _run(block: bytes, on_header: Callable[[bytes, bytes], object]) -> int:
    """Feed a head to a parser of its own; returns the status."""
    if not block.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")):
        raise FramingFault("no status line")
    parser = HttpResponseParser(_Fields(on_header))
    try:
        parser.feed_data(block)
    except HttpParserUpgrade:
        raise FramingFault("an upgrade that nobody asked for") from None
    except HttpParserError as error:
        raise FramingFault(str(error)) from None
    return int(parser.get_status_code())


def _framed(status: int, headers: dict[str, str], *, modern: bool, bodyless: bool) -> Head:
    """How the body ends (RFC 9112 §6.3), and whether the connection may serve another request after it."""
    if status < 100 or status > 599:
        raise FramingFault("no status that exists")
    if status == 101:
        raise FramingFault("an upgrade that nobody asked for")
    keep_alive = modern
    connection = headers.get("connection")
    if connection is not None:
        tokens = {token.strip() for token in connection.lower().split(",")}
        keep_alive = "close" not in tokens and (modern or "keep-alive" in tokens)
    coding = headers.get("transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked":
            raise FramingFault("a transfer coding that is not chunked alone")
        # A sender that is older than chunks did not mean what it says.
        keep_alive = keep_alive and modern
    if bodyless or status < 200 or status in (204, 304):
        return Head(status, headers, 0, False, keep_alive)
    if coding is not None:
        return Head(status, headers, None, True, keep_alive)
    length = headers.get("content-length")
    if length is None:
        return Head(status, headers, None, False, False)
    return Head(status, headers, int(length), False, keep_alive)
