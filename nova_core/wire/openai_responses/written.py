"""Output items while they are streamed: the events that open, fill and close each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nova_core.types.chat import Citation, RedactedThinking, Thinking
from nova_core.types.events import ToolCallStart
from nova_core.wire.openai_responses.content import annotation
from nova_core.wire.openai_responses.fields import NAME, new_id
from nova_core.wire.openai_responses.output import message_item
from nova_core.wire.openai_responses.thoughts import reasoning_item

Body = dict[str, Any]
Emit = Callable[[str, Body], None]
Known = Mapping[int, Mapping[str, Any]]


class Item:
    """One item at `index` of the output. `known` holds, by block, members that the item's upstream gave it."""

    __slots__ = ("_emit", "index", "item")

    def __init__(self, emit: Emit, index: int, item: Body) -> None:
        self._emit = emit
        self.index = index
        self.item = item
        emit("response.output_item.added", {"output_index": index, "item": item})

    def close(self, status: str, known: Known) -> Body:
        """The item is complete."""
        self.event("response.output_item.done", item=self.item)
        return self.item

    def event(self, kind: str, **data: Any) -> None:
        """One event about this item."""
        place = (
            {"output_index": self.index} if "item" in data else {"item_id": self.item["id"], "output_index": self.index}
        )
        self._emit(kind, {**place, **data})


class MessageItem(Item):
    """A message: its blocks are its content parts, texts and refusals."""

    __slots__ = ("_cited", "_content", "_current", "_first", "_places")

    def __init__(self, emit: Emit, index: int, block: int, known: Known) -> None:
        super().__init__(emit, index, message_item([], known.get(block, {}), status="in_progress"))
        self._content: list[Body] = []
        self._cited: list[Citation] = []
        self._places: dict[int, int] = {}
        self._current: int | None = None
        self._first = block

    def add(self, block: int, kind: str, text: str, logprobs: list[Any]) -> None:
        """More of a part: `output_text` or `refusal`."""
        place = self._open(block, kind)
        part = self._content[place]
        name = "text" if kind == "output_text" else "refusal"
        part[name] += text
        if kind == "output_text":
            part["logprobs"] += logprobs
            self.event("response.output_text.delta", content_index=place, delta=text, logprobs=logprobs)
        else:
            self.event("response.refusal.delta", content_index=place, delta=text)

    def cite(self, block: int, cited: Citation) -> None:
        """A citation on a text; it waits for all of it, which is what one of another dialect is on."""
        place = self._open(block, "output_text")
        self._cited.append(cited)
        if place != self._current:
            self._annotate(place)

    def _annotate(self, place: int) -> None:
        part, cited = self._content[place], self._cited
        self._cited = []
        for each in cited:
            if (found := annotation(each, 0, len(part["text"]))) is None:
                continue
            number = len(part["annotations"])
            part["annotations"].append(found)
            kind = "response.output_text.annotation.added"
            self.event(kind, content_index=place, annotation_index=number, annotation=found)

    def rate(self, logprobs: list[Any]) -> None:
        """Log probabilities that came after their text."""
        for part in reversed(self._content):
            if part["type"] == "output_text":
                part["logprobs"] += logprobs
                return

    def close(self, status: str, known: Known) -> Body:
        """Every part is complete, and so is the message, or `incomplete`."""
        self._stop()
        self.item |= {**known.get(self._first, {}), "id": self.item["id"], "status": status, "content": self._content}
        return super().close(status, known)

    def _open(self, block: int, kind: str) -> int:
        """The place of the block's part; a part is complete when the next one begins."""
        place = self._places.get(block)
        if place is None or self._content[place]["type"] != kind:
            self._stop()
            place = self._current = self._places[block] = len(self._content)
            text: Body = {"type": kind, "text": "", "annotations": [], "logprobs": []}
            self._content.append(text if kind == "output_text" else {"type": kind, "refusal": ""})
            self.event("response.content_part.added", content_index=place, part=self._content[place])
        return place

    def _stop(self) -> None:
        place, self._current = self._current, None
        if place is None:
            return
        part = self._content[place]
        if part["type"] == "output_text":
            self._annotate(place)
            said = {"text": part["text"], "logprobs": part["logprobs"]}
            self.event("response.output_text.done", content_index=place, **said)
        else:
            self.event("response.refusal.done", content_index=place, refusal=part["refusal"])
        self.event("response.content_part.done", content_index=place, part=part)


