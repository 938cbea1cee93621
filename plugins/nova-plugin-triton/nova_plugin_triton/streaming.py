"""Streams of answers into events."""

from __future__ import annotations

from typing import Any

import msgspec

from nova_core.errors import StreamBrokenError
from nova_core.types.events import Event, Finish, Frame, StreamStart, TextDelta, UsageUpdate
from nova_core.types.usage import Usage
from nova_core.wire.body import NOT_JSON
from nova_core.wire.upstream_errors import classify
from nova_plugin_triton.answers import count_of, finish_of, model_of, text_of


class Decoder:
    """Each frame is an answer with the next piece of text.

    Models that state why they ended must do so; the stream of any other ends with its connection, and one that was
    cut is told by the transport. Output tokens are counted by frame.
    """

    __slots__ = ("_finished", "_input", "_output", "_started", "_tells")

    def __init__(self) -> None:
        self._started = False
        self._tells = False
        self._finished = False
        self._input: int | None = None
        self._output: int | None = None

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """Events of one frame. Raises the error that it carries, StreamBrokenError for what is no answer."""
        data = _members(frame.data)
        if isinstance(data.get("error"), str):
            raise classify(None, data["error"])
        if self._finished:
            return ()
        events: list[Event] = []
        if not self._started:
            if "text_output" not in data:
                raise StreamBrokenError("the upstream's stream does not begin with a piece of text")
            self._started = True
            events.append(StreamStart("", model_of(data)))
        if text := text_of(data):
            events.append(TextDelta(0, 0, text))
        self._count(data)
        self._tells = self._tells or "finish_reason" in data
        reason = finish_of(data)
        if reason is not None:
            self._finished = True
            events += [Finish(0, reason), *self._usage()]
        return tuple(events)

    def end(self) -> tuple[Event, ...]:
        """The end of a model that does not state one. Raises StreamBrokenError where one was to come."""
        if self._finished:
            return ()
        if self._tells or not self._started:
            raise StreamBrokenError("the upstream's stream ended before its answer did")
        self._finished = True
        return (Finish(0, "stop"), *self._usage())

    def _count(self, data: dict[str, Any]) -> None:
        given, made = count_of(data, "num_input_tokens"), count_of(data, "num_output_tokens")
        self._input = self._input if given is None else given
        self._output = self._output if made is None else (self._output or 0) + made

    def _usage(self) -> tuple[Event, ...]:
        if self._input is None and self._output is None:
            return ()
        return (UsageUpdate(Usage(input=self._input or 0, output=self._output or 0)),)


def _members(data: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(data)
    except NOT_JSON as error:
        raise StreamBrokenError("the upstream's stream holds a frame that is not JSON") from error
    if not isinstance(found, dict):
        raise StreamBrokenError("the upstream's stream holds a frame that is not an object")
    return found
