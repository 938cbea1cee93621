"""Parts of the typed model into the content blocks of a request."""

from __future__ import annotations

import base64
import binascii
import re
from mimetypes import guess_type
from typing import Any, Final
from urllib.parse import urlsplit

from nova_core.errors import BadRequestError
from nova_core.types.chat import (
    Audio,
    File,
    Image,
    Opaque,
    Part,
    RedactedThinking,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from nova_core.wire.anthropic_messages.fields import NAME, Notes, native, parse_arguments, render_cache
from nova_core.wire.openai_chat.notes import note_opaque
from nova_core.wire.thought_signatures import is_named

Block = dict[str, Any]

PLACEHOLDER: Final = "(empty)"
"""Stands for a turn without content, which the vendor refuses."""
# What the vendor takes no tool call id with: they match ^[a-zA-Z0-9_-]+$.
UNFIT: Final = re.compile(r"[^a-zA-Z0-9_-]")
# The first base64 characters of what a file of this type starts with.
SIGNATURES: Final = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi": "application/pdf",
}


class BlockWriter:
    """Renders the parts of one request, and notes what becomes of them.

    `by_list` for callers whose messages have lists of their own for tool calls and thinking, as chat completions do:
    places are then counted in each; else they are those of all parts.
    """

    __slots__ = ("_by_list", "_notes")

    def __init__(self, notes: Notes, *, by_list: bool = True) -> None:
        self._notes = notes
        self._by_list = by_list

    def content(self, parts: tuple[Part, ...], path: str) -> list[Block]:
        """The blocks of one message, whose path is `path`."""
        blocks: list[Block] = []
        places = {"content": 0, "tool_calls": 0, "thinking_blocks": 0}
        for part in parts:
            if isinstance(part, ToolResult) and self._by_list:
                blocks.append(self.tool_result(part, path))
                continue
            kind = _list_of(part) if self._by_list else "content"
            blocks += self.part(part, f"{path}.{kind}[{places[kind]}]")
            places[kind] += 1
        return blocks

    def part(self, part: Part, path: str) -> list[Block]:
        """One part's blocks: none when it cannot be said or says nothing."""
        match part:
            case Text():
                return self._text(part, path)
            case Refusal():
                self._notes.approximated(path, "a refusal is said as text")
                return self._text(Text(part.text, extra=part.extra), path)
            case Image():
                return self._image(part, path)
            case File():
                return self._file(part, path)
            case Audio():
                return self._audio(part, path)
            case Thinking():
                return self._thinking(part, path)
            case RedactedThinking():
                self._notes.foreign(part.extra, path)
                return [{"type": "redacted_thinking", "data": part.data} | native(part.extra)]
            case ToolCall():
                return [self._tool_call(part, path)]
            case ToolResult():
                return [self.tool_result(part, path)]
            case Opaque():
                if part.dialect == NAME:
                    return [dict(part.raw)]
                note_opaque(part, path, self._notes)
                return []

    def tool_result(self, part: ToolResult, path: str) -> Block:
        """The answer to a tool call; empty text is left out, and so is content that is only that."""
        self._notes.foreign(part.extra, path)
        if part.name is not None:
            self._notes.hint(f"{path}.name")
        block: Block = {"type": "tool_result", "tool_use_id": self._id(part.call_id, f"{path}.tool_call_id")}
        content: list[Block] = []
        for place, inner in enumerate(part.parts):
            content += self.part(inner, f"{path}.content[{place}]")
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            block["content"] = content[0]["text"]
        elif content:
            block["content"] = content
        if part.is_error is not None:
            block["is_error"] = part.is_error
        return block | render_cache(part.cache) | native(part.extra)

    def _text(self, part: Text, path: str) -> list[Block]:
        self._notes.foreign(part.extra, path)
        if not part.text.strip():
            if part.text:
                self._notes.hint(path, "text of white space only is refused by the vendor")
            if part.cache:
                self._notes.hint(f"{path}.cache_control", "it stands on an empty text")
            return []
        block: Block = {"type": "text", "text": part.text} | render_cache(part.cache)
        cited = [dict(citation.raw) for citation in part.citations if citation.dialect == NAME]
        if len(cited) < len(part.citations):
            self._notes.hint(f"{path}.annotations")
        return [block | ({"citations": cited} if cited else {}) | native(part.extra)]

    def _image(self, part: Image, path: str) -> list[Block]:
        self._notes.foreign(part.extra, path)
        if part.detail is not None:
            self._notes.hint(f"{path}.image_url.detail")
        source = render_source(part.source, "image/jpeg")
        if source is None:
            self._notes.lost(path, "an image without a place")
            return []
        return [{"type": "image", "source": source} | render_cache(part.cache) | native(part.extra)]

    def _file(self, part: File, path: str) -> list[Block]:
        self._notes.foreign(part.extra, path)
        kind = _kind(part)
        if kind.startswith(("video/", "audio/")):
            self._notes.lost(path, f"documents of type {kind}")
            return []
        source = self._document_source(part.source, path)
        if source is None:
            return []
        if (kind if source["type"] == "url" else source.get("media_type", "")).startswith("image/"):
            return [{"type": "image", "source": source} | render_cache(part.cache) | native(part.extra)]
        block: Block = {"type": "document", "source": source}
        if part.name is not None and part.title is None:
            self._notes.mapped(f"{path}.file.filename", "the document's title")
        if (title := part.title or part.name) is not None:
            block["title"] = title
        if part.context is not None:
            block["context"] = part.context
        if part.citations is not None:
            block["citations"] = {"enabled": part.citations}
        return [block | render_cache(part.cache) | native(part.extra)]

    def _document_source(self, source: Source, path: str) -> Block | None:
        rendered = render_source(source, "application/pdf")
        if rendered is None or rendered["type"] != "base64":
            if rendered is None:
                self._notes.lost(path, "a file without content")
            return rendered
        media_type = rendered["media_type"].partition(";")[0].strip().lower()
        if media_type == "application/pdf" or media_type.startswith("image/"):
            return rendered | {"media_type": media_type}
        if media_type.startswith("text/") or media_type in ("application/json", "application/xml"):
            try:
                text = base64.b64decode(rendered["data"], validate=True).decode()
            except (binascii.Error, UnicodeDecodeError) as error:
                raise BadRequestError(f"`{path}` is not base64 of UTF-8 text", param=path) from error
            self._notes.mapped(path, "sent as plain text")
            return {"type": "text", "media_type": "text/plain", "data": text}
        self._notes.lost(path, f"documents of type {media_type}")
        return None

    def _audio(self, part: Audio, path: str) -> list[Block]:
        if part.transcript:
            self._notes.approximated(path, "spoken words are said as text")
            return [{"type": "text", "text": part.transcript}]
        self._notes.lost(path, "audio")
        return []

    def _thinking(self, part: Thinking, path: str) -> list[Block]:
        if not part.signature:
            self._notes.hint(path, "thinking without a signature is refused by the vendor")
            return []
        if is_named(part.signature):
            self._notes.hint(path, "signed thinking of another vendor")
            return []
        self._notes.foreign(part.extra, path)
        block = {"type": "thinking", "thinking": part.text, "signature": part.signature}
        return [block | native(part.extra)]

    def _id(self, call_id: str, path: str) -> str:
        """A tool call's id in the characters that the vendor takes; call and result are changed alike."""
        said = UNFIT.sub("_", call_id)
        if said != call_id:
            self._notes.mapped(path, f"said as {said}")
        return said

    def _tool_call(self, part: ToolCall, path: str) -> Block:
        self._notes.foreign(part.extra, path)
        if part.custom:
            self._notes.approximated(f"{path}.custom", "free text is sent as the argument `input`")
            arguments: dict[str, Any] | None = {"input": part.arguments}
        else:
            arguments = parse_arguments(part.arguments)
        if arguments is None:
            field = f"{path}.function.arguments"
            raise BadRequestError(f"`{field}` must be the JSON text of an object", param=field)
        block = {"type": "tool_use", "id": self._id(part.id, f"{path}.id"), "name": part.name, "input": arguments}
        return block | render_cache(part.cache) | native(part.extra)


def render_source(source: Source, media_type: str) -> Block | None:
    """A media source; `media_type` is for base64 data that neither says nor shows what it is."""
    if source.url is not None:
        return {"type": "url", "url": source.url}
    if source.file_id is not None:
        return {"type": "file", "file_id": source.file_id}
    if source.text is not None:
        return {"type": "text", "media_type": source.media_type or "text/plain", "data": source.text}
    if source.data is None:
        return None
    shown = next((kind for start, kind in SIGNATURES.items() if source.data.startswith(start)), media_type)
    return {"type": "base64", "media_type": source.media_type or shown, "data": source.data}


def _kind(part: File) -> str:
    """The media type a file is said to have, else what its address or its name shows; empty where nothing does."""
    address = urlsplit(part.source.url or "").path
    return (part.source.media_type or guess_type(address)[0] or guess_type(part.name or "")[0] or "").lower()


def _list_of(part: Part) -> str:
    if isinstance(part, ToolCall):
        return "tool_calls"
    return "thinking_blocks" if isinstance(part, Thinking | RedactedThinking) else "content"
