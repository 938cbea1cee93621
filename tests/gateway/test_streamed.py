"""Streams of one attempt: what comes together goes on together, and nothing is lost, doubled or left open."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import NovaError, StreamBrokenError
from nova_core.gateway.relay import CallerStream
from nova_core.gateway.streamed import Frames, commit, open_stream
from nova_core.types.call import Call
from nova_core.types.events import Chunk, Frame, TextDelta, UsageUpdate
from nova_core.types.message import Request, Stream
from nova_core.types.upstream import Exchange, UpstreamRequest
from nova_core.types.usage import Usage
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.sse import SseParser


def chunk(content: str, finish: str = "null") -> bytes:
    choice = f'{{"index":0,"delta":{{"content":"{content}"}},"logprobs":null,"finish_reason":{finish}}}'
    return b'data: {"id":"x1","object":"chat.completion.chunk","created":1,"model":"up","choices":[%s]}\n\n' % (
        choice.encode()
    )


USAGE = b'data: {"id":"x1","model":"up","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
BOOM = b'data: {"error":{"message":"boom"}}\n\n'
TELLING = re.compile(rb"msg_\w+")
"""What differs between two answers that say the same."""
ANSWER = [chunk(""), chunk("a"), chunk("b"), chunk("c"), chunk("", '"stop"'), USAGE, b"data: [DONE]\n\n"]


class Reads:
    """An open response whose body comes in these reads."""

    status = 200

    def __init__(self, *reads: bytes) -> None:
        self.headers: dict[str, str] = {}
        self.reads = reads
        self.closed = False

    async def chunks(self, idle_timeout: float | None = None) -> AsyncIterator[bytes]:
        for read in self.reads:
            await asyncio.sleep(0)
            yield read

    async def aclose(self) -> None:
        self.closed = True


def opened(*reads: bytes) -> tuple[Stream, Reads]:
    request = UpstreamRequest("http://up", stream=True)
    exchange = Exchange(request, OPENAI_CHAT, lambda _: None, lambda _: None, SseParser)  # type: ignore[arg-type]
    source = Reads(*reads)
    return open_stream(exchange, source, None), source  # type: ignore[arg-type]


def answered(stream: Stream, dialect=OPENAI_CHAT) -> tuple[CallerStream, list[NovaError | None]]:
    members = {"model": "public", "messages": [], "stream": True, "stream_options": {"include_usage": True}}
    ended: list[NovaError | None] = []

    async def finished(error: NovaError | None) -> None:
        ended.append(error)

    return CallerStream(Call(Request("chat", dialect, members)), stream, dialect, finished), ended


async def pieces_of(stream: Stream, dialect=OPENAI_CHAT) -> list[bytes]:
    caller, _ = answered(stream, dialect)
    pieces = [piece async for piece in caller]
    await caller.aclose()
    return pieces


class Pouring(Reads):
    """The same, of which the reads can be poured."""

    async def pour(self, take, ready) -> None:
        for read in self.reads[self.place :]:
            if not take(read):
                await ready()

    def chunks(self, idle_timeout: float | None = None) -> Pouring:
        self.place = 0
        return self

    def __aiter__(self) -> Pouring:
        return self

    async def __anext__(self) -> bytes:
        if self.place == len(self.reads):
            raise StopAsyncIteration
        self.place += 1
        return self.reads[self.place - 1]


class Pool:
    """Where a stream is poured."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.waits = 0

    def write(self, data: bytes) -> bool:
        self.pieces.append(data)
        return len(self.pieces) % 2 == 0

    async def ready(self) -> None:
        self.waits += 1


@pytest.mark.parametrize("dialect", [OPENAI_CHAT, ANTHROPIC_MESSAGES], ids=["relayed", "translated"])
@pytest.mark.parametrize("ending", [b"".join(ANSWER[4:]), BOOM, b""], ids=["whole", "error", "cut"])
async def test_a_poured_stream_says_what_an_iterated_one_says(dialect, ending) -> None:
    reads = (ANSWER[0], ANSWER[1] + ANSWER[2][:7], ANSWER[2][7:], ANSWER[3] + ending)
    said = []
    for source in (Reads(*reads), Pouring(*reads)):
        request = UpstreamRequest("http://up", stream=True)
        exchange = Exchange(request, OPENAI_CHAT, lambda _: None, lambda _: None, SseParser)  # type: ignore[arg-type]
        stream = open_stream(exchange, source, None)  # type: ignore[arg-type]
        await commit(stream)
        caller, ended = answered(stream, dialect)
        pool = Pool()
        await caller.pour(pool)
        await caller.aclose()
        assert pool.waits
        said.append((TELLING.sub(b"", b"".join(pool.pieces)), [type(error) for error in ended]))
        iterated, again = answered(opened(*reads)[0], dialect)
        await commit(iterated._stream)
        whole = b"".join([piece async for piece in iterated])
        await iterated.aclose()
        said.append((TELLING.sub(b"", whole), [type(error) for error in again]))
    assert said[0] == said[1] == said[2] == said[3]


