"""Parts of the typed model into the parts of a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadRequestError
from nova_core.types.chat import (
    Audio,
    Extra,
    File,
    Image,
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
from nova_core.wire.gemini.fields import NAME, native
from nova_core.wire.gemini.media import MediaWriter
from nova_core.wire.gemini.notes import Notes
from nova_core.wire.gemini.signatures import NO_SIGNATURE
from nova_core.wire.thought_signatures import own_signature

Body = dict[str, Any]

SIGNED_CALLS: Final = re.compile(r"gemini-([3-9]|\d\d)(\.\d+)?-|gemini-[a-z-]*latest")
"""Names of models that refuse a history whose calls have no signature, and take media in a function's response."""


class PartWriter:
    """Renders the parts of one request, and notes what becomes of them."""

    __slots__ = ("_media", "_notes", "_signs", "names")

    def __init__(self, notes: Notes, model: str, names: Mapping[str, str]) -> None:
        self._notes = notes
        self._signs = SIGNED_CALLS.search(model) is not None
        self._media = MediaWriter(notes, detailed=self._signs)
        self.names = names

    def content(self, parts: tuple[Part, ...], path: str) -> list[Body]:
        """The parts of one message; a signature without a thought goes to the part that follows it.

        Where all signatures come first, the last is that of the first call, which these models always sign.
        """
        bodies: list[Body] = []
        pending: list[str] = []
        for place, part in enumerate(parts):
            at = f"{path}.{_list_of(part)}[{place}]"
            if (signature := _signature_alone(part)) is not None:
                pending.append(signature)
                continue
            said = self.part(part, at)
            waits = self._signs and len(pending) == 1 and isinstance(part, Text) and _unsigned_call(parts[place + 1 :])
            if said and pending and not waits and not isinstance(part, Thinking):
                said[0].setdefault("thoughtSignature", pending.pop(0))
            bodies += said
        bodies += [{"text": "", "thoughtSignature": signature} for signature in pending]
        if self._signs:
            _mark_unsigned(bodies)
        return bodies

    def part(self, part: Part, path: str) -> list[Body]:
        """One part as it is said here: nothing when it cannot be said or says nothing."""
        match part:
            case Text():
                return self._text(part, path)
            case Refusal():
                self._notes.approximated(path, "a refusal is said as text")
                return self._text(Text(part.text, extra=part.extra), path)
            case Image():
                return self._media.image(part, path)
            case Audio():
                return self._media.audio(part, path)
            case File():
                return self._media.file(part, path)
            case Thinking():
                return self._thinking(part, path)
            case RedactedThinking():
                self._notes.hint(path, "only its maker can read it")
                return []
            case ToolCall():
                return [self._call(part, path)]
            case ToolResult():
                return self._result(part, path)
            case Opaque():
                if part.dialect == NAME:
                    return [dict(part.raw)]
                self._notes.lost(path, f"a part that only {part.dialect} knows")
                return []

    def _text(self, part: Text, path: str) -> list[Body]:
        self._notes.unmarked(part.cache, path)
        self._notes.foreign(part.extra, path)
        if part.citations:
            self._notes.hint(f"{path}.annotations")
        return [{"text": part.text} | native(part.extra)] if part.text else []

    def _thinking(self, part: Thinking, path: str) -> list[Body]:
        own = _own(part)
        if own is None and (part.signature or (part.extra and not part.text)):
            self._notes.hint(path, "signed thinking of another vendor")
            return []
        if not part.text and own is None:
            return []
        self._notes.foreign(part.extra, path)
        signed = {"thoughtSignature": own} if own else {}
        return [{"text": part.text, "thought": True} | signed | native(part.extra)]

    def _call(self, part: ToolCall, path: str) -> Body:
        self._notes.unmarked(part.cache, path)
        signature = _vendors_signature(part)
        self._notes.foreign(_without_signature(part.extra) if signature else part.extra, path)
        arguments = parse_arguments(part.arguments)
        if part.custom:
            self._notes.approximated(f"{path}.custom", "free text is sent as the argument `input`")
            arguments = {"input": part.arguments}
        if arguments is None:
            field = f"{path}.function.arguments"
            raise BadRequestError(f"`{field}` must be the JSON text of an object", param=field)
        call = {"id": part.id} if part.id else {}
        body: Body = {"functionCall": {**call, "name": part.name, "args": arguments}}
        if signature is not None:
            body["thoughtSignature"] = signature
        return _with_native(body, part)

    def _result(self, part: ToolResult, path: str) -> list[Body]:
        self._notes.unmarked(part.cache, path)
        self._notes.foreign(part.extra, path)
        name = part.name or self.names.get(part.call_id)
        if name is None:
            self._notes.approximated(f"{path}.tool_call_id", "no call has this id: it stands for the function's name")
        text = "".join(inner.text for inner in part.parts if isinstance(inner, Text | Refusal))
        response: Body = {"name": name or part.call_id, "response": _response(text, part.is_error)}
        media: list[Body] = []
        for place, inner in enumerate(part.parts):
            if not isinstance(inner, Text | Refusal):
                media += self.part(inner, f"{path}.content[{place}]")
        if media and self._signs:
            response["parts"] = media
        call = {"id": part.call_id} if part.call_id else {}
        body = _with_native({"functionResponse": {**call, **response}}, part)
        if not media or self._signs:
            return [body]
        self._notes.approximated(path, "media goes after the function's response")
        return [body, *media]


def _response(text: str, is_error: bool | None) -> Body:
    """Text as a function's response: an object is sent as it is."""
    if is_error:
        return {"error": text}
    found = parse_arguments(text) if text.lstrip().startswith("{") else None
    return found if found is not None else {"output": text}


def _with_native(body: Body, part: ToolCall | ToolResult) -> Body:
    for name, value in native(part.extra).items():
        body[name] = {**value, **body[name]} if name in body and isinstance(value, dict) else value
    return body


def _own(part: Thinking) -> str | None:
    """The thought's signature, if it is this vendor's."""
    return own_signature(NAME, part.signature) if part.signature else None


def _signature_alone(part: Part) -> str | None:
    """This vendor's signature of the part that follows, None for every other part."""
    return _own(part) if isinstance(part, Thinking) and not part.text and not part.extra else None


def _unsigned_call(parts: tuple[Part, ...]) -> bool:
    """Whether a call comes, and no signature before it."""
    for part in parts:
        if isinstance(part, ToolCall) or _signature_alone(part) is not None:
            return isinstance(part, ToolCall)
    return False


def _vendors_signature(part: ToolCall) -> str | None:
    """The signature as the vendor's own OpenAI-compatible API hands it out, in `extra_content`."""
    for members in part.extra.values():
        found: Any = members.get("extra_content")
        for name in ("google", "thought_signature"):
            found = found.get(name) if isinstance(found, Mapping) else None
        if isinstance(found, str):
            return found
    return None


def _without_signature(extra: Extra) -> Extra:
    return {
        dialect: {name: value for name, value in members.items() if name != "extra_content"}
        for dialect, members in extra.items()
    }


def _mark_unsigned(bodies: list[Body]) -> None:
    """Parallel calls are signed by their first; what another model called gets the mark for that."""
    first = next((body for body in bodies if "functionCall" in body), None)
    if first is not None:
        first.setdefault("thoughtSignature", NO_SIGNATURE)


def _list_of(part: Part) -> str:
    return "tool_calls" if isinstance(part, ToolCall) else "content"