class ReasoningItem(Item):
    """A thought: its text is its summary, its signature the encrypted content."""

    __slots__ = ("_block", "_signature", "_text")

    def __init__(self, emit: Emit, index: int, block: int, known: Known) -> None:
        own = {name: value for name, value in known.get(block, {}).items() if name == "id"}
        super().__init__(emit, index, {"id": new_id("rs"), "type": "reasoning", **own, "summary": []})
        self._block = block
        self._text = ""
        self._signature = ""

    def add(self, text: str) -> None:
        """More of the thought."""
        if not self._text:
            part = {"type": "summary_text", "text": ""}
            self.event("response.reasoning_summary_part.added", summary_index=0, part=part)
        self._text += text
        self.event("response.reasoning_summary_text.delta", summary_index=0, delta=text)

    def sign(self, signature: str) -> None:
        """More of the signature."""
        self._signature += signature

    def close(self, status: str, known: Known) -> Body:
        """The thought is complete."""
        if self._text:
            part = {"type": "summary_text", "text": self._text}
            self.event("response.reasoning_summary_text.done", summary_index=0, text=self._text)
            self.event("response.reasoning_summary_part.done", summary_index=0, part=part)
        whole = reasoning_item(Thinking(self._text, self._signature or None))
        self.item = {**whole, **known.get(self._block, {}), "id": self.item["id"]}
        return super().close(status, known)


class CallItem(Item):
    """A call of a function or of a custom tool."""

    __slots__ = ("_custom", "_text")

    def __init__(self, emit: Emit, index: int, start: ToolCallStart, known: Known) -> None:
        self._custom = start.custom
        self._text = ""
        kind, prefix = ("custom_tool_call", "ctc") if start.custom else ("function_call", "fc")
        item: Body = {"id": new_id(prefix), "type": kind, "call_id": start.id, "name": start.name}
        item |= {self._name: "", **({} if start.custom else {"status": "in_progress"})}
        super().__init__(emit, index, {**item, **start.extra.get(NAME, {}), **known.get(start.block, {})})

    @property
    def _name(self) -> str:
        return "input" if self._custom else "arguments"

    @property
    def _events(self) -> str:
        return "response.custom_tool_call_input" if self._custom else "response.function_call_arguments"

    def add(self, text: str) -> None:
        """More of the arguments."""
        self._text += text
        self.event(f"{self._events}.delta", delta=text)

    def close(self, status: str, known: Known) -> Body:
        """The call is complete, unless the answer was cut."""
        name = {} if self._custom else {"name": self.item["name"]}
        self.event(f"{self._events}.done", **name, **{self._name: self._text})
        self.item |= {self._name: self._text, "status": status}
        return super().close(status, known)


class ImageItem(Item):
    """An image, which came whole."""

    __slots__ = ("_whole",)

    def __init__(self, emit: Emit, index: int, item: Body) -> None:
        self._whole = item
        super().__init__(emit, index, {**item, "status": "in_progress", "result": None})

    def close(self, status: str, known: Known) -> Body:
        """The image is drawn."""
        for phase in ("in_progress", "generating", "completed"):
            self.event(f"response.image_generation_call.{phase}")
        self.item = self._whole
        return super().close(status, known)


def redacted_item(data: str) -> Body:
    """A thought that only its provider can read."""
    return reasoning_item(RedactedThinking(data))
