"""Calls from Python: keyword arguments in, OpenAI-shaped objects out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from nova_core.errors import BadRequestError
from nova_core.gateway.arguments import plain_arguments
from nova_core.gateway.bytes_answer import BytesAnswer, all_bytes
from nova_core.gateway.objects import Answer
from nova_core.gateway.options import take_options
from nova_core.gateway.relay import CallerStream
from nova_core.gateway.summary import summary
from nova_core.types.call import Call
from nova_core.types.dialect import Dialect
from nova_core.types.message import RawReply, Reply, Request, plain
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.openai_responses import OPENAI_COMPACTION, OPENAI_INPUT_TOKENS, OPENAI_RESPONSES
from nova_core.wire.sse import SseParser

DONE = b"[DONE]"


class Answers(Protocol):
    """What runs a call and answers in the caller's dialect."""

    async def answer(self, call: Call) -> Reply | CallerStream:
        """See `Gateway.answer`."""
        ...


class AnswerStream:
    """Chunks of a streamed answer. Iterate it, or use it as an async context manager to leave early.

    Raises the NovaError that breaks the stream.
    """

    def __init__(self, call: Call, stream: CallerStream) -> None:
        self.headers = summary(call)
        self._stream = stream
        self._chunks = self._parsed()
        self._turn = asyncio.Lock()
        self._loop = asyncio.get_running_loop()

    def __del__(self) -> None:
        """A stream that is dropped without being closed is closed all the same, and so accounted for."""
        if not self._stream.closed and not self._loop.is_closed():
            close = self._stream.aclose
            with suppress(RuntimeError):  # the loop closes just now
                self._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(close()))

    def __aiter__(self) -> AsyncIterator[Answer]:
        return self

    async def __anext__(self) -> Answer:
        async with self._turn:
            return await anext(self._chunks)

    async def __aenter__(self) -> AnswerStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop the answer; the upstream is cancelled. A step that was just cancelled is waited for."""
        async with self._turn:
            await self._chunks.aclose()
        await self._stream.aclose()

    async def _parsed(self) -> AsyncGenerator[Answer, None]:
        parser = SseParser()
        try:
            async for data in self._stream:
                for frame in parser.feed(data):
                    if frame.data != DONE and self._stream.error is None:
                        yield Answer(msgspec.json.decode(frame.data), self.headers)
        finally:
            await self._stream.aclose()
        if self._stream.error is not None:
            raise self._stream.error


def chat_call(arguments: Mapping[str, Any]) -> Call:
    """A chat call from keyword arguments; None counts as not given. Raises BadRequestError."""
    return call_in(OPENAI_CHAT, arguments)


def responses_call(arguments: Mapping[str, Any]) -> Call:
    """A call of the Responses API from keyword arguments; None counts as not given. Raises BadRequestError."""
    return call_in(OPENAI_RESPONSES, arguments)


def input_tokens_call(arguments: Mapping[str, Any]) -> Call:
    """A count of a response's input from keyword arguments. Raises BadRequestError."""
    return call_in(OPENAI_INPUT_TOKENS, arguments)


def compaction_call(arguments: Mapping[str, Any]) -> Call:
    """A compaction of a conversation from keyword arguments. Raises BadRequestError."""
    return call_in(OPENAI_COMPACTION, arguments)


def embedding_call(arguments: Mapping[str, Any]) -> Call:
    """An embeddings call from keyword arguments; None counts as not given. Raises BadRequestError."""
    return call_in(OPENAI_EMBEDDINGS, arguments)


def call_in(dialect: Dialect, arguments: Mapping[str, Any]) -> Call:
    """A call in a dialect from keyword arguments; None counts as not given. Raises BadRequestError."""
    given = plain_arguments({name: value for name, value in arguments.items() if value is not None})
    extra_body = given.pop("extra_body", None)
    if isinstance(extra_body, Mapping):
        given.update(extra_body)
    members, options, tags = take_options(given, {}, dialect=dialect.name)
    try:
        dialect.check_request(members)
    except (TypeError, NotImplementedError) as error:
        raise BadRequestError(f"an argument cannot be said as JSON: {error}") from error
    operation = dialect.operation
    return Call(Request(operation, dialect, members), options=options, tags=tags, route=operation)


