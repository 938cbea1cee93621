"""Answers of an operation that are cut, garbled, or of another shape: errors, and never anything else."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import pytest

from nova_core.errors import BadGatewayError, NovaError, StreamBrokenError, error_class_for
from nova_core.testing.conformance_answers import OperationAnswers
from nova_core.testing.conformance_framing import MOST_ENDS, decoded, faults, framed
from nova_core.testing.provider_bench import ProviderBench, drained
from nova_core.testing.strange import GARBAGE, as_if, broken_by_shape, in_json
from nova_core.testing.told import told
from nova_core.testing.upstream_script import Script, render
from nova_core.types.events import Event, UsageUpdate
from nova_core.types.message import Stream
from nova_core.types.upload import File, StreamedBody
from nova_core.types.upstream import Exchange
from nova_core.wire.samples import SILENCE

BEGINNING = SILENCE.encode()[:30]


class OperationConformance(OperationAnswers):
    """Tests of one operation beside chat of a provider that hands exchanges to the core; see `OperationUnderTest`.

    class TestRanking(OperationConformance):
        plugin = plugin
        provider = "acme"
        operation = "rerank"
        sent = Sent("/v1/rank", json={"model": "model-a", "question": "Which is a city?", "texts": [...]})
        answer = {"json": {"ranks": [[0, 0.9], [1, 0.2]]}}
        tells = {"results": [{"index": 0, "relevance_score": 0.9, ...}, ...]}
        used = Usage(units=Units(queries=1))
    """

    async def test_an_answer_that_is_none_is_an_error(self) -> None:
        async with self.bench() as bench:
            bench.waits = False
            for body in GARBAGE:
                if body == b"[]" and isinstance(self.answer.get("json"), list):
                    continue  # an answer, if a short one
                self.now(body=body)
                error = await self.failure(told(bench, self.request()))
                assert isinstance(error, BadGatewayError | StreamBrokenError), body[:50]
            for status in (200, 503):
                self.now(html=True, status=status)
                error = await self.failure(told(bench, self.request()))
                expected = BadGatewayError | StreamBrokenError if status == 200 else error_class_for(status)
                assert isinstance(error, expected)

    async def test_half_an_answer_is_an_error(self) -> None:
        async with self.bench() as bench:
            bench.waits = False
            for mishap in ({"reset": "body"}, {"reset": True}):
                self.now(**{**self.answer, **mishap})
                assert (await self.failure(told(bench, self.request()))).retryable
            self.now(**self.answer)
            await told(bench, self.request())
        whole = []
        for exchange, response in in_json(bench.read):
            for at in range(0, len(response.body.rstrip()), max(1, len(response.body) // MOST_ENDS)):
                try:
                    whole.append((exchange.read(as_if(response, response.body[:at])), at))
                except NovaError:
                    continue
        assert whole == []

    async def test_an_answer_of_another_shape_breaks_nothing(self) -> None:
        async with self.bench() as bench:
            bench.waits = False
            await told(bench, self.request())
        assert broken_by_shape(bench.read, self.request()) == []

    async def test_a_file_is_sent_while_it_comes_and_anew_for_every_attempt(self) -> None:
        self.needs_files()
        coming = {
            name: File(value.name, value.content_type, Coming(value))
            for name, value in self.request().members.items()
            if isinstance(value, File)
        }
        async with self.bench() as bench:
            exchange = await bench.said(self.request(**coming))
            body = exchange.request.body
            assert not isinstance(body, bytes | None), "the file is waited for before anything is sent"
            first = await so_far(body)
            whole = (await bench.said(self.request())).request.body
        assert BEGINNING in first or base64.b64encode(BEGINNING) in first
        again = [b"".join([piece async for piece in whole.chunks()]) for _ in range(2)]
        assert again[0] == again[1]

    async def test_a_stream_reaches_the_caller_in_the_events_of_its_format(self) -> None:
        self.needs_stream()
        self.now(**self.stream_answer)
        answer = await self.told(**(self.stream_asks or {}))
        last = answer.events[-len(self.stream_tells) :]
        assert [
            {name: event.get(name) for name in tells} for event, tells in zip(last, self.stream_tells, strict=True)
        ] == [dict(tells) for tells in self.stream_tells]

    async def test_a_stream_is_read_alike_wherever_its_bytes_are_split(self) -> None:
        self.needs_stream()
        async with self.bench() as bench:
            exchange, body = await self._recorded(bench)
        whole = framed(exchange, body)
        assert framed(exchange, *(body[at : at + 1] for at in range(len(body)))) == whole
        torn = [at for at in range(1, len(body)) if framed(exchange, body[:at], body[at:]) != whole]
        assert torn == []

    async def test_a_stream_that_breaks_off_anywhere_never_ends_cleanly_with_half_an_answer(self) -> None:
        self.needs_stream()
        async with self.bench() as bench:
            exchange, body = await self._recorded(bench)
        whole = lasting(decoded(exchange, framed(exchange, body)))
        halves = []
        for at in range(0, len(body), max(1, len(body) // MOST_ENDS)):
            try:
                said = lasting(decoded(exchange, framed(exchange, body[:at])))
            except NovaError:
                continue
            if said != whole:
                halves.append(at)
        assert halves == []

    async def test_a_frame_of_another_shape_raises_errors_only(self) -> None:
        self.needs_stream()
        async with self.bench() as bench:
            exchange, body = await self._recorded(bench)
        assert [*faults(body, lambda spoilt: decoded(exchange, framed(exchange, spoilt)))] == []

    def needs_stream(self) -> None:
        """Skip a test of streams where the vendor has whole answers only."""
        if self.stream_asks is None:
            pytest.skip(f"{self.provider} streams no events of {self.operation}")

    async def _recorded(self, bench: ProviderBench) -> tuple[Exchange, bytes]:
        """The exchange of a streamed answer, and all its bytes."""
        self.now(**self.stream_answer)
        stream = await bench.ask(self.request(**(self.stream_asks or {})))
        assert isinstance(stream, Stream)
        await drained(stream)
        assert bench.exchange is not None
        return bench.exchange, b"".join(render(Script(**self.stream_answer), self.upstream.last).pieces)


async def so_far(body: StreamedBody) -> bytes:
    """What is sent of a body before the rest of a file is waited for."""
    sent = b""
    try:
        async for piece in body.chunks():
            sent += piece
    except NotThereYet:
        return sent
    raise AssertionError("the file is sent without its rest")


class NotThereYet(Exception):
    """The rest of a file is still to come."""


class Coming:
    """A file of which only the beginning is there."""

    length = None

    def __init__(self, file: File) -> None:
        self.file = file

    async def chunks(self) -> AsyncIterator[bytes]:
        """The beginning, and then nothing for now."""
        yield BEGINNING
        raise NotThereYet


def lasting(events: list[Event]) -> list[Event]:
    """The events but for the usage, which may come after the last that counts."""
    return [event for event in events if not isinstance(event, UsageUpdate)]
