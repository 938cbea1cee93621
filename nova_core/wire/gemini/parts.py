"""Parts of the Gemini API into parts of the typed model."""

# https://ai.google.dev/api/caching#Part

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.types.chat import Audio, Extra, File, Image, Opaque, Part, Source, Text, Thinking, ToolCall, ToolResult
from nova_core.wire.gemini.fields import NAME, canonical, fields_of
from nova_core.wire.gemini.signatures import read_signature
from nova_core.wire.openai_chat.fields import Fields


class CallIds:
    """Ids for calls that came without one, and for results that name only their function."""

    __slots__ = ("_count", "_waiting")

    def __init__(self) -> None:
        self._count = 0
        self._waiting: dict[str, deque[str]] = defaultdict(deque)

    def call(self, name: str, given: str | None) -> str:
        """The id of a call; an invented one depends on its place alone."""
        call_id = given or f"call_{self._count}"
        self._count += 1
        self._waiting[name].append(call_id)
        return call_id

    def result(self, name: str, given: str | None) -> str:
        """The id of the call that is answered: the first of this function that is still open."""
        waiting = self._waiting[name]
        if given:
            if given in waiting:
                waiting.remove(given)
            return given
        return waiting.popleft() if waiting else self.call(name, None)


def parse_part(value: Any, path: str, ids: CallIds) -> list[Part]:
    """One part of a content.

    A signature on anything but a thought stands before it as a thought without text, which is how other
    dialects can carry it. Kinds that the typed model has no part for are kept whole.
    """
    fields = fields_of(value, path)
    thought, signature = fields.boolean("thought"), read_signature(fields.text("thoughtSignature"))
    text = fields.text("text")
    if thought:
        if text is None:
            return [Opaque(NAME, canonical(value, path))]
        return [Thinking(text, signature, extra=fields.extra(NAME))]
    before: list[Part] = [Thinking("", signature)] if signature else []
    if text is not None:
        return before if signature and not text else [*before, Text(text, extra=fields.extra(NAME))]
    for name, parse in PARSERS.items():
        if (inner := fields.take(name)) is not None:
            return [*before, parse(fields_of(inner, fields.at(name)), fields, ids)]
    return [Opaque(NAME, canonical(value, path))] if value else []


def _function_call(inner: Fields, outer: Fields, ids: CallIds) -> Part:
    name = inner.required_text("name")
    call_id = ids.call(name, inner.text("id"))
    arguments = msgspec.json.encode(inner.members("args") or {}).decode()
    return ToolCall(call_id, name, arguments, extra=_left(inner, outer, "functionCall"))


def _function_response(inner: Fields, outer: Fields, ids: CallIds) -> Part:
    name = inner.required_text("name")
    call_id = ids.result(name, inner.text("id"))
    said, is_error = response_text(inner.members("response") or {})
    parts: list[Part] = [Text(said)] if said else []
    for place, media in enumerate(inner.array("parts") or ()):
        parts += parse_part(media, f"{inner.at('parts')}[{place}]", ids)
    extra = _left(inner, outer, "functionResponse")
    return ToolResult(call_id, tuple(parts), is_error=is_error, name=name, extra=extra)


def response_text(response: Mapping[str, Any]) -> tuple[str, bool | None]:
    """A function's response as text, and whether it is an error: `output` and `error` stand for the whole."""
    if response.keys() == {"error"}:
        return _text_of(response["error"]), True
    if response.keys() == {"output"} and isinstance(response["output"], str):
        return response["output"], None
    return (msgspec.json.encode(response).decode() if response else ""), None


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _inline_data(inner: Fields, outer: Fields, ids: CallIds) -> Part:
    media_type = inner.text("mimeType") or ""
    # Clients may write base64 in the alphabet for URLs, which no other API takes.
    data = inner.required_text("data").replace("-", "+").replace("_", "/")
    source = Source(data=data, media_type=media_type or None)
    return _media(source, inner, outer, "inlineData")


def _file_data(inner: Fields, outer: Fields, ids: CallIds) -> Part:
    source = Source(url=inner.required_text("fileUri"), media_type=inner.text("mimeType"))
    return _media(source, inner, outer, "fileData")


def _media(source: Source, inner: Fields, outer: Fields, name: str) -> Part:
    kind, _, form = (source.media_type or "").partition("/")
    title = inner.text("displayName")
    extra = _left(inner, outer, name)
    if kind == "image":
        return Image(source, extra=extra)
    if kind == "audio":
        return Audio(source, format=AUDIO_FORMATS.get(form), extra=extra)
    return File(source, name=title, extra=extra)


def _left(inner: Fields, outer: Fields, name: str) -> Extra:
    if left := inner.left():
        outer.put_back(name, left)
    return outer.extra(NAME)


AUDIO_FORMATS = {"wav": "wav", "x-wav": "wav", "wave": "wav", "mp3": "mp3", "mpeg": "mp3"}
"""What other dialects call the formats that they know."""
PARSERS = {
    "functionCall": _function_call,
    "functionResponse": _function_response,
    "inlineData": _inline_data,
    "fileData": _file_data,
}
