"""Bodies that no length frames (RFC 9112): the transfer codings of requests, and answers to callers of HTTP/1.0."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

Send = Callable[[Any], Awaitable[None]]
OTHER_CODING = (501, "`chunked` is the only transfer coding that is understood here: send the body without another.")
OLD_CODING = (400, "HTTP/1.0 has no transfer codings: send the body with its length.")


def transfer_fault(headers: Iterable[tuple[bytes, bytes]], version: str) -> tuple[int, str] | None:
    """Status and message that refuse a request for its transfer coding (RFC 9112 §6.1); None when it is understood.

    What cannot be framed by it at all, as with a length beside it or `chunked` twice, the parser refuses itself.
    """
    codings = [value.strip(b" \t").lower() for name, value in headers if name == b"transfer-encoding"]
    if not codings:
        return None
    if version == "1.0":
        return OLD_CODING
    return None if codings == [b"chunked"] else OTHER_CODING


def ended_by_close(cycle: Any) -> Send:
    """The `send` of uvicorn's cycle for callers of HTTP/1.0, which has no chunks.

    A body whose length is not said goes as it is: the end of the connection is its end (RFC 9112 §6.3).
    """
    framed: Send = cycle.send
    unframed = False

    async def send(message: Any) -> None:
        nonlocal unframed
        if message["type"] == "http.response.start":
            unframed = all(name.lower() != b"content-length" for name, _ in message.get("headers", ()))
            cycle.chunked_encoding = False if unframed else None
        elif unframed:
            cycle.expected_content_length = len(message.get("body", b""))
        await framed(message)

    return send
