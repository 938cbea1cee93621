"""Goes on with a stream that broke: another deployment gets the text so far and continues it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from nova_core.errors import NovaError
from nova_core.gateway.relay import as_stream, chunks_of
from nova_core.types.events import (
    BlockEvent,
    BlockStop,
    Chunk,
    Event,
    ExtraDelta,
    LogprobsDelta,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.usage import Usage
from nova_core.wire.tokens import count_text

MOST_CONTINUATIONS = 3
MARK = "nova: the stream broke here and is continued by another attempt"
MOST_OUTPUT = ("max_completion_tokens", "max_tokens")
HARMLESS = (StreamStart, UsageUpdate, ExtraDelta, LogprobsDelta, BlockStop)

Again = Callable[[Request, NovaError], Awaitable[Reply | Stream]]


def may_continue(request: Request) -> bool:
    """Conversations whose answer is plain text, one of them."""
    structured = request.get("response_format")
    plain = not isinstance(structured, dict) or structured.get("type") in (None, "text")
    return request.operation == "chat" and "messages" in request.members and plain and request.get("n") in (None, 1)


def continued_request(request: Request, said: str) -> Request:
    """The request for the rest of an answer: what was said is the beginning of the assistant's turn."""
    if not said:
        return request
    messages: list[Any] = list(request.get("messages") or ())
    last = messages[-1] if messages else None
    if isinstance(last, dict) and last.get("role") == "assistant" and isinstance(last.get("content"), str):
        messages[-1] = {**last, "content": last["content"] + said}
    else:
        messages.append({"role": "assistant", "content": said})
    changes: dict[str, Any] = {"messages": messages}
    for name in MOST_OUTPUT:
        if isinstance(most := request.get(name), int):
            changes[name] = max(1, most - count_text(said))
    return request.with_members(changes)


class Continuation:
    """A stream that survives its upstream, for as long as it says nothing but one text.

    `again` runs the request for the rest; where it fails, the stream breaks with its own error. The place is marked
    with a comment of the event stream. Usage is that of all parts, as far as they stated it.
    """

    def __init__(self, request: Request, stream: Stream, again: Again) -> None:
        self._request = request
        self._current = stream
        self._again = again
        self._said: list[str] = []
        self._block = 0
        self._is_text = True
        self._usage = Usage()

    def stream(self) -> Stream:
        """The whole stream; closing it closes the part that is being read."""
        first = self._current
        return Stream(first.dialect, chunks=self._chunks(), headers=first.headers, closers=(self._close,))

    async def _chunks(self) -> AsyncGenerator[Chunk, None]:
        for part in range(MOST_CONTINUATIONS + 1):
            try:
                async with aclosing(self._part(part)) as chunks:
                    async for chunk in chunks:
                        yield chunk
                return
            except NovaError as error:
                if part == MOST_CONTINUATIONS or not (self._is_text and error.retryable):
                    raise
                broken = error
            await self._next(broken)
            yield Chunk((), comment=MARK)

    async def _part(self, part: int) -> AsyncGenerator[Chunk, None]:
        before, base = self._usage, self._block
        async with aclosing(chunks_of(self._current)) as chunks:
            async for chunk in chunks:
                events = chunk.events if part == 0 else tuple(_moved(chunk.events, base, before))
                self._note(events)
                yield chunk if part == 0 else Chunk(events)

    async def _next(self, broken: NovaError) -> None:
        await self._current.aclose()
        try:
            answer = await self._again(continued_request(self._request, "".join(self._said)), broken)
        except NovaError as error:
            raise broken from error
        self._current = as_stream(answer, self._request.dialect) if isinstance(answer, Reply) else answer

    def _note(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, TextDelta) and event.choice == 0:
                self._said.append(event.text)
                self._block = event.block
            elif isinstance(event, UsageUpdate):
                self._usage = event.usage
            elif not isinstance(event, HARMLESS):
                self._is_text = False

    async def _close(self) -> None:
        await self._current.aclose()


def _moved(events: Iterable[Event], base: int, before: Usage) -> Iterable[Event]:
    """Events of a later part, as they follow the earlier ones."""
    for event in events:
        if isinstance(event, UsageUpdate):
            yield UsageUpdate(before + event.usage)
        elif isinstance(event, BlockEvent | BlockStop):
            yield replace(event, block=base + event.block)
        elif not isinstance(event, StreamStart):
            yield event
