"""Answers of vendors whose words differ, whole and streamed, made into what OpenAI's format says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import msgspec

from nova_core.types.events import Frame
from nova_core.types.message import Reply, plain
from nova_core.types.upstream import Exchange, FrameParser, UpstreamResponse
from nova_core.wire.body import NOT_JSON


class Mender(Protocol):
    """Mends one answer; it may remember what it saw, for the chunks that follow."""

    def concerns(self, data: bytes) -> bool:
        """Whether these bytes of JSON may need mending; told without decoding them."""
        ...

    def mended(self, answer: dict[str, Any]) -> dict[str, Any]:
        """A whole reply (choices with a `message`) or a chunk (with a `delta`), mended; the input is left alone."""
        ...


MakeMender = Callable[[], Mender]


def mended_exchange(exchange: Exchange, makers: Iterable[MakeMender]) -> Exchange:
    """The exchange (and those that it leads to) with its answer mended by what `makers` make, in their order."""
    makers, read, frames = tuple(makers), exchange.read, exchange.frames

    def read_mended(response: UpstreamResponse) -> Reply | Exchange:
        reply = read(response)
        if isinstance(reply, Exchange):
            return mended_exchange(reply, makers)
        return mended_reply(reply, [make() for make in makers])

    def mended_frames() -> FrameParser:
        assert frames is not None
        return MendedFrames(frames(), [make() for make in makers])

    return msgspec.structs.replace(exchange, read=read_mended, frames=mended_frames if frames is not None else None)


class MendedFrames:
    """A frame parser whose chunks are mended. Frames that concern no mender keep their bytes."""

    def __init__(self, parser: FrameParser, menders: list[Mender]) -> None:
        self._parser = parser
        self._menders = menders

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by `data`."""
        return [self._mended(frame) for frame in self._parser.feed(data)]

    def end(self) -> list[Frame]:
        """Frames left at the end of data."""
        return [self._mended(frame) for frame in self._parser.end()]

    def _mended(self, frame: Frame) -> Frame:
        # Every mender is asked about every frame: some hold text back until they have seen what follows.
        concerned = [mender for mender in self._menders if mender.concerns(frame.data)]
        if not concerned:
            return frame
        try:
            chunk = msgspec.json.decode(frame.data)
        except NOT_JSON:
            return frame  # the dialect says what is wrong with it
        if not isinstance(chunk, dict) or not isinstance(chunk.get("choices"), list):
            return frame
        return Frame(msgspec.json.encode(mended(chunk, concerned)), frame.event)


def mended_reply(reply: Reply, menders: Iterable[Mender]) -> Reply:
    """A whole reply, mended."""
    data = reply.encode()
    concerned = [mender for mender in menders if mender.concerns(data)]
    if not concerned:
        return reply
    before = plain(reply.members)
    after = mended(before, concerned)
    changed = {name: value for name, value in after.items() if value is not before.get(name)}
    return reply.with_members(changed) if changed else reply


def mended(answer: dict[str, Any], menders: Iterable[Mender]) -> dict[str, Any]:
    """What all `menders` make of an answer."""
    for mender in menders:
        answer = mender.mended(answer)
    return answer


def with_choices(
    answer: dict[str, Any], change: Callable[[dict[str, Any], str, Mapping[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """The answer with `change(choice, part, said)` for each choice that says something under `part`.

    What has no number for its `index` is no choice, and left alone.
    """
    return {**answer, "choices": [_changed(choice, change) for choice in answer["choices"]]}


def _changed(choice: Any, change: Callable[[dict[str, Any], str, Mapping[str, Any]], dict[str, Any]]) -> Any:
    if not isinstance(choice, dict) or not isinstance(choice.get("index"), int | None):
        return choice
    part = "delta" if "delta" in choice else "message"
    said = choice.get(part)
    return change(choice, part, said) if isinstance(said, Mapping) else choice
