"""Streams of a provider, cut where no network would be kind enough to cut them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from nova_core.errors import NovaError
from nova_core.testing.conformance import PUBLIC_NAME, TOOLS, essence, expect_both_tools
from nova_core.testing.documents import document_of, frames_in
from nova_core.testing.played_upstream import CALLS, PlayedUpstream
from nova_core.testing.provider_bench import ProviderBench, chat_request, drained
from nova_core.testing.strange import FEW, GARBAGE, changed
from nova_core.testing.upstream_script import Script, render
from nova_core.types.events import Event, Frame
from nova_core.types.message import Stream
from nova_core.types.upstream import Exchange
from nova_core.wire.assemble import assemble
from nova_core.wire.enveloped import OpenedFrames
from nova_core.wire.mended_answers import MendedFrames

SAID = "Koud,\u2028é\u0085寒い, 🌊 late."
"""Characters of one to four bytes, and some that end a line in Unicode, but in no framing."""
PIECE = 7
"""Bytes at once, where several streams are read at the same time."""
MOST_ENDS = 300
"""Places at which a recorded stream is broken off."""


class FramingConformance(PlayedUpstream):
    """The same answer however its bytes arrive, and never a clean end of half an answer."""

    async def test_a_stream_is_read_alike_wherever_its_bytes_are_split(self) -> None:
        self.needs("chat")
        self.needs_streams()
        async with self.bench() as bench:
            exchange, body = await self._recorded(bench)
        whole = framed(exchange, body)
        assert framed(exchange, *(body[at : at + 1] for at in range(len(body)))) == whole
        torn = [at for at in range(1, len(body)) if framed(exchange, body[:at], body[at:]) != whole]
        assert torn == []
        said = assemble(decoded(exchange, whole))
        assert said.text == SAID
        if self.calls_tools:
            expect_both_tools(said)

    async def test_a_stream_that_breaks_off_anywhere_never_ends_cleanly_with_half_an_answer(self) -> None:
        self.needs("chat")
        self.needs_streams()
        async with self.bench() as bench:
            exchange, body = await self._recorded(bench)
        whole = essence(assemble(decoded(exchange, framed(exchange, body))))
        halves = []
        for at in range(0, len(body), max(1, len(body) // MOST_ENDS)):
            try:
                said = essence(assemble(decoded(exchange, framed(exchange, body[:at]))))
            except NovaError:
                continue
            if said[:-1] != whole[:-1]:  # the last is the usage, which may come after the finish
                halves.append(at)
        assert halves == []

    async def test_streams_at_the_same_time_do_not_disturb_each_other(self) -> None:
        self.needs("chat")
        self.needs_streams()
        async with self.bench() as bench:
            exchange, body = await self._recorded(bench)
        assert exchange.frames is not None
        readers = [(exchange.frames(), exchange.dialect.decoder(), list[Event]()) for _ in range(2)]
        for at in range(0, len(body), PIECE):
            for parser, decoder, events in readers:
                events += [event for frame in parser.feed(body[at : at + PIECE]) for event in decoder.decode(frame)]
        whole = essence(assemble(decoded(exchange, framed(exchange, body))))
        for parser, decoder, events in readers:
            events += [event for frame in parser.end() for event in decoder.decode(frame)]
            assert essence(assemble([*events, *decoder.end()])) == whole

    async def test_a_frame_of_another_shape_raises_errors_only(self) -> None:
        self.needs("chat")
        self.needs_streams()
        async with self.bench() as bench:
            exchange, body = await self._recorded(bench)
        if reads_as_the_core(exchange):
            pytest.skip(f"streams of {self.provider} are read by the core")
        assert [*faults(body, lambda spoilt: assemble(decoded(exchange, framed(exchange, spoilt))))] == []

    async def test_bytes_that_are_no_frames_raise_errors_only(self) -> None:
        self.needs("chat")
        self.needs_streams()
        async with self.bench() as bench:
            exchange, body = await self._recorded(bench)
        for garbage in GARBAGE:
            for at in (0, len(body) // 2, len(body)):
                with suppress(NovaError):
                    assemble(decoded(exchange, framed(exchange, body[:at], garbage + b"\n", body[at:])))

    async def test_an_error_amid_a_stream_is_told(self) -> None:
        self.needs("chat")
        self.needs_streams()
        async with self.bench() as bench:
            exchange, _ = await self._recorded(bench)
        error = self.error_amid("the scripted reason")
        if error is None:
            pytest.skip(f"how {self.provider} says that a stream failed is not known")
        *begin, end = self._rendered()
        with pytest.raises(NovaError, match="the scripted reason"):
            decoded(exchange, framed(exchange, *begin, error, end))

    def error_amid(self, message: str) -> bytes | None:
        """What the vendor sends when an answer fails that has begun, None where it has no words for that."""
        rendered = render(self._script(status=500, message=message), self.upstream.last)
        (body,) = rendered.pieces
        streamed = render(self._script(), self.upstream.last).content_type
        return {"text/event-stream": b"data: " + body + b"\n\n", "application/x-ndjson": body + b"\n"}.get(streamed)

    async def _recorded(self, bench: ProviderBench) -> tuple[Exchange, bytes]:
        """The exchange of a streamed answer with text and calls, and all bytes of that answer."""
        self.now(**self._answer())
        tools = {"tools": TOOLS} if self.calls_tools else {}
        stream = await bench.ask(chat_request(PUBLIC_NAME, "Go.", stream=True, **tools))
        assert isinstance(stream, Stream)
        await drained(stream)
        assert bench.exchange is not None
        return bench.exchange, b"".join(self._rendered())

    def _answer(self) -> dict[str, Any]:
        return {"text": SAID, "usage": (11, 7), **({"tool_calls": CALLS} if self.calls_tools else {})}

    def _script(self, **more: Any) -> Script:
        return Script(**{"usage_unasked": self.usage_unasked, "shapes": self.shapes, **self._answer(), **more})

    def _rendered(self) -> tuple[bytes, ...]:
        """The pieces of that answer."""
        return render(self._script(), self.upstream.last).pieces


def framed(exchange: Exchange, *pieces: bytes) -> list[Frame]:
    """The frames of a stream whose bytes come in these pieces. Raises what the parser raises."""
    assert exchange.frames is not None
    parser = exchange.frames()
    found = [frame for piece in pieces for frame in parser.feed(piece)]
    return [*found, *parser.end()]


def decoded(exchange: Exchange, frames: list[Frame]) -> list[Event]:
    """The events of a stream that ends after these frames. Raises what the decoder raises."""
    decoder = exchange.dialect.decoder()
    events = [event for frame in frames for event in decoder.decode(frame)]
    return [*events, *decoder.end()]


def reads_as_the_core(exchange: Exchange) -> bool:
    """Whether nothing of a plugin takes part in the reading of a stream."""
    assert exchange.frames is not None
    parser, decoder = type(exchange.frames()), type(exchange.dialect.decoder())
    of_plugins = issubclass(parser, OpenedFrames | MendedFrames)
    return not of_plugins and all(reader.__module__.startswith("nova_core.wire.") for reader in (parser, decoder))


def faults(body: bytes, read: Callable[[bytes], object]) -> Iterator[str]:
    """Where a stream that is spoilt makes `read` raise what is no NovaError; of frames that are alike one is spoilt."""
    frames = frames_in(body)
    for place in {shape_of(frame): place for place, frame in enumerate(frames)}.values():
        for how, spoilt in spoil(frames, place):
            try:
                read(spoilt)
            except NovaError:
                continue
            except Exception as error:
                yield f"frame {place}: {how}: {error!r}"


def spoil(frames: list[bytes], place: int) -> Iterator[tuple[str, bytes]]:
    """Streams with one frame twice, gone, or with something strange in each place of its JSON in turn."""
    before, frame, after = b"".join(frames[:place]), frames[place], b"".join(frames[place + 1 :])
    yield "twice", before + frame + frame + after
    yield "gone", before + after
    document = document_of(frame)
    if document is None:
        return
    for garbage in GARBAGE:
        yield f"{garbage[:20]!r}", before + document.framed(garbage) + after
    for how, other in changed(document.value, things=FEW):
        yield how, before + document.framed(msgspec.json.encode(other)) + after


def shape_of(frame: bytes) -> str:
    """What frames have in common that differ in their texts and numbers alone."""

    def shape(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {name: shape(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [shape(item) for item in value]
        return value if name in ("type", "event", "event_type") else type(value).__name__

    document = document_of(frame)
    return "" if document is None else f"{frame[:30].partition(b'data:')[0]!r} {shape(document.value)}"
