"""A recording while it is uploaded: its beginning, which says what it is, and the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from nova_core.errors import BadRequestError
from nova_core.types.upload import File

HEADERS: Final = {b"RIFF": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg Opus"}
"""First bytes of files that say themselves how they are encoded."""
LONGEST_HEADER: Final = 64
PIECE: Final = 32 * 1024
"""Bytes in one message of a stream: a second of 16-bit samples at 16 kHz."""


class Recording:
    """A file, read once. `beginning` is what was read of it, `whole` whether that is all."""

    def __init__(self, file: File) -> None:
        self._chunks = file.chunks()
        self.beginning = b""
        self.whole = False

    async def read(self, most: int) -> None:
        """Read until there are more bytes than `most`, or no more. Raises what the upload raises."""
        pieces, size = [self.beginning], len(self.beginning)
        while size <= most and not self.whole:
            piece = await anext(self._chunks, None)
            self.whole = piece is None
            pieces.append(piece or b"")
            size += len(pieces[-1])
        self.beginning = b"".join(pieces)

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it, a second or so at a time."""
        for piece in _cut(self.beginning):
            yield piece
        while not self.whole:
            chunk = await anext(self._chunks, None)
            self.whole = chunk is None
            for piece in _cut(chunk or b""):
                yield piece

    async def aclose(self) -> None:
        """Read no more."""
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()

    def check(self, *, bare: bool) -> None:
        """Raises BadRequestError for what Riva cannot hear: other files than it knows, unless the samples are `bare`,
        and more than one channel.
        """
        if bare:
            return
        if self.beginning[:4] not in HEADERS:
            known = ", ".join(HEADERS.values())
            said = f"the file must be one of {known}; samples without a header need `encoding` and `sample_rate_hertz`"
            raise BadRequestError(said, param="file")
        channels = int.from_bytes(self.beginning[22:24], "little") if self.beginning[12:16] == b"fmt " else 1
        if channels > 1:
            raise BadRequestError(
                f"the file has {channels} channels, and Riva hears one: send it as mono", param="file"
            )


def _cut(data: bytes) -> list[bytes]:
    return [data[start : start + PIECE] for start in range(0, len(data), PIECE)]
