"""Messages of the typed model into `system` and `messages`."""

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html

from __future__ import annotations

from typing import Final

from nova_core.errors import BadRequestError
from nova_core.types.chat import (
    Audio,
    CacheBreakpoint,
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
from nova_core.wire.anthropic_messages.blocks import PLACEHOLDER
from nova_core.wire.anthropic_messages.fields import parse_arguments
from nova_core.wire.earlier_images import with_earlier_images
from nova_core.wire.openai_chat.notes import note_opaque
from nova_core.wire.shown_images import shown_by_user
from nova_core.wire.thought_signatures import is_named
from nova_plugin_bedrock.media import MediaWriter
from nova_plugin_bedrock.names import CLAUDE, CLAUDE_3, NOVA
from nova_plugin_bedrock.notes import NAME, Body, Notes

INSTRUCTING: Final = ("system", "developer")


class Turns:
    """Renders the messages of one request, and notes what becomes of them."""

    __slots__ = ("_claude", "_lives_longer", "_marks", "_media", "_notes")

    def __init__(self, notes: Notes, model: str) -> None:
        self._notes = notes
        self._media = MediaWriter(notes)
        self._claude = CLAUDE.search(model) is not None
        self._marks = self._claude or NOVA.search(model) is not None
        self._lives_longer = self._claude and CLAUDE_3.search(model) is None

    def render(self, typed: ChatRequest) -> tuple[list[Body], list[Body]]:
        """`system` and `messages`: only leading instructions go to the former, neighbours of one side are joined.

        An empty turn gets a placeholder, since the vendor refuses it, and so do instructions alone.
        """
        system: list[Body] = []
        messages: list[Body] = []
        for place, message in enumerate(shown_by_user(typed, self._notes, with_earlier_images).messages):
            path = f"messages[{place}]"
            if message.role in INSTRUCTING and not messages:
                system += self._instructions(message, path)
                continue
            if message.role in INSTRUCTING:
                self._notes.approximated(path, f"a later {message.role} message is said as the user's")
            content = self._said(message, path) or self._placeholder(path)
            role = "assistant" if message.role == "assistant" else "user"
            if not messages or messages[-1]["role"] != role:
                messages.append({"role": role, "content": []})
            messages[-1]["content"] += content
        if not messages:
            messages.append({"role": "user", "content": self._placeholder("messages")})
        if typed.cache is not None and messages:
            messages[-1]["content"] += self.mark(typed.cache, "")
        return system, messages

    def _placeholder(self, path: str) -> list[Body]:
        self._notes.approximated(path, "an empty turn got a placeholder")
        return [{"text": PLACEHOLDER}]

    def mark(self, cache: CacheBreakpoint | None, path: str) -> list[Body]:
        """The end of a prefix to cache, where the model has a cache."""
        if cache is None:
            return []
        field = f"{path}.cache_control" if path else "cache_control"
        if not self._marks:
            self._notes.hint(field, "the model has no prompt cache")
            return []
        if cache.ttl not in (None, "5m") and not self._lives_longer:
            self._notes.hint(f"{field}.ttl", "the model's cache has one lifetime")
            return [{"cachePoint": {"type": "default"}}]
        lifetime = {"ttl": cache.ttl} if cache.ttl == "1h" else {}
        return [{"cachePoint": {"type": "default"} | lifetime}]

    def _instructions(self, message: Message, path: str) -> list[Body]:
        if any(not isinstance(part, Text | Opaque) for part in message.parts):
            self._notes.lost(f"{path}.content", "instructions are text only")
        kept = tuple(part for part in message.parts if isinstance(part, Text | Opaque))
        if message.role == "developer":
            self._notes.mapped(f"{path}.role", "developer is system")
        return self._said(Message(message.role, kept, message.name, message.cache, message.extra), path)

    def _said(self, message: Message, path: str) -> list[Body]:
        self._notes.foreign(message.extra, path)
        if message.name is not None:
            self._notes.hint(f"{path}.name")
        content: list[Body] = []
        for place, part in enumerate(message.parts):
            members = "tool_calls" if isinstance(part, ToolCall) else "content"
            content += self._part(part, f"{path}.{members}[{place}]")
        return content + self.mark(message.cache, path) if content else []

    def _part(self, part: Part, path: str) -> list[Body]:
        """One part as it is said here, and the mark after it: nothing when it cannot be said or says nothing."""
        if isinstance(part, Opaque):
            if part.dialect == NAME:
                return [dict(part.raw)]
            note_opaque(part, path, self._notes)
            return []
        self._notes.foreign(part.extra, path)
        body = self._body(part, path)
        cache = None if isinstance(part, Refusal | Thinking | RedactedThinking) else part.cache
        return [*body, *self.mark(cache, path)] if body else []

    def _body(self, part: Part, path: str) -> list[Body]:
        match part:
            case Text():
                if part.citations:
                    self._notes.hint(f"{path}.annotations")
                return [{"text": part.text}] if part.text.strip() else []
            case Refusal():
                self._notes.approximated(path, "a refusal is said as text")
                return [{"text": part.text}] if part.text.strip() else []
            case Image():
                return self._media.image(part, path)
            case Audio():
                return self._media.audio(part, path)
            case File():
                return self._media.file(part, path)
            case Thinking():
                return self._thinking(part, path)
            case RedactedThinking():
                return self._redacted(part, path)
            case ToolCall():
                return [self._call(part, path)]
            case ToolResult():
                return [self._result(part, path)]
            case Opaque():
                return []

    def _thinking(self, part: Thinking, path: str) -> list[Body]:
        if is_named(part.signature) or (part.signature and not self._claude):
            self._notes.hint(path, "signed thinking of another vendor")
            return []
        if not part.signature and (self._claude or not part.text):
            self._notes.hint(path, "thinking without a signature cannot be sent back")
            return []
        signed = {"signature": part.signature} if part.signature else {}
        return [{"reasoningContent": {"reasoningText": {"text": part.text} | signed}}]

    def _redacted(self, part: RedactedThinking, path: str) -> list[Body]:
        if self._claude:
            return [{"reasoningContent": {"redactedContent": part.data}}]
        self._notes.hint(path, "only its maker can read it")
        return []

    def _call(self, part: ToolCall, path: str) -> Body:
        arguments = parse_arguments(part.arguments)
        if part.custom:
            self._notes.approximated(f"{path}.custom", "free text is sent as the argument `input`")
            arguments = {"input": part.arguments}
        if arguments is None:
            field = f"{path}.function.arguments"
            raise BadRequestError(f"`{field}` must be the JSON text of an object", param=field)
        return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": arguments}}

    def _result(self, part: ToolResult, path: str) -> Body:
        content: list[Body] = []
        for place, inner in enumerate(part.parts):
            at = f"{path}.content[{place}]"
            if isinstance(inner, Text | Refusal | Image | File | Opaque):
                content += [block for block in self._part(inner, at) if "cachePoint" not in block]
            else:
                self._notes.lost(at, "results of tools are text, images and documents")
        status = {} if part.is_error is None else {"status": "error" if part.is_error else "success"}
        return {"toolResult": {"toolUseId": part.call_id, "content": content} | status}
