"""Replies of vendors whose words differ, whole and streamed, made into what OpenAI's format says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.types.events import Frame
from nova_core.types.message import Reply
from nova_core.wire.sse import SseParser
from nova_plugin_openai_compatible.row import Vendor

LISTED = re.compile(rb'"content"\s*:\s*\[')
CALLING = re.compile(rb'"tool_calls"\s*:\s*\[')
UNFINISHED = re.compile(rb'"finish_reason"\s*:\s*""')


class Mending:
    """Mends the choices of one answer. `called` remembers which choices have called tools, across its frames."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.called: set[Any] = set()

    def concerns(self, data: bytes) -> bool:
        """Whether these bytes of JSON may need mending; told without decoding them."""
        if self.vendor.splits_content and LISTED.search(data):
            return True
        return self.vendor.repairs_finish and bool(CALLING.search(data) or UNFINISHED.search(data))

    def choice(self, choice: Any) -> Any:
        """A choice of a reply (`message`) or of a chunk (`delta`)."""
        if not isinstance(choice, Mapping):
            return choice
        part = "delta" if "delta" in choice else "message"
        said = choice.get(part)
        if not isinstance(said, Mapping):
            return choice
        mended = dict(choice)
        if self.vendor.splits_content:
            mended[part] = split_content(said)
        if self.vendor.repairs_finish:
            if said.get("tool_calls"):
                self.called.add(choice.get("index"))
            if choice.get("finish_reason") == "":
                mended["finish_reason"] = self._finish(part, choice)
        return mended

    def _finish(self, part: str, choice: Mapping[str, Any]) -> str | None:
        if choice.get("index") in self.called:
            return "tool_calls"
        # Without a tool call an empty reason in a chunk only means that more is to come.
        return None if part == "delta" else ""


class MendedFrames:
    """A frame parser that mends what the vendor streams."""

    def __init__(self, vendor: Vendor) -> None:
        self._parser = SseParser()
        self._mending = Mending(vendor)

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by `data`."""
        return [self._mended(frame) for frame in self._parser.feed(data)]

    def end(self) -> list[Frame]:
        """Frames left at the end of data."""
        return [self._mended(frame) for frame in self._parser.end()]

    def _mended(self, frame: Frame) -> Frame:
        if not self._mending.concerns(frame.data):
            return frame
        try:
            chunk = msgspec.json.decode(frame.data)
        except msgspec.DecodeError:
            return frame  # the dialect says what is wrong with it
        if not isinstance(chunk, dict) or not isinstance(chunk.get("choices"), list):
            return frame
        chunk["choices"] = [self._mending.choice(choice) for choice in chunk["choices"]]
        return Frame(msgspec.json.encode(chunk), frame.event)


def mended_reply(reply: Reply, vendor: Vendor) -> Reply:
    """A whole reply, mended."""
    mending = Mending(vendor)
    if not mending.concerns(msgspec.json.encode(reply.members.get("choices"))):
        return reply
    return reply.with_members({"choices": [mending.choice(choice) for choice in reply.get("choices")]})


def split_content(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Content in parts as `content` and `reasoning_content`; the same object when a part is neither."""
    parts = said.get("content")
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        return said
    if any(part.get("type") not in ("text", "thinking") for part in parts):
        return said
    thoughts = [_thought(part.get("thinking")) for part in parts if part.get("type") == "thinking"]
    texts = [str(part.get("text") or "") for part in parts if part.get("type") == "text"]
    split = {**said, "content": "".join(texts) if texts else None}
    return {**split, "reasoning_content": "".join(thoughts)} if thoughts else split


def _thought(thinking: Any) -> str:
    if isinstance(thinking, list):
        return "".join(str(part.get("text") or "") for part in thinking if isinstance(part, Mapping))
    return thinking if isinstance(thinking, str) else ""
