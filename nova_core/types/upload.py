"""Bytes that are sent while they come: bodies of requests that are read piece by piece, and the files in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from nova_core.errors import PayloadTooLargeError


class StreamedBody(Protocol):
    """A body that is read piece by piece, as often as it is needed: every attempt reads it from the beginning."""

    @property
    def length(self) -> int | None:
        """The length in bytes; None while nobody knows."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The whole body, each piece when it is there. Raises NovaError when the rest will never come."""
        ...


class InMemory:
    """A body that is there already."""

    __slots__ = ("_content", "_piece")

    def __init__(self, content: bytes, *, piece: int = 256 * 1024) -> None:
        self._content = content
        self._piece = piece

    @property
    def length(self) -> int:
        """See `StreamedBody.length`."""
        return len(self._content)

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `StreamedBody.chunks`."""
        for start in range(0, len(self._content), self._piece):
            yield self._content[start : start + self._piece]


class File:
    """A file of a request: its name, its content type, and its bytes, which may still be coming. A `StreamedBody`.

    It stands among the members of a request where a format has a file. A provider sends it as a part of a form, as a
    whole body (`UpstreamRequest(body=file)`), or in JSON, after `read`.
    """

    __slots__ = ("_body", "content_type", "name")

    def __init__(self, name: str, content_type: str, body: StreamedBody) -> None:
        self.name = name
        self.content_type = content_type
        self._body = body

    @property
    def length(self) -> int | None:
        """The size in bytes; None while it is still coming."""
        return self._body.length

    def chunks(self) -> AsyncIterator[bytes]:
        """See `StreamedBody.chunks`."""
        return self._body.chunks()

    async def read(self, *, limit: int) -> bytes:
        """The whole file, for formats that need it at once. Raises PayloadTooLargeError over `limit` bytes."""
        pieces: list[bytes] = []
        size = 0
        async for piece in self.chunks():
            size += len(piece)
            if size > limit:
                raise PayloadTooLargeError(f"the file is larger than the {limit} bytes that this model takes")
            pieces.append(piece)
        return b"".join(pieces)

    @property
    def facts(self) -> dict[str, Any]:
        """What is told of a file where its bytes are not: in records and traces."""
        return {"content_type": self.content_type, "bytes": self.length}

    def __repr__(self) -> str:
        return f"File({self.content_type!r}, length={self.length})"


def files_of(members: Mapping[str, Any]) -> list[File]:
    """Every file among top-level members, alone or in lists."""
    found: list[File] = []
    for value in members.values():
        found += [each for each in (value if isinstance(value, list) else (value,)) if isinstance(each, File)]
    return found
