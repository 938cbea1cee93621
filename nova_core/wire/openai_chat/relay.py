"""Passing a stream on in the same dialect, with as little touched as can be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.errors import NovaError, StreamBrokenError
from nova_core.types.events import Frame
from nova_core.types.usage import Usage
from nova_core.wire.openai_chat.decoder import broken, carries_error, parse_chunk
from nova_core.wire.openai_chat.errors import error_frame, stream_error
from nova_core.wire.openai_chat.finish import parse_finish
from nova_core.wire.openai_chat.usage import parse_usage
from nova_core.wire.sse import DONE, sse_bytes

_ENCODE = msgspec.json.Encoder().encode
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PIECES = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_NULL = msgspec.Raw(b"null")
_NO_CHOICES = msgspec.Raw(b"[]")
_ERROR = msgspec.Raw(b'"error"')
_HAS_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')


class _Choice(msgspec.Struct):
    index: Any = None
    finish_reason: Any = None


_CHOICES = msgspec.json.Decoder(list[_Choice] | None)


class ChatRelay:
    """Relays one stream: renames `model` and vendors' `reasoning`, repairs framing, taps usage and the finish.

    A frame that needs no change leaves as it came. With `hide_usage` it is tapped and left out, for callers who
    did not ask for it.
    """

    __slots__ = ("_choices", "_done", "_finished", "_hide_usage", "_model", "events", "usage")

    def __init__(self, *, model: str, hide_usage: bool = False) -> None:
        self._hide_usage = hide_usage
        self._model = msgspec.Raw(_ENCODE(model))
        self.usage: Usage | None = None
        self._choices: set[int] = set()
        self._finished: set[int] = set()
        self._done = False
        self.events = 0

    def relay(self, frame: Frame) -> bytes:
        """The frame's bytes with the model renamed; b"" for frames to leave out. Raises like a decoder."""
        data = frame.data
        if self._done or not data or data.isspace():
            return b""
        if data.strip() == b"[DONE]":
            self._check_finished()
            self._done = True
            return DONE
        try:
            members = _MEMBERS.decode(data)
            changed = self._look(data, members, frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise broken("holds a frame that is not a chunk") from error
        self.events += 1
        if self._hide_usage and members.pop("usage", None) is not None:
            if members.get("choices") == _NO_CHOICES:
                return b""
            changed = True
        return sse_bytes(Frame(_ENCODE(members), frame.event) if changed else frame)

    def end(self) -> bytes:
        """A missing `[DONE]`. Raises StreamBrokenError if the answer was not finished."""
        if self._done:
            return b""
        self._check_finished()
        self._done = True
        return DONE

    def fail(self, error: NovaError) -> bytes:
        """An error frame, and no `[DONE]`."""
        return error_frame(error)

    def _check_finished(self) -> None:
        if not self._choices or self._choices - self._finished:
            raise broken("ended before the answer was finished")

    def _look(self, data: bytes, members: dict[str, msgspec.Raw], frame: Frame) -> bool:
        """Note finish reasons and usage; change `members` where something must change and say so."""
        if "error" in members or frame.event == "error" or members.get("object") == _ERROR:
            chunk = parse_chunk(data)
            if carries_error(chunk, frame):
                raise stream_error(data)
        choices = members.get("choices")
        if choices is not None:
            self._note_choices(data, choices)
        usage = members.get("usage", _NULL)
        if usage != _NULL:
            self.usage = parse_usage(msgspec.json.decode(usage)) or self.usage
        changed = False
        if members.get("model", self._model) != self._model:
            members["model"] = self._model
            changed = True
        if choices is not None and b'"reasoning"' in data:
            renamed = _renamed_reasoning(choices)
            if renamed is not None:
                members["choices"] = renamed
                changed = True
        return changed

    def _note_choices(self, data: bytes, choices: msgspec.Raw) -> None:
        found = _CHOICES.decode(choices) or ()
        has_finish = _HAS_FINISH.search(data) is not None
        for place, choice in enumerate(found):
            index = choice.index if isinstance(choice.index, int) else place
            self._choices.add(index)
            word = choice.finish_reason
            if not has_finish or not isinstance(word, str) or not word:
                continue
            if parse_finish(word, called_tools=False)[0] == "error":
                raise StreamBrokenError("the upstream stopped with an error before its answer was complete")
            self._finished.add(index)


def _renamed_reasoning(choices: msgspec.Raw) -> msgspec.Raw | None:
    """The choices with `delta.reasoning` called `reasoning_content`; None where there is nothing to rename."""
    found = _PIECES.decode(choices)
    changed = False
    for choice in found:
        delta = _fields(choice.get("delta"))
        if "reasoning" not in delta or "reasoning_content" in delta:
            continue
        renamed = {("reasoning_content" if name == "reasoning" else name): value for name, value in delta.items()}
        choice["delta"] = msgspec.Raw(_ENCODE(renamed))
        changed = True
    return msgspec.Raw(_ENCODE(found)) if changed else None


def _fields(value: msgspec.Raw | None) -> Mapping[str, msgspec.Raw]:
    if value is None or bytes(value)[:1] != b"{":
        return {}
    return _MEMBERS.decode(value)
