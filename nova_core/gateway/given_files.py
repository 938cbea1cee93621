"""Files as Python code gives them: bytes, paths, open files, and tuples that name them."""

from __future__ import annotations

import asyncio
import mimetypes
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any

from nova_core.errors import BadRequestError
from nova_core.types.audio import AUDIO_TYPES
from nova_core.types.upload import File, InMemory, StreamedBody

PIECE = 256 * 1024
UNKNOWN = "application/octet-stream"
GivenFile = File | bytes | os.PathLike[str] | IO[bytes] | tuple[Any, ...]
"""A file: its bytes, its path, an open one, or `(name, one of these)` and perhaps the content type."""


class OnDisk:
    """A file on the disk as a `StreamedBody`, read in a thread."""

    __slots__ = ("_path", "length")

    def __init__(self, path: Path) -> None:
        self._path = path
        self.length: int | None = path.stat().st_size

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `StreamedBody.chunks`."""
        with await asyncio.to_thread(self._path.open, "rb") as source:
            while piece := await asyncio.to_thread(source.read, PIECE):
                yield piece


def as_file(param: str, given: GivenFile) -> File:
    """The file to send. An open one is read to its end now. Raises BadRequestError for what is none."""
    if isinstance(given, File):
        return given
    name: str | None = None
    kind: str | None = None
    if isinstance(given, tuple):
        if not 2 <= len(given) <= 3:
            raise BadRequestError(f"`{param}` as a tuple is (name, content[, content type])", param=param)
        name, given, *kinds = given
        kind = kinds[0] if kinds else None
    body, own_name = _body(param, given)
    name = name or own_name or param
    return File(name, kind or _kind_of(name), body)


def _kind_of(name: str) -> str:
    """The content type by a file's name: of audio always the same, of others what this machine knows."""
    return AUDIO_TYPES.get(name.rpartition(".")[2].lower()) or mimetypes.guess_type(name)[0] or UNKNOWN


def _body(param: str, given: Any) -> tuple[StreamedBody, str | None]:
    """The bytes, and the name that they have of their own."""
    if isinstance(given, bytes | bytearray):
        return InMemory(bytes(given)), None
    if isinstance(given, os.PathLike):
        path = Path(given)
        try:
            return OnDisk(path), path.name
        except OSError as error:
            raise BadRequestError(f"`{param}`: {path} cannot be read: {error.strerror}", param=param) from error
    if hasattr(given, "read"):
        content = given.read()
        if not isinstance(content, bytes):
            raise BadRequestError(f"`{param}` must be opened in binary mode", param=param)
        named = getattr(given, "name", None)
        return InMemory(content), os.path.basename(named) if isinstance(named, str) else None
    raise BadRequestError(f"`{param}` must be bytes, a `Path`, an open file, or (name, one of these)", param=param)
