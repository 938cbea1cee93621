"""Streams of a provider, cut where no network would be kind enough to cut them."""

from __future__ import annotations

from typing import Any

from nova_core.errors import NovaError
from nova_core.testing.conformance import PUBLIC_NAME, TOOLS, essence, expect_both_tools
from nova_core.testing.played_upstream import CALLS, PlayedUpstream
from nova_core.testing.provider_bench import ProviderBench, chat_request, drained
from nova_core.testing.upstream_script import Script, render
from nova_core.types.events import Event, Frame
from nova_core.types.message import Stream
from nova_core.types.upstream import Exchange
from nova_core.wire.assemble import assemble

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
        assert said.text == "It is cold, and late."
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

    async def _recorded(self, bench: ProviderBench) -> tuple[Exchange, bytes]:
        """The exchange of a streamed answer with text and calls, and all bytes of that answer."""
        answer: dict[str, Any] = {"text": "It is cold, and late.", "usage": (11, 7)}
        tools: dict[str, Any] = {}
        if self.calls_tools:
            answer["tool_calls"], tools["tools"] = CALLS, TOOLS
        self.now(**answer)
        stream = await bench.ask(chat_request(PUBLIC_NAME, "Go.", stream=True, **tools))
        assert isinstance(stream, Stream)
        await drained(stream)
        script = Script(**{"usage_unasked": self.usage_unasked, "shapes": self.shapes, **answer})
        assert bench.exchange is not None
        return bench.exchange, b"".join(render(script, self.upstream.last).pieces)


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
