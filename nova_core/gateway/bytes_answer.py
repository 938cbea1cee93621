"""Answers that are bytes, such as audio, for the library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

from nova_core.gateway.relay import CallerStream

PIECE = 64 * 1024


class BytesAnswer:
    """A whole answer: its `content`, its `content_type`, and in `headers` what the server would send with it."""

    __slots__ = ("content", "content_type", "headers")

    def __init__(self, content: bytes, content_type: str, headers: Mapping[str, str]) -> None:
        self.content = content
        self.content_type = content_type
        self.headers = headers

    def read(self) -> bytes:
        """The content."""
        return self.content

    def iter_bytes(self, chunk_size: int = PIECE) -> Iterator[bytes]:
        """The content in pieces of at most `chunk_size` bytes."""
        for start in range(0, len(self.content), chunk_size):
            yield self.content[start : start + chunk_size]

    async def aiter_bytes(self, chunk_size: int = PIECE) -> AsyncIterator[bytes]:
        """`iter_bytes` for async code."""
        for piece in self.iter_bytes(chunk_size):
            yield piece

    def write_to_file(self, file: str | Path) -> None:
        """Write the content to a file, in the place of what is there. Raises OSError."""
        Path(file).write_bytes(self.content)

    def stream_to_file(self, file: str | Path) -> None:
        """The same under its older name."""
        self.write_to_file(file)

    def __repr__(self) -> str:
        return f"BytesAnswer({self.content_type!r}, {len(self.content)} bytes)"


async def all_bytes(stream: CallerStream) -> bytes:
    """A stream of bytes to its end. Raises the NovaError that breaks it; it is closed on every exit."""
    pieces: list[bytes] = []
    try:
        async for piece in stream:
            pieces.append(piece)
    finally:
        await stream.aclose()
    if stream.error is not None:
        raise stream.error
    return b"".join(pieces)
