"""Reads request bodies under limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from nova_core.errors import BadRequestError, ClientClosedError, PayloadTooLargeError, RequestTimeoutError

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

LINGER_SECONDS = 10.0


class Body:
    """The body of one request, read once. `complete` says whether all of it has arrived."""

    def __init__(self, receive: Receive, headers: Mapping[str, str]) -> None:
        self.complete = "content-length" not in headers and "transfer-encoding" not in headers
        self._receive = receive
        self._headers = headers

    async def read(self, *, limit: int, seconds: float) -> bytes:
        """The whole body of at most `limit` bytes, within `seconds`.

        Raises what `pieces` does, and RequestTimeoutError.
        """
        try:
            async with asyncio.timeout(seconds):
                pieces = [piece async for piece in self.pieces(limit=limit)]
        except TimeoutError as error:
            raise RequestTimeoutError(f"the request body did not arrive within {seconds:g} seconds") from error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def pieces(self, *, limit: int) -> AsyncIterator[bytes]:
        """The body piece by piece, at most `limit` bytes in all.

        Raises PayloadTooLargeError (by Content-Length before anything is read), BadRequestError for a compressed
        body, and ClientClosedError when the caller leaves.
        """
        encoding = self._headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise BadRequestError(
                f"the request body is encoded as '{encoding}': send it as it is",
                status=415,
                code="unsupported_encoding",
            )
        declared = self._headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        size = 0
        while not self.complete:
            piece = await self._next()
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            yield piece

    async def departure(self) -> None:
        """Until the caller leaves, once the body is complete."""
        while (await self._receive())["type"] != "http.disconnect":
            continue

    async def discard(self) -> None:
        """Let the rest arrive, so that a caller who is still sending gets to read the answer."""
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while not self.complete:
                    await self._next()
        except (TimeoutError, ClientClosedError):
            return

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientClosedError("the caller left while sending the request")
        self.complete = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece


def _too_large(limit: int) -> PayloadTooLargeError:
    return PayloadTooLargeError(f"the request body is larger than the limit of {_size(limit)}")


def _size(limit: int) -> str:
    return f"{limit / 1024 / 1024:g} MiB" if limit >= 1024 * 1024 else f"{limit} bytes"
