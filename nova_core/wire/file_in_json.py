"""JSON with files in it as base64 text, made while the files come."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from nova_core.types.upload import File


class DataUrl:
    """A file that is to stand as its `data:` URL."""

    __slots__ = ("file",)

    def __init__(self, file: File) -> None:
        self.file = file


class FilesInJson:
    """A document in which files stand where their base64 text, or `data:` URL, is to be. A `StreamedBody`."""

    __slots__ = ("_files", "_texts")

    def __init__(self, document: Mapping[str, Any]) -> None:
        mark = secrets.token_hex(16)
        self._files: list[File] = []

        def marked(value: Any) -> str:
            file = value.file if isinstance(value, DataUrl) else value
            if not isinstance(file, File):
                raise TypeError(f"{type(value).__name__} is no JSON")
            self._files.append(file)
            return mark if file is value else f"data:{file.content_type};base64,{mark}"

        self._texts = msgspec.json.encode(document, enc_hook=marked).split(mark.encode())

    @property
    def length(self) -> int | None:
        """See `StreamedBody.length`."""
        total = sum(map(len, self._texts))
        for file in self._files:
            size = file.length
            if size is None:
                return None
            total += (size + 2) // 3 * 4
        return total

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `StreamedBody.chunks`."""
        yield self._texts[0]
        for file, text in zip(self._files, self._texts[1:], strict=True):
            rest = b""
            async for piece in file.chunks():
                # Three bytes are four characters: what is left over waits for the next piece.
                piece = rest + piece
                whole = len(piece) - len(piece) % 3
                rest = piece[whole:]
                yield base64.b64encode(piece[:whole])
            yield base64.b64encode(rest) + text
