"""Messages of the typed model into those of `/v2/chat`."""

# https://docs.cohere.com/reference/chat

from __future__ import annotations

from typing import Any, Final

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
from nova_core.wire.earlier_images import with_earlier_images
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.openai_chat.content import to_data_url
from nova_core.wire.shown_images import shown_by_user

Body = dict[str, Any]
NO_ARGUMENTS: Final = "{}"


def render_messages(typed: ChatRequest, notes: ForeignNotes) -> list[Body]:
    """One message for each turn, and one for each result of a tool."""
    rendered: list[Body] = []
    for place, message in enumerate(shown_by_user(typed, notes, with_earlier_images).messages):
        path = f"messages[{place}]"
        results = [(number, part) for number, part in enumerate(message.parts) if isinstance(part, ToolResult)]
        rendered += [_result(result, f"{path}.content[{number}]", notes) for number, result in results]
        if len(results) < len(message.parts) or message.role != "tool":
            rendered.append(_turn(message, path, notes))
    return rendered


def _turn(message: Message, path: str, notes: ForeignNotes) -> Body:
    notes.foreign(message.extra, path)
    notes.cache({}, message.cache, path)
    if message.name is not None:
        notes.hint(f"{path}.name")
    if message.role == "developer":
        notes.mapped(f"{path}.role", "developer is system")
    role = {"developer": "system", "tool": "user"}.get(message.role, message.role)
    turn = _Turn(notes, role)
    for place, part in enumerate(message.parts):
        if not isinstance(part, ToolResult):
            turn.add(part, f"{path}.content[{place}]")
    return {"role": role, **turn.body()}


def _result(result: ToolResult, path: str, notes: ForeignNotes) -> Body:
    notes.foreign(result.extra, path)
    notes.cache({}, result.cache, path)
    turn = _Turn(notes, "tool")
    if result.is_error:
        notes.approximated(f"{path}.is_error", 'said by "Error:" in front of the text')
        turn.add(Text("Error:"), path)
    elif result.is_error is False:
        notes.hint(f"{path}.is_error")
    for place, part in enumerate(result.parts):
        turn.add(part, f"{path}.content[{place}]")
    return {"role": "tool", "tool_call_id": result.call_id, **turn.body()}


class _Turn:
    """The members of one message, part by part."""

    __slots__ = ("_calls", "_content", "_notes", "_role", "_thoughts")

    def __init__(self, notes: ForeignNotes, role: str) -> None:
        self._notes = notes
        self._role = role
        self._content: list[Body] = []
        self._thoughts: list[str] = []
        self._calls: list[Body] = []

    def body(self) -> Body:
        """What was said. Thoughts before calls are the plan for them, others a part of the content."""
        said: Body = {}
        content = self._content
        if self._thoughts and self._calls:
            said["tool_plan"] = "\n".join(self._thoughts)
        elif self._thoughts:
            content = [{"type": "thinking", "thinking": "\n".join(self._thoughts)}, *content]
        if len(content) == 1 and content[0]["type"] == "text":
            said["content"] = content[0]["text"]
        elif content or not self._calls:
            said["content"] = content or ""
        if self._calls:
            said["tool_calls"] = self._calls
        return said

    def add(self, part: Part, path: str) -> None:
        """One more part, or a note why it cannot be said."""
        notes = self._notes
        match part:
            case Text() | Refusal():
                self._content.append({"type": "text", "text": part.text})
            case Image() if self._role == "user":
                self._image(part, path)
            case File() if part.source.text is not None:
                self._document(part, path)
            case Thinking() if part.signature is None:
                self._thoughts.append(part.text)
            case Thinking() | RedactedThinking():
                notes.hint(path, "thinking of another vendor")
            case ToolCall():
                self._call(part, path)
            case Opaque():
                notes.lost(path, f"a part that only {part.dialect} knows")
            case Image() | Audio() | File() | ToolResult():
                notes.lost(path, f"a message of {self._role} does not hold it")
        if not isinstance(part, Opaque):
            notes.foreign(part.extra, path)
            if not isinstance(part, Refusal | Thinking | RedactedThinking):
                notes.cache({}, part.cache, path)

    def _image(self, part: Image, path: str) -> None:
        source = part.source
        url = to_data_url(source) if source.data is not None else source.url
        if url is None:
            self._notes.lost(path, "images are sent as data or by their URL")
            return
        detail = {"detail": part.detail} if part.detail is not None else {}
        self._content.append({"type": "image_url", "image_url": {"url": url, **detail}})

    def _document(self, part: File, path: str) -> None:
        """Results of tools hold documents; elsewhere a document's text is text."""
        title, text = part.title or part.name, part.source.text or ""
        if self._role == "tool":
            data = {**({"title": title} if title else {}), "text": text}
            self._content.append({"type": "document", "document": {"data": data}})
            return
        self._notes.approximated(path, "a text document is sent as text")
        self._content.append({"type": "text", "text": f"{title}\n{text}" if title else text})

    def _call(self, part: ToolCall, path: str) -> None:
        if part.custom:
            self._notes.lost(path, "there are no custom tools")
        function = {"name": part.name, "arguments": part.arguments or NO_ARGUMENTS}
        self._calls.append({"id": part.id, "type": "function", "function": function})
