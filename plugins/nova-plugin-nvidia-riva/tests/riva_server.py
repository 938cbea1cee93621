"""A Riva server on this machine that answers as scripted, in the types of the vendor's own package."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from riva.client.proto import riva_asr_pb2 as asr
from riva.client.proto import riva_tts_pb2 as tts

SERVED = ("Recognize", "StreamingRecognize", "Synthesize", "SynthesizeOnline")
WORDS = [("Good", 100, 300, 1), ("day.", 320, 500, 1), ("Hi.", 900, 1100, 2)]


@dataclass(frozen=True)
class Refusal:
    """A status in the place of an answer."""

    status: str
    details: str


@dataclass
class Asked:
    """A call: its method, its metadata, and its messages."""

    method: str
    metadata: dict[str, str]
    messages: list[Any]
    seconds: float | None


@dataclass
class Riva:
    """What the server answers by method: messages, refusals, and numbers of seconds to wait before the next.

    Where it does not listen, it answers before it has read anything. `came` is set when it is asked, `left` when who
    asks goes away.
    """

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    script: dict[str, list[Any]] = field(default_factory=dict)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    listens: bool = True
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def base(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def last(self) -> Asked:
        return self.asked[-1]

    @property
    def config(self) -> Any:
        """The configuration of the latest recognition."""
        first = self.last.messages[0]
        return first.config if self.last.method == "Recognize" else first.streaming_config.config

    @property
    def audio(self) -> bytes:
        """The audio of the latest recognition."""
        if self.last.method == "Recognize":
            return bytes(self.last.messages[0].audio)
        return b"".join(each.audio_content for each in self.last.messages[1:])

    async def answers(self, method: str, messages: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """The scripted answers to a call, which is written down."""
        metadata = dict(context.invocation_metadata())
        asked = Asked(method, metadata, [], context.time_remaining())
        self.asked.append(asked)
        self.came.set()
        try:
            while self.listens and (message := await anext(messages, None)) is not None:
                asked.messages.append(message)
            for step in self.script[method]:
                if isinstance(step, Refusal):
                    await context.abort(grpc.StatusCode[step.status], step.details)
                elif isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    yield step
        except asyncio.CancelledError:
            self.left.set()
            raise


def handlers(riva: Riva) -> Iterator[Any]:
    """The methods of both services as they are published; an answer that is bytes is sent as it is."""
    for published in (asr, tts):
        for service in published.DESCRIPTOR.services_by_name.values():
            methods = {each.name: handler(riva, published, each) for each in service.methods if each.name in SERVED}
            yield grpc.method_handlers_generic_handler(service.full_name, methods)


def handler(riva: Riva, published: Any, method: Any) -> Any:
    """One method, of whichever kind it is."""

    async def many(messages: Any, context: Any) -> AsyncIterator[Any]:
        async for answer in riva.answers(method.name, messages, context):
            yield answer

    async def one(message: Any, context: Any) -> Any:
        return await anext(riva.answers(method.name, _alone(message), context))

    read = getattr(published, method.input_type.name).FromString
    if method.server_streaming:
        return grpc.stream_stream_rpc_method_handler(many, read, _bytes)
    return grpc.unary_unary_rpc_method_handler(one, read, _bytes)


@asynccontextmanager
async def serving(credentials: Any = None, most: int = -1) -> AsyncIterator[Riva]:
    """A server; `most` are the bytes of the largest message that it takes."""
    usual = ([whole()], pieces(), [speech(b"\1\0\2\0")], [speech(b"\1\0"), speech(b"\2\0")])
    riva = Riva(script=dict(zip(SERVED, usual, strict=True)))
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", most)])
    server.add_generic_rpc_handlers(tuple(handlers(riva)))
    here = "127.0.0.1:0"
    riva.port = server.add_secure_port(here, credentials) if credentials else server.add_insecure_port(here)
    await server.start()
    try:
        yield riva
    finally:
        await server.stop(None)


def alternative(text: str, *words: tuple[str, int, int, int], language: str = "") -> Any:
    """The best of a result; words have times in milliseconds and a speaker."""
    told = [asr.WordInfo(word=word, start_time=start, end_time=end, speaker_tag=who) for word, start, end, who in words]
    return asr.SpeechRecognitionAlternative(
        transcript=text, words=told, confidence=-0.25, language_code=[language] if language else []
    )


def whole() -> Any:
    """A transcript of two parts."""
    results = [
        asr.SpeechRecognitionResult(alternatives=[alternative("Good day. ", *WORDS[:2])], audio_processed=0.7),
        asr.SpeechRecognitionResult(alternatives=[alternative("Hi. ", *WORDS[2:])], audio_processed=2.1),
        asr.SpeechRecognitionResult(),
    ]
    return asr.RecognizeResponse(results=results)


def pieces() -> list[Any]:
    """The same while it is heard."""
    guess = asr.StreamingRecognitionResult(alternatives=[alternative("Could die")], stability=0.1)
    finals = [
        asr.StreamingRecognitionResult(
            alternatives=[alternative(text, *words)], is_final=True, audio_processed=seconds, channel_tag=1
        )
        for text, words, seconds in (("Good day. ", WORDS[:2], 0.7), ("Hi. ", WORDS[2:], 2.1))
    ]
    return [asr.StreamingRecognizeResponse(results=[each]) for each in (guess, *finals)]


def speech(audio: bytes) -> Any:
    """Some of the audio of a text."""
    return tts.SynthesizeSpeechResponse(audio=audio, meta=tts.SynthesizeSpeechResponseMetadata(text="said"))


async def _alone(message: Any) -> AsyncIterator[Any]:
    yield message


def _bytes(answer: Any) -> bytes:
    return answer if isinstance(answer, bytes) else bytes(answer.SerializeToString())
