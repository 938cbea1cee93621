"""Passing a stream on in the same dialect, with as little touched as can be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.errors import NovaError, StreamBrokenError
from nova_core.types.events import Frame
from nova_core.types.usage import Usage
from nova_core.wire.body import NOT_JSON
from nova_core.wire.openai_chat.decoder import broken
from nova_core.wire.openai_chat.errors import error_frame, stream_error
from nova_core.wire.openai_chat.finish import parse_finish
from nova_core.wire.openai_chat.usage import parse_usage
from nova_core.wire.sse import DONE, sse_bytes

_ENCODE = msgspec.json.Encoder().encode
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PIECES = msgspec.json.Decoder(list[dict[str, msgspec.Raw]] | None)
_UNSET = msgspec.UNSET
_NULL_USAGE = b',"usage":null'
_NOWHERE = b"\n"
"""What is in no frame that is changed in place."""


class _Choice(msgspec.Struct):
    index: Any = None
    finish_reason: Any = None


class _Chunk(msgspec.Struct):
    """What a relay looks at. Decoding it checks that all of the frame is JSON."""

    object: Any = None
    model: Any = msgspec.UNSET
    choices: list[_Choice] | None = None
    usage: Any = msgspec.UNSET
    service_tier: Any = None
    error: Any = None


_CHUNK = msgspec.json.Decoder(_Chunk)


class ChatRelay:
    """Relays one stream: renames `model` and vendors' `reasoning`, repairs framing, taps usage and the finish.

    A frame that needs no change leaves as it came. With `hide_usage` it is tapped and left out, for callers who
    did not ask for it.
    """

    __slots__ = ("_choices", "_done", "_finished", "_hide_usage", "_name", "_ours", "_theirs", "events", "usage")

    def __init__(self, *, model: str, hide_usage: bool = False) -> None:
        self._hide_usage = hide_usage
        self._name = model
        self._ours = b'"model":' + _ENCODE(model)
        self._theirs: tuple[Any, bytes] = (None, _NOWHERE)
        self.usage: Usage | None = None
        self._choices: set[int] = set()
        self._finished: set[int] = set()
        self._done = False
        self.events = 0

    def relay(self, frame: Frame) -> bytes:
        """The frame's bytes with the model renamed; b"" for frames to leave out. Raises like a decoder."""
        if self._done:
            return b""
        data = frame.data
        try:
            chunk = _CHUNK.decode(data)
        except NOT_JSON as error:
            return self._no_chunk(data, error)
        if chunk.error or chunk.object == "error" or frame.event == "error":
            raise stream_error(data)
        choices, model, usage = chunk.choices, chunk.model, chunk.usage
        if choices:
            self._note_choices(choices)
        if usage:
            self.usage = parse_usage(usage, chunk.service_tier) or self.usage
        self.events += 1
        hides = self._hide_usage and usage is not _UNSET
        if hides and usage is not None and choices == []:
            return b""
        if choices and b'"reasoning"' in data:
            data = self._rebuilt(data, hides)
        elif hides or (model is not _UNSET and model != self._name):
            in_place = self._in_place(data, model, usage)
            if in_place is not None and frame.event is None:
                return b"data: %b\n\n" % in_place
            data = self._rebuilt(data, hides) if in_place is None else in_place
        return sse_bytes(Frame(data, frame.event))

    def unread(self) -> tuple[str, ...]:
        """See `LeavesUnread`."""
        return ("content", "text", "reasoning_content", "reasoning", "arguments", "obfuscation")

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

    def _no_chunk(self, data: bytes, error: Exception) -> bytes:
        """A frame that is not a chunk: the end, nothing, or garbage."""
        match data.strip():
            case b"[DONE]":
                self._check_finished()
                self._done = True
                return DONE
            case b"":
                return b""
        raise broken("holds a frame that is not a chunk") from error

    def _note_choices(self, choices: list[_Choice]) -> None:
        for place, choice in enumerate(choices):
            index = choice.index if isinstance(choice.index, int) else place
            self._choices.add(index)
            word = choice.finish_reason
            if not word or not isinstance(word, str):
                continue
            if parse_finish(word, called_tools=False)[0] == "error":
                raise StreamBrokenError("the upstream stopped with an error before its answer was complete")
            self._finished.add(index)

    def _in_place(self, data: bytes, model: Any, usage: Any) -> bytes | None:
        """`data` with another model's name and, where it is hidden, without its null usage.

        None unless it is certain which bytes those are: where no key can be spelled with escapes, the one place at
        which the key of a member that is there is found must be that member.
        """
        if b"\n" in data or (b"\\" in data and b"\\u00" in data):
            return None
        if model is not _UNSET and model != self._name:
            if model != self._theirs[0]:
                self._theirs = (model, _spelled(model, data))
            before, found, after = data.partition(self._theirs[1])
            if not found or b'"model"' in before or b'"model"' in after:
                return None
            data = b"%b%b%b" % (before, self._ours, after)
        elif data.count(b'"model"') > 1:
            return None
        if self._hide_usage and usage is not _UNSET:
            before, found, after = data.partition(_NULL_USAGE)
            if usage is not None or not found or b'"usage"' in before or b'"usage"' in after:
                return None
            data = before + after
        return data

    def _rebuilt(self, data: bytes, hides: bool) -> bytes:
        """The chunk put together anew from its members, whose own bytes stay, if any of them changes."""
        members = _MEMBERS.decode(data)
        came = dict(members)
        if hides:
            del members["usage"]
        if "model" in members:
            members["model"] = msgspec.Raw(_ENCODE(self._name))
        if b'"reasoning"' in data and "choices" in members:
            members["choices"] = _renamed_reasoning(members["choices"])
        return data if members == came else _ENCODE(members)


def _spelled(model: Any, data: bytes) -> bytes:
    """How an upstream writes its model, which it hardly ever changes within a stream."""
    found = re.search(rb'"model"\s*:\s*' + re.escape(_ENCODE(model)), data) if isinstance(model, str) else None
    return found[0] if found else _NOWHERE


def _renamed_reasoning(choices: msgspec.Raw) -> msgspec.Raw:
    """The choices with `delta.reasoning` called `reasoning_content`."""
    found = _PIECES.decode(choices) or []
    changed = False
    for choice in found:
        delta = _fields(choice.get("delta"))
        if "reasoning" not in delta or "reasoning_content" in delta:
            continue
        renamed = {("reasoning_content" if name == "reasoning" else name): value for name, value in delta.items()}
        choice["delta"] = msgspec.Raw(_ENCODE(renamed))
        changed = True
    return msgspec.Raw(_ENCODE(found)) if changed else choices


def _fields(value: msgspec.Raw | None) -> Mapping[str, msgspec.Raw]:
    if value is None or bytes(value)[:1] != b"{":
        return {}
    return _MEMBERS.decode(value)
