"""Events into the stream of a caller (OpenAI API reference, "Responses", streaming events)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from nova_core.errors import NovaError, StreamBrokenError
from nova_core.types.chat import Opaque
from nova_core.types.events import (
    AudioDelta,
    BlockStop,
    CitationDelta,
    Event,
    ExtraDelta,
    Finish,
    LogprobsDelta,
    OpaqueBlock,
    RedactedThinkingBlock,
    RefusalDelta,
    SignatureDelta,
    StreamStart,
    TextDelta,
    ThinkingDelta,
    ToolArgumentsDelta,
    ToolCallStart,
    UsageUpdate,
)
from nova_core.types.usage import Usage
from nova_core.wire.in_turn import BlockPiece, InTurn
from nova_core.wire.openai_responses.asked import Asked
from nova_core.wire.openai_responses.drawn import drawn_item, listed
from nova_core.wire.openai_responses.errors import error_events, event_bytes
from nova_core.wire.openai_responses.fields import NAME
from nova_core.wire.openai_responses.finish import render_status
from nova_core.wire.openai_responses.output import tokens_of
from nova_core.wire.openai_responses.reply import failed, finished, frame_of
from nova_core.wire.openai_responses.usage import render_usage
from nova_core.wire.openai_responses.written import CallItem, ImageItem, Item, MessageItem, ReasoningItem, redacted_item

Body = dict[str, Any]
New = TypeVar("New", bound=Item)


class Encoder:
    """Encodes the first answer of one stream.

    Items follow each other, as the API has it: each is complete where the next one begins.
    """

    __slots__ = (
        "_asked", "_clock", "_finish", "_frame", "_known", "_model", "_number", "_open", "_out", "_output", "_own",
        "_refused", "_said", "_start", "_turns", "_usage",
    )  # fmt: skip

    def __init__(self, *, model: str, asked: Asked, clock: Callable[[], float]) -> None:
        self._model = model
        self._asked = asked
        self._clock = clock
        self._start = StreamStart("", "")
        self._frame: Body | None = None
        self._number = 0
        self._usage: Usage | None = None
        self._own: dict[str, Any] = {}
        self._known: dict[int, dict[str, Any]] = {}
        self._open: dict[int, Item] = {}
        self._output: dict[int, Body | None] = {}
        self._finish: Finish | None = None
        self._refused = False
        self._said: MessageItem | None = None
        self._turns: InTurn[tuple[BlockPiece, list[Body]]] = InTurn()
        self._out: list[bytes] = []

    def encode(self, events: tuple[Event, ...]) -> bytes:
        """The bytes of these events; log probabilities go with the text before them."""
        self._learn(events)
        if events and self._frame is None:
            self._begin()
        for place, event in enumerate(events):
            following = events[place + 1] if place + 1 < len(events) else None
            if isinstance(event, LogprobsDelta):
                if place == 0 or not isinstance(events[place - 1], TextDelta):
                    self._rate(event)
            elif isinstance(event, TextDelta) and isinstance(following, LogprobsDelta):
                self._take(event, tokens_of(following.logprobs))
            else:
                self._take(event, [])
        return self._taken()

    def end(self) -> bytes:
        """The whole response as it ended; a broken end when there was no reason to end."""
        if self._finish is None:
            return self._taken() + self.fail(StreamBrokenError("the answer stopped without a finish reason"))
        self._close_all()
        response = self._response(self._finish)
        self._asked.tell(response)
        self._emit(f"response.{response['status']}", {"response": response})
        return self._taken()

    def fail(self, error: NovaError) -> bytes:
        """The response as failed, where it began, and an error event."""
        response = None
        if self._frame is not None:
            response = failed({**self._frame, "output": self._finished_items()}, error)
        return error_events(error, response, self._number)

    def _taken(self) -> bytes:
        out, self._out = b"".join(self._out), []
        return out

    def _emit(self, kind: str, data: Body) -> None:
        self._out.append(event_bytes(kind, {"sequence_number": self._number, **data}))
        self._number += 1

    def _learn(self, events: tuple[Event, ...]) -> None:
        """What the events say of the whole response, which its first events already repeat."""
        for event in events:
            match event:
                case StreamStart():
                    self._start = event
                case UsageUpdate():
                    self._usage = event.usage
                case ExtraDelta(choice=None):
                    own = dict(event.extra.get(NAME, {}))
                    for block, members in own.pop("items", {}).items():
                        self._known.setdefault(int(block), {}).update(members)
                    self._own |= own

    def _begin(self) -> None:
        start = self._start
        frame = frame_of(self._asked, id=start.id, model=self._model, created=start.created, clock=self._clock)
        own = {name: value for name, value in self._own.items() if name != "usage"}
        self._frame = finished(frame, own, start.service_tier)
        for kind in ("response.created", "response.in_progress"):
            self._emit(kind, {"response": self._frame})

    def _response(self, finish: Finish) -> Body:
        assert self._frame is not None
        usage = None if self._usage is None else {**render_usage(self._usage), **self._own.get("usage", {})}
        status = render_status(finish.reason, finish.native, refused=self._refused)
        response = {**self._frame, **status, "output": self._finished_items(), "usage": usage}
        if status["status"] == "completed":
            response["completed_at"] = int(self._clock())
        return response

    def _finished_items(self) -> list[Body]:
        return [item for _, item in sorted(self._output.items()) if item is not None]

    def _take(self, event: Event, logprobs: list[Body]) -> None:
        match event:
            case Finish(choice=0):
                for held, rated in self._turns.rest():
                    self._say(held, rated)
                self._finish = event
                self._close_all()
            case ExtraDelta(choice=0):
                for image in listed({name: members.get("message", {}) for name, members in event.extra.items()}):
                    self._drawn(image)
            case _ if isinstance(event, BlockPiece) and event.choice == 0 and self._finish is None:
                for each, rated in self._turns.take(event, (event, logprobs)):
                    self._say(each, rated)

    def _rate(self, late: LogprobsDelta) -> None:
        if self._said is not None and late.choice == 0:
            self._said.rate(tokens_of(late.logprobs))

    def _say(self, event: BlockPiece, logprobs: list[Body]) -> None:
        match event:
            case BlockStop():
                self._stop(event.block)
            case TextDelta() if event.text:
                self._message(event.block).add(event.block, "output_text", event.text, logprobs)
            case AudioDelta() if event.transcript:
                self._message(event.block).add(event.block, "output_text", event.transcript, [])
            case RefusalDelta() if event.text:
                self._refused = True
                self._message(event.block).add(event.block, "refusal", event.text, [])
            case CitationDelta():
                self._message(event.block).cite(event.block, event.citation)
            case ThinkingDelta() if event.text:
                self._thought(event.block).add(event.text)
            case ThinkingDelta() if "encrypted_content" in self._known.get(event.block, {}):
                self._thought(event.block)  # shown to nobody, and read again by who encrypted it
            case SignatureDelta():
                self._thought(event.block).sign(event.signature)
            case RedactedThinkingBlock():
                self._whole(redacted_item(event.data))
            case OpaqueBlock() if event.dialect == NAME:
                self._whole(dict(event.raw))
            case OpaqueBlock():
                self._drawn(drawn_item(Opaque(event.dialect, event.raw)))
            case ToolCallStart():
                self._close_before()
                self._add(event.block, CallItem(self._emit, len(self._output), event, self._known))
            case ToolArgumentsDelta() if isinstance(call := self._open.get(event.block), CallItem):
                call.add(event.arguments)

    def _message(self, block: int) -> MessageItem:
        """The message that is being written; texts that follow each other are parts of one."""
        found = self._open.get(block)
        if isinstance(found, MessageItem):
            return found
        for item in self._open.values():
            if isinstance(item, MessageItem) and "id" not in self._known.get(block, {}):
                self._open[block] = item
                return item
        self._close_before()
        self._said = self._add(block, MessageItem(self._emit, len(self._output), block, self._known))
        return self._said

    def _thought(self, block: int) -> ReasoningItem:
        found = self._open.get(block)
        if isinstance(found, ReasoningItem):
            return found
        self._close_before()
        return self._add(block, ReasoningItem(self._emit, len(self._output), block, self._known))

    def _add(self, block: int, item: New) -> New:
        self._open[block] = item
        self._output[item.index] = None
        return item

    def _whole(self, item: Body) -> None:
        self._close_before()
        index = len(self._output)
        self._output[index] = Item(self._emit, index, item).close("completed", {})

    def _drawn(self, image: Body | None) -> None:
        if image is not None:
            self._close_before()
            index = len(self._output)
            self._output[index] = ImageItem(self._emit, index, image).close("completed", {})

    def _stop(self, block: int) -> None:
        """A message may go on with another text, so only what is no message ends with its block."""
        item = self._open.get(block)
        if item is not None and not isinstance(item, MessageItem):
            self._close(item, "completed")

    def _close_before(self) -> None:
        """Another item begins: the one before it is complete."""
        for item in dict.fromkeys(self._open.values()):
            self._close(item, "completed")

    def _close_all(self) -> None:
        items = list(dict.fromkeys(self._open.values()))
        cut = self._finish is not None and render_status(self._finish.reason, None, refused=self._refused)
        for item in items:
            is_cut = cut and cut["status"] == "incomplete" and item is items[-1]
            self._close(item, "incomplete" if is_cut else "completed")

    def _close(self, item: Item, status: str) -> None:
        self._open = {block: each for block, each in self._open.items() if each is not item}
        self._output[item.index] = item.close(status, self._known)
