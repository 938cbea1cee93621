"""Audio in bodies of requests: as it is, or in base64 as a member of JSON, either way while it comes."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from nova_core.types.upload import File


class FileInJson:
    """A JSON object whose first member is a file in base64. A `StreamedBody`."""

    __slots__ = ("_end", "_file", "_start")

    def __init__(self, name: str, file: File, others: Mapping[str, Any]) -> None:
        rest = msgspec.json.encode(dict(others))[1:]
        self._file = file
        self._start = b'{"%b":"' % name.encode()
        self._end = b'"' + (b"," if others else b"") + rest

    @property
    def length(self) -> int | None:
        """The length in bytes; None while that of the file is unknown."""
        size = self._file.length
        return None if size is None else len(self._start) + 4 * -(-size // 3) + len(self._end)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The whole body. Base64 is written in threes of bytes, so what is left over waits for the next piece."""
        yield self._start
        left = b""
        async for piece in self._file.chunks():
            data = left + piece
            whole = len(data) - len(data) % 3
            left = data[whole:]
            if whole:
                yield base64.b64encode(data[:whole])
        yield base64.b64encode(left) + self._end
