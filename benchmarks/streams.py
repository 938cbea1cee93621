"""CPU µs a chunk in the parts that streams are made of, and what checking an embedding costs; no sockets.

Beside each stands what doing it the long way costs (every frame rebuilt, every number decoded), and how many times a
plain copy of the same bytes it is. Times are the least of many rounds, so that a busy machine matters little.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from nova_core.gateway.relay import CallerStream
from nova_core.gateway.streamed import commit, open_stream
from nova_core.types.call import Call
from nova_core.types.dialect import Dialect
from nova_core.types.events import Frame
from nova_core.types.message import Request
from nova_core.types.upstream import Exchange, UpstreamRequest
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.body import parse_members
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_chat.decoder import ChatDecoder
from nova_core.wire.openai_chat.relay import ChatRelay
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.sse import SseParser

ROUNDS = 40
CHUNKS = 400
WIDTH = 1536
HEAD = (
    '"id":"chatcmpl-abc123","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-2024-08-06",'
    '"system_fingerprint":"fp_1"'
)


class LongRelay(ChatRelay):
    """Rebuilds every chunk from its members."""

    def _in_place(self, data: bytes, model: Any, usage: Any) -> bytes | None:
        return None


class LongDecoder(ChatDecoder):
    """Decodes every chunk in full."""

    def _plain(self, frame: Frame) -> None:
        return None


class Reads:
    """An open response that is there already, one event a read."""

    status = 200
    complete = False

    def __init__(self, reads: list[bytes]) -> None:
        self.headers: dict[str, str] = {}
        self._reads = reads

    async def chunks(self, idle_timeout: float | None = None) -> AsyncIterator[bytes]:
        """Every event."""
        for read in self._reads:
            yield read

    async def read(self, *, limit: int | None = None, deadline: float | None = None) -> bytes:
        """All of it."""
        return b"".join(self._reads)

    async def aclose(self) -> None:
        """Nothing to close."""


def chat_chunk(delta: str, finish: str = "null") -> bytes:
    """One event of a chat stream."""
    choice = f'{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}'
    return f'data: {{{HEAD},"choices":[{choice}],"usage":null}}\n\n'.encode()


def message_event(kind: str, **members: Any) -> bytes:
    """One event of a Messages stream."""
    data = json.dumps({"type": kind, **members}, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n".encode()


def chat_stream() -> list[bytes]:
    """A whole chat stream, an event each."""
    words = [chat_chunk(f'{{"content":" word{number}"}}') for number in range(CHUNKS)]
    return [chat_chunk('{"role":"assistant","content":""}'), *words, chat_chunk("{}", '"stop"'), b"data: [DONE]\n\n"]


def message_stream() -> list[bytes]:
    """A whole Messages stream, an event each."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [], "usage": {}}
    start = message_event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    deltas = [
        message_event("content_block_delta", index=0, delta={"type": "text_delta", "text": f" word{number}"})
        for number in range(CHUNKS)
    ]
    end = message_event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": CHUNKS})
    stop = message_event("content_block_stop", index=0)
    return [message_event("message_start", message=message), start, *deltas, stop, end, message_event("message_stop")]


def least(work: Callable[[], object], pieces: int) -> float:
    """µs a piece of the quickest round."""
    quickest = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        quickest = min(quickest, time.perf_counter() - begun)
    return quickest / pieces * 1e6


def through_gateway(reads: list[bytes], theirs: Dialect, ours: Dialect) -> Callable[[], object]:
    """A whole stream from the upstream's reads to the caller's pieces, the asyncio between them included."""

    async def run() -> None:
        exchange = Exchange(UpstreamRequest("http://up", stream=True), theirs, _nothing, _nothing, SseParser)
        stream = open_stream(exchange, Reads(reads), None)
        await commit(stream)
        caller = CallerStream(Call(Request("chat", ours, {"model": "public", "messages": []})), stream, ours, _finished)
        async for _ in caller:
            pass
        await caller.aclose()

    return lambda: asyncio.run(run())


def _nothing(_: object) -> Any:
    raise AssertionError("a stream is read as frames")


async def _finished(_: object) -> None:
    return None


