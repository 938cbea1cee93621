"""Replies of other dialects, or that plugins changed, said as a reply of generateContent."""

from __future__ import annotations

from typing import Any, Final

from nova_core.types.chat import (
    Audio,
    ChatReply,
    Choice,
    Opaque,
    Part,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from nova_core.types.fidelity import Fidelity
from nova_core.wire.anthropic_messages.fields import parse_arguments
from nova_core.wire.gemini.cited import citation_metadata
from nova_core.wire.gemini.fields import NAME, native
from nova_core.wire.gemini.finish import SAID_AS, render_finish
from nova_core.wire.gemini.logprobs import render_logprobs
from nova_core.wire.gemini.notes import Notes
from nova_core.wire.gemini.signatures import write_signature
from nova_core.wire.gemini.usage import render_usage

Body = dict[str, Any]

SPOKEN: Final = "audio/L16;codec=pcm;rate=24000"
"""The type of spoken answers that say no other: 16-bit PCM."""
UNPARSABLE: Final = "INVALID_JSON"
"""Holds arguments that are not the JSON of an object, which is all that a call can hold."""


def render(reply: ChatReply) -> Body:
    """The members of the caller's reply."""
    own = native(reply.extra)
    usage = own.pop("usage", {})
    body: Body = {}
    if reply.choices and not ("promptFeedback" in own and not reply.choices[0].message.parts):
        body["candidates"] = [_candidate(choice) for choice in reply.choices]
    if reply.usage is not None:
        body["usageMetadata"] = render_usage(reply.usage, usage)
    body["modelVersion"] = reply.model
    if reply.id:
        body["responseId"] = reply.id
    return body | own


def _candidate(choice: Choice) -> Body:
    parts: list[Body] = []
    pending: str | None = None
    for part in choice.message.parts:
        if isinstance(part, Thinking) and not part.text and part.signature:
            pending = write_signature(part.signature)
            continue
        for said in render_part(part):
            if pending is not None:
                said.setdefault("thoughtSignature", pending)
                pending = None
            parts.append(said)
    if pending is not None:
        parts.append({"text": "", "thoughtSignature": pending})
    refused = choice.finish == "stop" and any(isinstance(part, Refusal) for part in choice.message.parts)
    cited = [citation for part in choice.message.parts if isinstance(part, Text) for citation in part.citations]
    body: Body = {"content": {"parts": parts, "role": "model"}, "index": choice.index}
    if (word := render_finish("refusal" if refused else choice.finish, choice.native_finish)) is not None:
        body["finishReason"] = word
    return body | citation_metadata(cited) | render_logprobs(choice.logprobs) | native(choice.extra)


def render_part(part: Part) -> list[Body]:
    """The parts as they are said here; none for what this dialect cannot say (see `losses`)."""
    match part:
        case Text() | Refusal():
            return [{"text": part.text} | native(part.extra)] if part.text else []
        case Thinking():
            signed = {"thoughtSignature": write_signature(part.signature)} if part.signature else {}
            return [{"text": part.text, "thought": True} | signed | native(part.extra)]
        case ToolCall():
            return [{"functionCall": call_body(part.id, part.name, part.arguments, custom=part.custom)}]
        case Audio():
            words: list[Body] = [{"text": part.transcript}] if part.transcript else []
            if part.source.data is None:
                return words
            return [*words, {"inlineData": {"mimeType": part.source.media_type or SPOKEN, "data": part.source.data}}]
        case Opaque() if part.dialect == NAME:
            return [dict(part.raw)]
        case _:
            return []


def call_body(call_id: str, name: str, arguments: str, *, custom: bool = False) -> Body:
    """A `functionCall`, whose arguments are always an object."""
    parsed = {"input": arguments} if custom else parse_arguments(arguments)
    return {"id": call_id, "name": name, "args": {UNPARSABLE: arguments} if parsed is None else parsed}


def losses(typed: ChatReply) -> Fidelity:
    """What of a reply this dialect cannot say, and what it says nearly."""
    notes = Notes(own=False)
    notes.foreign(typed.extra)
    for name in ("created", "fingerprint", "service_tier"):
        if getattr(typed, name) is not None:
            notes.hint(name)
    for choice in typed.choices:
        path = f"choices[{choice.index}]"
        notes.foreign(choice.extra, path)
        notes.foreign(choice.message.extra, f"{path}.message")
        if choice.stop_sequence is not None:
            notes.hint(f"{path}.stop_sequence")
        if choice.finish in ("refusal", "pause", "error") and choice.native_finish not in SAID_AS.values():
            notes.approximated(f"{path}.finish_reason", f"said as {render_finish(choice.finish, choice.native_finish)}")
        for place, part in enumerate(choice.message.parts):
            _part_losses(part, f"{path}.message.content[{place}]", notes)
    return notes.fidelity()


def _part_losses(part: Part, path: str, notes: Notes) -> None:
    if isinstance(part, Opaque):
        if part.dialect != NAME:
            notes.lost(path, f"a part that only {part.dialect} knows")
        return
    notes.foreign(part.extra, path)
    match part:
        case Refusal():
            notes.approximated(path, "a refusal is said as text")
        case RedactedThinking():
            notes.lost(path, "only its maker can read it")
        case ToolCall() if part.custom or parse_arguments(part.arguments) is None:
            notes.approximated(path, "arguments that are not a JSON object")
        case Text() if any(cited.dialect != NAME and cited.url is None for cited in part.citations):
            notes.hint(f"{path}.annotations")
        case _:
            return
