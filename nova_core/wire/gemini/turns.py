"""Messages of the typed model into `systemInstruction` and `contents`."""

from __future__ import annotations

from typing import Any, Final

from nova_core.types.chat import ChatRequest, Message, Text, ToolCall
from nova_core.wire.earlier_images import with_earlier_images
from nova_core.wire.gemini.fields import native
from nova_core.wire.gemini.notes import Notes
from nova_core.wire.gemini.writer import Body, PartWriter

INSTRUCTING: Final = ("system", "developer")
NOTHING: Final = " "
"""Stands for a content without text, which the vendor refuses."""


def render_turns(typed: ChatRequest, notes: Notes) -> tuple[list[Body], list[dict[str, Any]]]:
    """The parts of `systemInstruction`, and the contents.

    Only leading instructions go to the former. Neighbouring messages of one side become one content: results of
    parallel calls must stand together.
    """
    names = {part.id: part.name for message in typed.messages for part in message.parts if isinstance(part, ToolCall)}
    writer = PartWriter(notes, typed.model, names)
    system: list[Body] = []
    contents: list[dict[str, Any]] = []
    for place, said in enumerate(typed.messages):
        path = f"messages[{place}]"
        message = with_earlier_images(said, path)
        if message.role in INSTRUCTING and not contents:
            system += _instructions(message, path, writer, notes)
            continue
        if message.role in INSTRUCTING:
            notes.approximated(path, f"a later {message.role} message is said as the user's")
        parts = _said(message, path, writer, notes)
        role = "model" if message.role == "assistant" else "user"
        if not contents or contents[-1]["role"] != role:
            contents.append({"role": role, "parts": []})
        contents[-1]["parts"] += parts
        contents[-1] |= native(message.extra)
    if not contents:
        contents.append({"role": "user", "parts": []})
    for content in contents:
        if not content["parts"]:
            notes.approximated("messages", "an empty turn got a placeholder")
            content["parts"].append({"text": NOTHING})
    return system, contents


def _instructions(message: Message, path: str, writer: PartWriter, notes: Notes) -> list[Body]:
    for part in message.parts:
        if not isinstance(part, Text):
            notes.lost(f"{path}.content", "instructions are text only")
    texts = tuple(part for part in message.parts if isinstance(part, Text))
    if message.role == "developer":
        notes.mapped(f"{path}.role", "developer is system")
    return _said(Message(message.role, texts, message.name, message.cache, message.extra), path, writer, notes)


def _said(message: Message, path: str, writer: PartWriter, notes: Notes) -> list[Body]:
    notes.foreign(message.extra, path)
    if message.name is not None:
        notes.hint(f"{path}.name")
    notes.unmarked(message.cache, path)
    return writer.content(message.parts, path)
