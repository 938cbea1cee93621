"""Replies of `/api/chat`: the check, the typed view, and streams into events."""

# https://docs.ollama.com/api/chat#response and …/api/streaming

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import msgspec

from nova_core.errors import BadGatewayError, StreamBrokenError
from nova_core.types.chat import ChatReply, Choice, FinishReason, Message, Part, Text, Thinking, ToolCall
from nova_core.types.events import (
    Event,
    Finish,
    Frame,
    LogprobsDelta,
    StreamStart,
    TextDelta,
    ThinkingDelta,
    ToolArgumentsDelta,
    ToolCallStart,
    UsageUpdate,
)
from nova_core.types.message import Members, decoded
from nova_core.types.usage import Usage
from nova_core.wire.body import NOT_JSON
from nova_core.wire.upstream_errors import classify, facts_of, redacted

Data = dict[str, Any]
UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError)
"""What goes wrong while data of another shape is read."""
TEXT, THOUGHT = "text", "thought"


def check(members: Members) -> None:
    """Raises BadGatewayError without a `message`, or with an `error`, quoting the upstream."""
    check_error(members)
    if not isinstance(decoded(members.get("message")), dict):
        raise BadGatewayError("the upstream's reply has no `message`")


def check_error(members: Members) -> None:
    """Raises BadGatewayError for an `error` where an answer should be."""
    if (error := decoded(members.get("error"))) is not None:
        words = redacted(facts_of(msgspec.json.encode({"error": error})).message)
        raise BadGatewayError(f"the upstream answered 200 with an error: {words or 'no message'}")


def parse(members: Mapping[str, Any]) -> ChatReply:
    """The typed view. Raises BadGatewayError."""
    check(members)
    try:
        said = members["message"]
        parts: list[Part] = [Thinking(_text(said["thinking"]))] if said.get("thinking") else []
        if said.get("content"):
            parts.append(Text(_text(said["content"])))
        calls = [ToolCall(*call) for call in calls_of(said)]
        finish, native = finish_of(members, called=bool(calls))
        logprobs = {"content": members["logprobs"]} if members.get("logprobs") else None
        choice = Choice(0, Message("assistant", (*parts, *calls)), finish, native, logprobs=logprobs)
        model = members.get("model")
        return ChatReply("", model if isinstance(model, str) else "", (choice,), usage_of(members), created_at(members))
    except UNREADABLE as error:
        raise BadGatewayError("the upstream's reply has not the shape of a message") from error


def calls_of(said: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Id, name and arguments (as JSON text) of each call; ids are new where the server gives none."""
    found = []
    for call in said.get("tool_calls") or ():
        function = call["function"]
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode()
        call_id = call.get("id")
        found.append((call_id if isinstance(call_id, str) and call_id else new_call_id(), str(function["name"]), text))
    return found


def new_call_id() -> str:
    """An id that differs from those of earlier answers."""
    return f"call_{uuid4().hex[:24]}"


def finish_of(data: Mapping[str, Any], *, called: bool) -> tuple[FinishReason, str | None]:
    """Why the answer ended, and the server's own word where it is another one."""
    word = data.get("done_reason") or "stop"
    reason: FinishReason = "length" if word == "length" else "tool_calls" if called else "stop"
    return reason, None if word in (reason, "stop") else str(word)


def usage_of(data: Members) -> Usage | None:
    """`prompt_eval_count` and `eval_count`; a prompt that was cached whole has no count."""
    counts = [decoded(data.get(name)) for name in ("prompt_eval_count", "eval_count")]
    given, made = (count if isinstance(count, int) and count >= 0 else None for count in counts)
    return None if given is None and made is None else Usage(input=given or 0, output=made or 0)


def created_at(data: Mapping[str, Any]) -> int | None:
    """The answer's time in Unix seconds."""
    try:
        return int(datetime.fromisoformat(data["created_at"]).timestamp())
    except (*UNREADABLE, OverflowError):
        return None


class Decoder:
    """Lines of one stream into events. Text and thoughts that follow each other are one block."""

    __slots__ = ("_block", "_called", "_finished", "_kind", "_started")

    def __init__(self) -> None:
        self._block = -1
        self._kind: str | None = None
        self._called = False
        self._started = False
        self._finished = False

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """Events of one line. Raises the error that it carries, StreamBrokenError for what is no piece."""
        try:
            data = msgspec.json.decode(frame.data)
        except NOT_JSON as error:
            raise StreamBrokenError("the upstream's stream holds a line that is not JSON") from error
        if not isinstance(data, dict):
            raise StreamBrokenError("the upstream's stream holds a line that is not an object")
        if data.get("error") is not None:
            facts = facts_of(frame.data)
            raise classify(None, facts.message or "the upstream failed without a message", facts.code, facts.type)
        if self._finished:
            return ()
        try:
            return tuple(self._events(data))
        except UNREADABLE as error:
            raise StreamBrokenError("the upstream's line has not the shape of a piece of a message") from error

    def end(self) -> tuple[Event, ...]:
        """Raises StreamBrokenError if the answer was not finished."""
        if not self._finished:
            raise StreamBrokenError("the upstream's stream ended before its answer did")
        return ()

    def _events(self, data: Data) -> list[Event]:
        events: list[Event] = []
        said = data.get("message")
        if not self._started:
            if not isinstance(said, dict):
                raise StreamBrokenError("the upstream's stream does not begin with a message")
            self._started = True
            events.append(StreamStart("", str(data.get("model") or ""), created_at(data)))
        events += self._said(said or {})
        if data.get("logprobs"):
            events.append(LogprobsDelta(0, {"content": data["logprobs"]}))
        if data.get("done") is True:
            self._finished = True
            events.append(Finish(0, *finish_of(data, called=self._called)))
            if (usage := usage_of(data)) is not None:
                events.append(UsageUpdate(usage))
        return events

    def _said(self, said: Data) -> list[Event]:
        events: list[Event] = []
        if thought := said.get("thinking"):
            events.append(ThinkingDelta(0, self._open(THOUGHT), _text(thought)))
        if text := said.get("content"):
            events.append(TextDelta(0, self._open(TEXT), _text(text)))
        for call_id, name, arguments in calls_of(said):
            self._called = True
            block = self._open(call_id)
            events += [ToolCallStart(0, block, call_id, name), ToolArgumentsDelta(0, block, arguments)]
        return events

    def _open(self, kind: str) -> int:
        """The block of what is said, a new one where something else was said before."""
        if kind != self._kind:
            self._block += 1
            self._kind = kind
        return self._block


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text is expected")
    return value
