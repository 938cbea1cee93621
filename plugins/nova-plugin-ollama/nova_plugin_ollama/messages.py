"""Messages of the typed model into those of `/api/chat`."""

# https://docs.ollama.com/api/chat

from __future__ import annotations

from typing import Any

from nova_core.errors import BadRequestError
from nova_core.types.chat import (
    Audio,
    ChatRequest,
    File,
    Image,
    Message,
    Opaque,
    Part,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from nova_core.wire.anthropic_messages.fields import parse_arguments
from nova_core.wire.earlier_images import with_earlier_images
from nova_plugin_ollama.notes import Notes

Body = dict[str, Any]


def render_messages(typed: ChatRequest, notes: Notes) -> list[Body]:
    """One message for each turn, and one for each result of a tool. Raises BadRequestError for odd arguments."""
    names = {part.id: part.name for message in typed.messages for part in message.parts if isinstance(part, ToolCall)}
    rendered: list[Body] = []
    for place, said in enumerate(typed.messages):
        path = f"messages[{place}]"
        message = with_earlier_images(said, path)
        results = [(number, part) for number, part in enumerate(message.parts) if isinstance(part, ToolResult)]
        for number, result in results:
            rendered.append(_result(result, names.get(result.call_id), f"{path}.content[{number}]", notes))
        if len(results) < len(message.parts) or message.role != "tool":
            rendered.append(_turn(message, path, notes))
    return rendered


def _turn(message: Message, path: str, notes: Notes) -> Body:
    notes.foreign(message.extra, path)
    notes.unmarked(message.cache, path)
    if message.name is not None:
        notes.hint(f"{path}.name")
    if message.role == "developer":
        notes.mapped(f"{path}.role", "developer is system")
    role = {"developer": "system", "tool": "user"}.get(message.role, message.role)
    turn = _Turn(notes)
    for place, part in enumerate(message.parts):
        if not isinstance(part, ToolResult):
            turn.add(part, f"{path}.content[{place}]")
    return {"role": role, **turn.body()}


def _result(result: ToolResult, name: str | None, path: str, notes: Notes) -> Body:
    notes.foreign(result.extra, path)
    notes.unmarked(result.cache, path)
    turn = _Turn(notes)
    for place, part in enumerate(result.parts):
        turn.add(part, f"{path}.content[{place}]")
    body = turn.body()
    if result.is_error:
        notes.approximated(f"{path}.is_error", 'said by "Error:" in front of the text')
        body["content"] = f"Error: {body['content']}"
    elif result.is_error is False:
        notes.hint(f"{path}.is_error")
    named = result.name or name
    about = {"tool_name": named} if named else {}
    return {"role": "tool", **body, **about, "tool_call_id": result.call_id}


class _Turn:
    """The members of one message, part by part."""

    __slots__ = ("_calls", "_images", "_notes", "_texts", "_thoughts")

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._texts: list[str] = []
        self._images: list[str] = []
        self._thoughts: list[str] = []
        self._calls: list[Body] = []

    def body(self) -> Body:
        """What was said."""
        said: Body = {"content": "".join(self._texts)}
        if self._thoughts:
            said["thinking"] = "".join(self._thoughts)
        if self._images:
            said["images"] = self._images
        if self._calls:
            said["tool_calls"] = self._calls
        return said

    def add(self, part: Part, path: str) -> None:
        """One more part, or a note why it cannot be said."""
        notes = self._notes
        match part:
            case Text() | Refusal():
                self._text(part)
            case Image():
                self._image(part, path)
            case File() if part.source.text is not None:
                notes.approximated(path, "a text document is sent as text")
                title = part.title or part.name
                self._text(Text(f"{title}\n{part.source.text}" if title else part.source.text))
            case Thinking() if part.signature is None:
                self._thoughts.append(part.text)
            case Thinking() | RedactedThinking():
                notes.hint(path, "thinking of another vendor")
            case ToolCall():
                self._call(part, path)
            case Audio() | File() | ToolResult():
                notes.lost(path, "messages hold text and images only")
            case Opaque():
                notes.lost(path, f"a part that only {part.dialect} knows")
        if not isinstance(part, Opaque):
            notes.foreign(part.extra, path)
            if not isinstance(part, Refusal | Thinking | RedactedThinking):
                notes.unmarked(part.cache, path)

    def _text(self, part: Text | Refusal) -> None:
        # Parts of one message are pieces of one text; a line apart keeps their words apart.
        self._texts.append(f"\n{part.text}" if self._texts else part.text)

    def _image(self, part: Image, path: str) -> None:
        if part.detail is not None:
            self._notes.hint(f"{path}.image_url.detail")
        if part.source.data is None:
            self._notes.lost(path, "images are sent as data, not by their URL")
        else:
            self._images.append(part.source.data)

    def _call(self, part: ToolCall, path: str) -> None:
        arguments = {"input": part.arguments} if part.custom else parse_arguments(part.arguments)
        if arguments is None:
            field = f"{path}.function.arguments"
            raise BadRequestError(f"`{field}` must be the JSON text of an object", param=field)
        if part.custom:
            self._notes.approximated(f"{path}.custom", "free text is sent as the argument `input`")
        self._calls.append({"id": part.id, "function": {"name": part.name, "arguments": arguments}})