async def answered(gateway: Answers, call: Call) -> Answer | AnswerStream | BytesAnswer:
    """Run a call and shape its answer; one of bytes is read to its end. Raises NovaError."""
    answer = await gateway.answer(call)
    if isinstance(answer, CallerStream):
        if answer.content_type is not None:
            return BytesAnswer(await all_bytes(answer), answer.content_type, summary(call))
        return AnswerStream(call, answer)
    if isinstance(answer, RawReply):
        return BytesAnswer(answer.content, answer.content_type, summary(call))
    return Answer(plain(answer.members), summary(call))


def as_asked(answer: Answer | AnswerStream | BytesAnswer) -> Answer | AnswerStream:
    """An answer of an operation whose answers are JSON, whole or streamed."""
    if isinstance(answer, BytesAnswer):
        raise TypeError("an answer of bytes came where JSON was expected")
    return answer


def whole(answer: Answer | AnswerStream | BytesAnswer) -> Answer:
    """An answer that was not asked for as a stream."""
    if not isinstance(answer, Answer):
        raise TypeError("this call cannot be streamed: leave `stream` out")
    return answer


class Remembers(Protocol):
    """What answers calls whose answers are kept."""

    @property
    def conversations(self) -> Answers:
        """See `Gateway.conversations`."""
        ...


class Calls:
    """The calls of the library, for whatever runs them."""

    async def completion(
        self: Answers, model: str, messages: Sequence[Mapping[str, Any]], *, stream: bool = False, **parameters: Any
    ) -> Answer | AnswerStream:
        """A chat completion. `parameters` are OpenAI's and the gateway's own (`tags`, `num_retries`, …).

        With `stream`, an async iterator of chunks. Raises NovaError.
        """
        call = chat_call({"model": model, "messages": messages, "stream": stream or None, **parameters})
        return as_asked(await answered(self, call))

    async def responses(self: Remembers, model: str, input: Any = None, **parameters: Any) -> Answer | AnswerStream:
        """An answer of the Responses API; with `stream=True` an async iterator of its events.

        `previous_response_id` goes on from an answer that this gateway gave. Raises NovaError.
        """
        call = responses_call({"model": model, "input": input, **parameters})
        return as_asked(await answered(self.conversations, call))

    async def count_input_tokens(self: Remembers, model: str, input: Any = None, **parameters: Any) -> Answer:
        """How many tokens `responses` would be asked with: `input_tokens`. Raises NovaError.

        Providers that cannot be asked are counted for, near their own count.
        """
        call = input_tokens_call({"model": model, "input": input, **parameters})
        return whole(await answered(self.conversations, call))

    async def compact_responses(self: Remembers, model: str, input: Any = None, **parameters: Any) -> Answer:
        """A conversation made shorter by its provider: `output` stands for it as `input` later. Raises NovaError."""
        call = compaction_call({"model": model, "input": input, **parameters})
        return whole(await answered(self.conversations, call))

    async def embedding(self: Answers, model: str, input: Any, **parameters: Any) -> Answer:
        """Embeddings of a string, a list, or (where the model takes them) objects. Raises NovaError."""
        return whole(await answered(self, embedding_call({"model": model, "input": input, **parameters})))

    async def chat(self: Answers, model: str, text: str = "Hello", **parameters: Any) -> Answer:
        """One question, one whole answer: `(await gateway.chat("gpt", "Hi")).text`. Raises NovaError."""
        call = chat_call({"model": model, "messages": [{"role": "user", "content": text}], **parameters})
        return whole(await answered(self, call))