def relayed(relay: Callable[[], Any], frames: list[Frame]) -> Callable[[], object]:
    """All frames through one relay."""

    def work() -> None:
        take = relay().relay
        for frame in frames:
            take(frame)

    return work


def decoded(decoder: Callable[[], Any], frames: list[Frame]) -> Callable[[], object]:
    """All frames through one decoder."""

    def work() -> None:
        take = decoder().decode
        for frame in frames:
            take(frame)

    return work


def encoded(dialect: Dialect, frames: list[Frame], decoder: Any) -> Callable[[], object]:
    """All events through one encoder."""
    events = [said for frame in frames if (said := decoder.decode(frame))]

    def work() -> None:
        take = dialect.encoder(model="public", include_usage=False).encode
        for said in events:
            take(said)

    return work


def parsed(reads: list[bytes]) -> Callable[[], object]:
    """All reads through one parser."""

    def work() -> None:
        feed = SseParser().feed
        for read in reads:
            feed(read)

    return work


def embedding() -> bytes:
    """A reply with one vector, as an upstream in Python writes it."""
    chance = random.Random(1)
    vector = [chance.gauss(0, 0.02) for _ in range(WIDTH)]
    data = [{"object": "embedding", "index": 0, "embedding": vector}]
    return json.dumps({"object": "list", "data": data, "model": "up", "usage": {"prompt_tokens": 5}}).encode()


def passed(body: bytes) -> bytes:
    """An embeddings reply checked, its model renamed, its usage read, and written again."""
    members = parse_members(body)
    OPENAI_EMBEDDINGS.check_reply(members)
    OPENAI_EMBEDDINGS.usage_of(members)
    return msgspec.json.encode({**members, "model": "public"})


def line(name: str, spent: float, copy: float, long: float | None = None) -> None:
    """One row of the table."""
    beside = f"{long:8.2f} µs the long way" if long is not None else ""
    print(f"{name:44} {spent:8.2f} µs {spent / copy:7.0f} × a copy {beside}")


def main() -> None:
    """Print the table."""
    chat, messages = chat_stream(), message_stream()
    chat_frames, message_frames = SseParser().feed(b"".join(chat)), SseParser().feed(b"".join(messages))
    copy = least(lambda: [bytearray(read) for read in chat], len(chat))
    print("a chunk:")
    line("events out of bytes, chat", least(parsed(chat), len(chat)), copy)
    line("events out of bytes, messages", least(parsed(messages), len(messages)), copy)
    short = least(relayed(lambda: ChatRelay(model="public"), chat_frames), len(chat))
    line("relayed, chat", short, copy, least(relayed(lambda: LongRelay(model="public"), chat_frames), len(chat)))
    spent = least(relayed(lambda: ANTHROPIC_MESSAGES.relay(model="public"), message_frames), len(messages))
    line("relayed, messages", spent, copy)
    spent = least(decoded(ChatDecoder, chat_frames), len(chat))
    line("decoded, chat", spent, copy, least(decoded(LongDecoder, chat_frames), len(chat)))
    line("decoded, messages", least(decoded(ANTHROPIC_MESSAGES.decoder, message_frames), len(messages)), copy)
    line("encoded, chat", least(encoded(OPENAI_CHAT, chat_frames, ChatDecoder()), len(chat)), copy)
    line("encoded, messages", least(encoded(ANTHROPIC_MESSAGES, chat_frames, ChatDecoder()), len(chat)), copy)
    print("a chunk through the gateway, from the upstream's read to the caller's piece:")
    for theirs, reads in ((OPENAI_CHAT, chat), (ANTHROPIC_MESSAGES, messages)):
        for ours in (OPENAI_CHAT, ANTHROPIC_MESSAGES):
            line(f"{theirs.name} → {ours.name}", least(through_gateway(reads, theirs, ours), len(reads)), copy)
    body = embedding()
    numbers = msgspec.json.Decoder(type=dict[str, Any])
    print(f"an embedding of {WIDTH} numbers:")
    spent, long = least(lambda: passed(body), 1), least(lambda: numbers.decode(body), 1)
    line("checked, renamed and passed", spent, least(lambda: bytearray(body), 1), long)


if __name__ == "__main__":
    main()
