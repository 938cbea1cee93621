"""A stream's frames on the shortest way to the caller: written in the moment they come, some of them unread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nova_core.types.events import Frame
from nova_core.types.upstream import FrameParser
from nova_core.wire.refrain import Refrain
from nova_core.wire.sse import SseParser

Say = Callable[[list[Frame], list[bytes]], None]


class Outlet(Protocol):
    """Where the bytes of a stream go."""

    def write(self, data: bytes) -> bool:
        """Take these bytes at once; whether the reader keeps up."""
        ...

    async def ready(self) -> None:
        """Wait until the reader has caught up."""
        ...


class Pouring:
    """Writes what `say` makes of frames, and what `refrain` knows of the bytes of one that comes again."""

    __slots__ = ("_outlet", "_refrain", "_said", "_say")

    def __init__(self, say: Say, outlet: Outlet, refrain: Refrain | None = None) -> None:
        self._say = say
        self._outlet = outlet
        self._refrain = refrain
        self._said: list[bytes] = []

    def write(self, frames: list[Frame]) -> bool:
        """Write what these frames are to the caller at once, what comes before one that breaks the stream, too.

        Answers whether the reader keeps up. Raises what breaks the stream.
        """
        said = self._said = []
        more = True
        try:
            self._say(frames, said)
        finally:
            if said:
                more = self._outlet.write(said[0] if len(said) == 1 else b"".join(said))
        return more

    def taking(self, parser: FrameParser) -> Callable[[bytes], bool]:
        """What writes the bytes that are read of a stream; raises as `write` does."""
        feed, write, refrain = parser.feed, self.write, self._refrain
        if refrain is None or not isinstance(parser, SseParser):
            return lambda data: write(frames) if (frames := feed(data)) else True
        again, learn, forget, pass_on = refrain.again, refrain.learn, refrain.forget, self._outlet.write

        def taken(data: bytes) -> bool:
            said = again(data)
            if said is not None:
                return pass_on(said)
            forget()
            alone = parser.between
            frames = feed(data)
            more = write(frames) if frames else True
            if alone and parser.between and len(frames) == 1 and len(self._said) == 1:
                learn(data, self._said[0])
            return more

        return taken
