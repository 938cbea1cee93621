"""Riva asked: recordings heard whole or in pieces, and texts spoken."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Final

from nova_core.errors import BadGatewayError, NovaError, PayloadTooLargeError
from nova_core.types.audio import AUDIO_TYPES
from nova_core.types.dialect import Dialect
from nova_core.types.events import Frame
from nova_core.types.message import Stream
from nova_plugin_nvidia_riva.channels import Line
from nova_plugin_nvidia_riva.codec import OFFLINE, STREAMING, Hearing, Speaking
from nova_plugin_nvidia_riva.messages import (
    RECOGNIZE,
    RECOGNIZE_REQUEST,
    RECOGNIZE_RESPONSE,
    STREAMING_CONFIG,
    STREAMING_RECOGNIZE,
    STREAMING_REQUEST,
    STREAMING_RESPONSE,
    SYNTHESIZE,
    SYNTHESIZE_ONLINE,
    SYNTHESIZE_RESPONSE,
)
from nova_plugin_nvidia_riva.protobuf import Message
from nova_plugin_nvidia_riva.recognition import LANGUAGE, SPEAKERS
from nova_plugin_nvidia_riva.recording import LONGEST_HEADER, Recording
from nova_plugin_nvidia_riva.synthesis import wav_header

MOST_AT_ONCE: Final = 64 * 1024 * 1024
"""Bytes of a recording in one message, as the vendor's own clients have it."""
ONLY_STREAMS: Final = "type=offline"
"""What a server says that has no model for whole recordings."""


async def heard(line: Line, rpc: Hearing, deadline: float | None) -> dict[str, Any]:
    """The results of a recording: heard whole, or in pieces where it is too long for that or the server wants it so.

    `deadline` is in `time.monotonic()` seconds. Raises BadRequestError for what is no recording that Riva hears,
    PayloadTooLargeError for one that is too long to be heard whole where that is the only way.
    """
    recording = Recording(rpc.file)
    async with aclosing(recording):
        await recording.read(LONGEST_HEADER if rpc.mode == STREAMING else MOST_AT_ONCE)
        recording.check(bare=rpc.bare)
        if rpc.mode == OFFLINE and not recording.whole:
            raise PayloadTooLargeError(f"the file is larger than the {MOST_AT_ONCE} bytes that are heard at once")
        results = None
        if recording.whole and rpc.mode != STREAMING:
            try:
                results = await _at_once(line, rpc, recording, deadline)
            except NovaError as error:
                if rpc.mode == OFFLINE or not _wants_pieces(error):
                    raise
        if results is None:
            results = await _in_pieces(line, rpc, recording, deadline)
    return {"results": results, LANGUAGE: rpc.language, SPEAKERS: rpc.speakers}


async def _at_once(line: Line, rpc: Hearing, recording: Recording, deadline: float | None) -> list[Any]:
    message = RECOGNIZE_REQUEST.encode({"config": rpc.config, "audio": recording.beginning})
    answer = await line.ask(RECOGNIZE, message, rpc.metadata, _left(deadline))
    results: list[Any] = _decoded(RECOGNIZE_RESPONSE, answer)["results"]
    return results


async def _in_pieces(line: Line, rpc: Hearing, recording: Recording, deadline: float | None) -> list[Any]:
    answers = await line.pour(STREAMING_RECOGNIZE, _said(rpc, recording), rpc.metadata, _left(deadline))
    results = [result for answer in answers for result in _decoded(STREAMING_RESPONSE, answer)["results"]]
    return [result for result in results if result["is_final"]]


async def _said(rpc: Hearing, recording: Recording) -> AsyncIterator[bytes]:
    """The configuration, then the recording."""
    yield STREAMING_REQUEST.encode({"streaming_config": STREAMING_CONFIG.encode({"config": rpc.config})})
    async for piece in recording.pieces():
        yield STREAMING_REQUEST.encode({"audio_content": piece})


def spoken(line: Line, rpc: Speaking, dialect: Dialect, idle: float, leave: Callable[[], None]) -> Stream:
    """The audio of a text, as it comes; `leave` is called at its end."""

    async def left() -> None:
        leave()

    frames = _audio(line, rpc, idle)
    return Stream(dialect, frames=frames, closers=(left,), content_type=AUDIO_TYPES[rpc.format])


async def _audio(line: Line, rpc: Speaking, idle: float) -> AsyncGenerator[Frame, None]:
    """Samples, after a header where the format has one; it waits for the first of them, which may be an error."""
    header = wav_header(rpc.rate) if rpc.format == "wav" else b""
    method = SYNTHESIZE if rpc.mode == OFFLINE else SYNTHESIZE_ONLINE
    async with aclosing(line.answers(method, rpc.message, rpc.metadata, idle)) as answers:
        async for answer in answers:
            if audio := _decoded(SYNTHESIZE_RESPONSE, answer)["audio"]:
                yield Frame(header + audio)
                header = b""


def _wants_pieces(error: NovaError) -> bool:
    """Whether the server takes no message of that size, or has no model that hears whole recordings."""
    return isinstance(error, PayloadTooLargeError) or ONLY_STREAMS in error.message


def _decoded(message: Message, data: bytes) -> dict[str, Any]:
    try:
        return message.decode(data)
    except ValueError as error:
        raise BadGatewayError(f"the upstream's message cannot be read: {error}") from error


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())
