"""Predictions of language models as a dialect that only an upstream speaks, and their streams."""

# https://replicate.com/docs/topics/predictions/streaming

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nova_core.errors import StreamBrokenError
from nova_core.types.chat import ChatReply, Choice, Message, Text
from nova_core.types.dialect import StreamDecoder
from nova_core.types.events import Event, Finish, Frame, StreamStart, TextDelta, UsageUpdate
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest
from nova_core.types.usage import Usage
from nova_core.wire.body import NOT_JSON
from nova_core.wire.upstream_errors import facts_of
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_replicate import inputs, prediction

MOST_LOGGED: Final = 100_000
"""Characters of logs that are kept."""


class ReplicateChat(UpstreamOnly):
    """`{"input": {"prompt", …}}` in, pieces of text out."""

    name = inputs.NAME
    operation: Operation = "chat"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream. Raises BadRequestError for what is no chat."""
        return inputs.render(typed)

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError for what is no prediction, and why one did not succeed."""
        prediction.check(members)

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """A `ChatReply`; how a model came to its end is not said."""
        self.check_reply(members)
        text = prediction.text_of(members.get("output"))
        choice = Choice(0, Message("assistant", (Text(text),) if text else ()), "stop")
        model = members.get("model")
        return ChatReply(
            str(members["id"]),
            model if isinstance(model, str) else "",
            (choice,),
            self.usage_of(members),
            prediction.created_at(members),
        )

    def usage_of(self, members: Members) -> Usage | None:
        """The tokens that `metrics` count."""
        return prediction.usage_of(members)

    def decoder(self) -> StreamDecoder:
        """A decoder for one stream of events."""
        return Decoder()


class Decoder:
    """`output`, `logs`, `error` and `done` events of one stream. Usage is stated as far as the logs do."""

    __slots__ = ("_finished", "_logs", "_started")

    def __init__(self) -> None:
        self._logs = ""
        self._started = False
        self._finished = False

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """Events of one frame. Raises the error that it carries, StreamBrokenError for a prediction that was ended."""
        match frame.event:
            case "output" if not self._finished:
                return (*self._start(), TextDelta(0, 0, frame.data.decode("utf-8", "replace")))
            case "error":
                raise prediction.failure(facts_of(frame.data).message or "the prediction failed without a message")
            case "done" if not self._finished:
                _check_reason(frame.data)
                self._finished = True
                usage = prediction.logged_usage(self._logs)
                return (*self._start(), Finish(0, "stop"), *(() if usage is None else (UsageUpdate(usage),)))
            case "logs" if len(self._logs) < MOST_LOGGED:
                self._logs += frame.data.decode("utf-8", "replace") + "\n"
        return ()

    def end(self) -> tuple[Event, ...]:
        """Raises StreamBrokenError if the prediction was not done."""
        if not self._finished:
            raise StreamBrokenError("the upstream's stream ended before its prediction did")
        return ()

    def _start(self) -> tuple[Event, ...]:
        if self._started:
            return ()
        self._started = True
        return (StreamStart("", ""),)


def _check_reason(data: bytes) -> None:
    try:
        said = msgspec.json.decode(data)
    except NOT_JSON as error:
        raise StreamBrokenError("the upstream's stream ends in an event that is not JSON") from error
    reason = said.get("reason") if isinstance(said, dict) else None
    if reason is not None:
        raise StreamBrokenError(f"the upstream's prediction ended early: {reason}")


REPLICATE_CHAT: Final = ReplicateChat()
