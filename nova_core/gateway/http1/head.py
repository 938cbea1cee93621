"""Heads of responses: parsed by llhttp, then held to rules of our own on how their bodies are framed."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from nova_core.gateway.http1.alike import BREAK, HEAD_END, MOST_VARYING, HeadPattern, differing
from nova_core.gateway.http1.faults import FramingFault

HEADER_COUNT = 200
MOST_IN_VAIN = 8
"""So many more heads of a connection are learned than half of those that were alike, before no more are."""
DECISIVE = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
"""Headers that decide how an answer is read. With another value of one, a head is another head."""
_PREFIX = b"HTTP/1."
KEEP_ALIVE = "keep-alive"
_USUAL = "HTTP/1.1 200 OK"
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search


class Head(msgspec.Struct):
    """A response's head. `length` is None where the body is chunked or lasts until the connection closes."""

    status: int
    headers: Mapping[str, str]
    length: int | None
    chunked: bool
    keep_alive: bool


class _Nobody:
    """Whom llhttp tells what it finds: it is there to judge a head, which is then simply split at its line breaks."""

    __slots__ = ()
    on_header = on_headers_complete = on_body = on_status = None
    on_message_begin = on_message_complete = on_chunk_header = on_chunk_complete = None


_NOBODY = _Nobody()


def parse_head(block: bytes, *, bodyless: bool) -> Head:
    """The head in `block`, which ends with its blank line. `bodyless`: the request was a HEAD.

    Raises FramingFault for what is malformed, and for more than one way of saying how long the body is.
    """
    try:
        HttpResponseParser(_NOBODY).feed_data(block)
    except HttpParserUpgrade:
        raise FramingFault("an upgrade that nobody asked for") from None
    except HttpParserError as error:
        raise FramingFault(str(error)) from None
    status_line, *lines = block.decode("latin-1").split("\r\n")
    status, modern = (200, True) if status_line == _USUAL else _status(status_line)
    del lines[-2:]
    if len(lines) > HEADER_COUNT:
        raise FramingFault("too many headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip(" \t")
    if len(headers) != len(lines):
        headers = _joined(lines)
    length = headers.get("content-length")
    usual = status == 200 and modern and not bodyless and headers.get("connection", KEEP_ALIVE) == KEEP_ALIVE
    if usual and length is not None and "transfer-encoding" not in headers:
        return Head(200, headers, int(length), False, True)
    return _framed(status, headers, modern, bodyless)


def _joined(lines: list[str]) -> dict[str, str]:
    """Headers of which some are repeated."""
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _status(line: str) -> tuple[int, bool]:
    """The status, and whether the version is 1.1. Raises FramingFault."""
    if not line.startswith(("HTTP/1.1 ", "HTTP/1.0 ")):
        raise FramingFault("no status line")
    if _CONTROL(line) is not None:
        raise FramingFault("a control character in the status line")  # which the parser lets pass
    return int(line[9:12]), line.startswith("HTTP/1.1")


def _framed(status: int, headers: dict[str, str], modern: bool, bodyless: bool) -> Head:
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


class LastHead:
    """The last usual head of a connection: servers send the same again and again, but for lengths, times and ids."""

    __slots__ = ("_block", "_headers", "_limit", "_pattern", "_vain")

    def __init__(self, limit: int) -> None:
        self._limit = limit + len(HEAD_END)
        self._block = b""
        self._headers: Mapping[str, str] = {}
        self._pattern: HeadPattern | None = None
        self._vain = 0

    def learn(self, block: bytes, head: Head) -> None:
        """Remember this head, if it has no header twice; what differs from the last one may differ again."""
        if self._vain >= 2 * MOST_IN_VAIN or block.count(BREAK) != len(head.headers) + 2:
            return
        self._vain += 2
        varying = differing(self._block, block, DECISIVE) or frozenset()
        if self._pattern is not None and len(varying | self._pattern.varying) <= MOST_VARYING:
            varying |= self._pattern.varying
        self._block, self._headers, self._pattern = block, head.headers, HeadPattern(block, varying)

    def again(self, data: bytes) -> tuple[Head, bytes] | None:
        """The head that `data` begins with and the rest, if it is alike."""
        pattern = self._pattern
        if pattern is None or (found := pattern.read(data)) is None:
            return None
        values, length, end = found
        if end > self._limit:
            return None
        if 0 < self._vain < 2 * MOST_IN_VAIN:
            self._vain -= 1
        return Head(200, {**self._headers, **values}, length, False, True), data[end:]


class HeadReader:
    """Bytes until a head is whole; refuses early what can no longer become one."""

    __slots__ = ("_buffer", "_last", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer: bytearray | None = None
        self._last = LastHead(limit)

    def read(self, data: bytes, *, bodyless: bool) -> tuple[Head, bytes] | None:
        """The head that `data` completes, and what follows it; None while it is incomplete.

        Raises FramingFault; see `parse_head` for that and for `bodyless`.
        """
        if self._buffer is None and not bodyless and (known := self._last.again(data)) is not None:
            return known
        block, rest = self._feed(data)
        if block is None:
            return None
        head = parse_head(block, bodyless=bodyless)
        if head.status == 200 and head.length is not None and head.keep_alive and not bodyless:
            self._last.learn(block, head)
        return head, rest

    def _feed(self, data: bytes) -> tuple[bytes | None, bytes]:
        """A whole head, and what follows it; None for the head while it is incomplete.

        Raises FramingFault for a head over the limit, and for the beginning of none.
        """
        buffer = self._buffer
        if buffer is None:
            searched, end = 0, data.find(HEAD_END)
        else:
            searched = len(buffer)
            buffer += data
            end = buffer.find(HEAD_END, max(0, searched - len(HEAD_END) + 1))
        seen = data if buffer is None else buffer
        if (end if end >= 0 else len(seen)) > self._limit:
            raise FramingFault(f"headers of more than {self._limit} bytes")
        if end < 0:
            _check_beginning(seen, searched)
            self._buffer = bytearray(data) if buffer is None else buffer
            return None, b""
        end += len(HEAD_END)
        if buffer is not None:
            self._buffer, data = None, bytes(buffer)
        return data[:end], data[end:]


def _check_beginning(data: bytes | bytearray, start: int) -> None:
    """Refuse an incomplete head that can no longer become one; `start` is how much of it was seen before.

    Without this, a server that speaks something else and then waits would be waited for.
    """
    if data[:7] != _PREFIX[: len(data)]:
        raise FramingFault("no status line")
    if data.count(b"\n", start) != data.count(b"\r\n", max(0, start - 1)):
        raise FramingFault("a line break that is none")