async def test_frames_of_one_read_are_one_piece() -> None:
    stream, source = opened(ANSWER[0] + ANSWER[1], ANSWER[2][:9], ANSWER[2][9:] + ANSWER[3], b"".join(ANSWER[4:]))
    await commit(stream)
    pieces = await pieces_of(stream)
    assert [piece.count(b"data: ") for piece in pieces] == [2, 2, 3]
    assert b"".join(pieces) == b"".join(ANSWER).replace(b'"up"', b'"public"')
    assert source.closed


@pytest.mark.parametrize("dialect", [OPENAI_CHAT, ANTHROPIC_MESSAGES], ids=["relayed", "translated"])
@given(cuts=st.lists(st.integers(0, 500), max_size=8))
def test_how_the_upstreams_bytes_are_cut_makes_no_difference(dialect, cuts: list[int]) -> None:
    whole = b"".join(ANSWER)
    places = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    reads = [whole[start:end] for start, end in pairwise(places) if end > start]

    async def said(*reads: bytes) -> bytes:
        stream, _ = opened(*reads)
        await commit(stream)
        return b"".join(await pieces_of(stream, dialect)).partition(b'"usage"')[2]

    assert asyncio.run(said(*reads)) == asyncio.run(said(whole))


@pytest.mark.parametrize("dialect", [OPENAI_CHAT, ANTHROPIC_MESSAGES], ids=["relayed", "translated"])
async def test_what_came_before_an_error_in_the_same_read_is_still_said(dialect) -> None:
    error = b'data: {"error":{"message":"boom"}}\n\n'
    stream, _ = opened(ANSWER[0], ANSWER[1] + ANSWER[2] + error + ANSWER[3])
    await commit(stream)
    caller, ended = answered(stream, dialect)
    said = b"".join([piece async for piece in caller])
    await caller.aclose()
    assert said.index(b'"a"') < said.index(b'"b"') < said.index(b"boom")
    assert b'"c"' not in said
    assert b"[DONE]" not in said
    assert b"message_stop" not in said
    assert [error.message for error in ended if error] == ["boom"]


async def test_a_stream_without_a_word_is_an_error_before_its_start() -> None:
    stream, source = opened(b": ping\n\n", b'data: {"choices":[]}\n\n')
    with pytest.raises(StreamBrokenError, match="before its first chunk"):
        await commit(stream)
    assert source.closed


async def test_usage_is_known_when_a_caller_leaves_after_it_came() -> None:
    stream, source = opened(*ANSWER)
    await commit(stream)
    caller, ended = answered(stream)
    async for piece in caller:
        if b'"usage"' in piece:
            break
    await caller.aclose()
    assert caller._call.usage == Usage(input=1, output=2)
    assert source.closed
    assert ended[0] is not None
    assert ended[0].status == 499


async def test_a_providers_own_frames_pass_as_well_and_are_closed() -> None:
    closed = False

    async def frames() -> AsyncIterator[Frame]:
        nonlocal closed
        try:
            for frame in SseParser().feed(b"".join(ANSWER)):
                yield frame
        finally:
            closed = True

    stream = Stream(OPENAI_CHAT, frames=frames())
    await commit(stream)
    assert b"".join(await pieces_of(stream)) == b"".join(ANSWER).replace(b'"up"', b'"public"')
    assert closed


async def test_chunks_that_a_plugin_left_alone_keep_their_bytes_and_others_do_not() -> None:
    frames = SseParser().feed(b"".join(ANSWER))

    async def chunks(change: int | None) -> AsyncIterator[Chunk]:
        decoder = OPENAI_CHAT.decoder()
        for number, frame in enumerate(frames):
            events = decoder.decode(frame)
            if number == change:
                yield Chunk((TextDelta(0, 0, "B"), UsageUpdate(Usage(output=9))))
            else:
                yield Chunk(events, frame)

    untouched = b"".join(await pieces_of(Stream(OPENAI_CHAT, chunks=chunks(None))))
    assert untouched == b"".join(ANSWER).replace(b'"up"', b'"public"')
    changed = b"".join(await pieces_of(Stream(OPENAI_CHAT, chunks=chunks(2))))
    assert b'"content":"B"' in changed
    assert b'"content":"b"' not in changed
    assert changed.endswith(b"data: [DONE]\n\n")


async def test_frames_can_be_taken_one_by_one_in_batches_and_back() -> None:
    stream, _ = opened(b"".join(ANSWER[:3]), ANSWER[3])
    frames = stream.frames
    assert isinstance(frames, Frames)
    first = await anext(frames)
    assert len(await frames.batch()) == 2
    frames.hold([first])
    assert [frame is first async for frame in frames] == [True, False]
    assert await frames.batch() == []
    await stream.aclose()
