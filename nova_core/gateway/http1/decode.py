"""Content codings undone, a bounded piece at a time: an answer may be packed to explode."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, Protocol

from nova_core.gateway.http1.faults import DecodingFault

PIECE = 256 * 1024
ALIASES = {"x-gzip": "gzip"}
CAN_STOP = (1, 2)
"""The first version of brotli that unpacks a bounded piece at a time."""
ZSTD = ("compression.zstd", "backports.zstd")
GZIP_WINDOW, ZLIB_WINDOW, BARE_WINDOW = 31, 15, -15


class Decoder(Protocol):
    """Undoes one content coding. Both methods raise DecodingFault."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` unpacks to, in pieces of at most about `PIECE` bytes."""
        ...

    def finish(self) -> None:
        """The end of the body: an empty one is whole, one that stops early is not."""
        ...


class GzipDecoder:
    """`gzip`, of one member or several."""

    __slots__ = ("_begun", "_inner")

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(GZIP_WINDOW)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See `Decoder.feed`."""
        while data:
            if self._inner.eof:
                data = data.lstrip(b"\x00")  # some pad the last member
                self._inner = zlib.decompressobj(GZIP_WINDOW) if data else self._inner
                continue
            self._begun = True
            yield from _inflated(self._inner, data)
            data = self._inner.unused_data

    def finish(self) -> None:
        """See `Decoder.finish`."""
        if self._begun and not self._inner.eof:
            raise DecodingFault


class DeflateDecoder:
    """`deflate`: zlib's format or, as some send it, the bare one."""

    __slots__ = ("_begun", "_inner")

    def __init__(self) -> None:
        self._inner: Any = None
        self._begun = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See `Decoder.feed`."""
        if self._inner is None:
            data = self._begun = self._begun + data
            if len(data) < 2:
                return
            wrapped = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
            self._inner = zlib.decompressobj(ZLIB_WINDOW if wrapped else BARE_WINDOW)
            self._begun = data[:2]
        if self._inner.eof and data:
            raise DecodingFault
        yield from _inflated(self._inner, data)
        if self._inner.unused_data:
            raise DecodingFault

    def finish(self) -> None:
        """See `Decoder.finish`."""
        if self._begun and (self._inner is None or not self._inner.eof):
            raise DecodingFault


def _inflated(inner: Any, data: bytes) -> Iterator[bytes]:
    """Until zlib has taken all of `data` and has nothing left to say about it."""
    while True:
        try:
            piece = inner.decompress(data, PIECE)
        except zlib.error:
            raise DecodingFault from None
        if piece:
            yield piece
        if inner.eof or len(piece) < PIECE:
            return
        data = inner.unconsumed_tail


class BrotliDecoder:
    """`br`, by a library that can be told to stop (brotli 1.2 and later)."""

    __slots__ = ("_begun", "_error", "_inner")

    def __init__(self, brotli: Any) -> None:
        self._inner = brotli.Decompressor()
        self._error = brotli.error
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See `Decoder.feed`."""
        more = bool(data)
        self._begun = self._begun or more
        while more:
            try:
                piece = self._inner.process(data, output_buffer_limit=PIECE)
            except self._error:
                raise DecodingFault from None
            data = b""
            # It says that it can accept more data also while it still has some to give.
            more = bool(piece) and not self._inner.is_finished()
            if piece:
                yield piece

    def finish(self) -> None:
        """See `Decoder.finish`."""
        if self._begun and not self._inner.is_finished():
            raise DecodingFault


class ZstdDecoder:
    """`zstd`, of one frame or several, by Python 3.14's module or its backport."""

    __slots__ = ("_begun", "_inner", "_zstd")

    def __init__(self, zstd: Any) -> None:
        self._zstd = zstd
        self._inner = zstd.ZstdDecompressor()
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See `Decoder.feed`."""
        while data or not (self._inner.needs_input or self._inner.eof):
            if self._inner.eof:
                self._inner = self._zstd.ZstdDecompressor()
            self._begun = True
            try:
                piece = self._inner.decompress(data, PIECE)
            except self._zstd.ZstdError:
                raise DecodingFault from None
            data = self._inner.unused_data if self._inner.eof else b""
            if piece:
                yield piece

    def finish(self) -> None:
        """See `Decoder.finish`."""
        if self._begun and not self._inner.eof:
            raise DecodingFault


class Codings:
    """The content codings that can be undone here. `accepted` is the value of `Accept-Encoding`.

    Their libraries are loaded when an answer needs them: most gateways never see one.
    """

    __slots__ = ("_makers", "accepted")

    def __init__(self) -> None:
        self._makers: dict[str, Callable[[], Decoder]] = {"gzip": GzipDecoder, "deflate": DeflateDecoder}
        if _is_there("brotli") and _release("brotli") >= CAN_STOP:
            self._makers["br"] = lambda: BrotliDecoder(import_module("brotli"))
        zstd = next(filter(_is_there, ZSTD), None)
        if zstd is not None:
            self._makers["zstd"] = lambda: ZstdDecoder(import_module(zstd))
        self.accepted = ", ".join(self._makers)

    def decoders(self, value: str | None) -> list[Decoder]:
        """One decoder for each coding that the header `Content-Encoding` names, in the order to undo them.

        Raises DecodingFault for a coding that nobody here knows.
        """
        if value is None:
            return []
        names = [name.strip() for name in value.lower().split(",")]
        try:
            wanted = [self._makers[ALIASES.get(name, name)] for name in names if name not in ("", "identity")]
            if len(wanted) > 2:
                raise DecodingFault
            return [make() for make in reversed(wanted)]
        except (KeyError, ImportError):
            raise DecodingFault from None


def decoded(decoders: list[Decoder], data: bytes) -> Iterator[bytes]:
    """`data` through all of them."""
    if not decoders:
        yield data
        return
    for piece in decoders[0].feed(data):
        yield from decoded(decoders[1:], piece)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # nor is the package that it would be in
        return False


def _release(distribution: str) -> tuple[int, ...]:
    """The first two numbers of an installed version."""
    try:
        return tuple(map(int, version(distribution).split(".")[:2]))
    except (PackageNotFoundError, ValueError):
        return ()
