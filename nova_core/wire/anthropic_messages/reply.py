"""Replies of the Messages API: the check, the typed view, and replies of other dialects said in this one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.chat import (
    Audio,
    ChatReply,
    Choice,
    Citation,
    File,
    FinishReason,
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
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, decoded
from nova_core.wire.anthropic_messages.blocks import render_source
from nova_core.wire.anthropic_messages.content import parse_content
from nova_core.wire.anthropic_messages.drawn import drawn_block, listed_blocks, without_listed
from nova_core.wire.anthropic_messages.fields import NAME, Notes, native, parse_arguments
from nova_core.wire.anthropic_messages.usage import SAID_TIERS, SERVICE_TIERS, parse_usage, render_usage, usage_extra
from nova_core.wire.upstream_errors import facts_of, redacted

FINISH: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "compaction": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "pause",
}
STOP_REASONS: Final[Mapping[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "error": "end_turn",
}
UNPARSABLE: Final = "INVALID_JSON"
"""Where the vendor's documentation puts tool input that is not JSON (fine-grained tool streaming)."""
MEMBERS: Final = ("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage")


def check(members: Members) -> None:
    """Raises BadGatewayError when this is no message."""
    kind = decoded(members.get("type"))
    if kind != "message":
        words = redacted(facts_of(msgspec.json.encode(dict(members))).message)
        raise BadGatewayError(f"the upstream's answer is not a message{': ' + words if words else ''}")
    content = members.get("content")
    is_array = bytes(content).lstrip()[:1] == b"[" if isinstance(content, msgspec.Raw) else isinstance(content, list)
    if not is_array:
        raise BadGatewayError("the upstream's message has no array `content`")


def parse(members: Mapping[str, Any]) -> ChatReply:
    """The typed view. Raises BadGatewayError."""
    check(members)
    try:
        content = [_completed(block) for block in members["content"]]
        parts = tuple(map(_said, parse_content(content, "content"), content))
    except BadRequestError as error:
        raise BadGatewayError(f"the upstream's message cannot be read: {error.message}") from error
    finish, native_finish = parse_stop_reason(members.get("stop_reason"))
    usage = members.get("usage")
    known = (*MEMBERS, "stop_details")
    extra = {name: value for name, value in members.items() if name not in known and value is not None}
    if said := usage_extra(usage):
        extra["usage"] = said
    details = members.get("stop_details")
    hit = members.get("stop_sequence")
    choice = Choice(
        index=0,
        message=Message("assistant", parts),
        finish=finish,
        native_finish=native_finish,
        stop_sequence=hit if isinstance(hit, str) else None,
        extra={NAME: {"stop_details": details}} if details is not None else {},
    )
    tier = usage.get("service_tier") if isinstance(usage, Mapping) else None
    return ChatReply(
        id=_text(members.get("id")),
        model=_text(members.get("model")),
        choices=(choice,),
        usage=parse_usage(usage),
        service_tier=SERVICE_TIERS.get(tier, tier) if isinstance(tier, str) else None,
        extra={NAME: extra} if extra else {},
    )


def parse_stop_reason(reason: Any) -> tuple[FinishReason | None, str | None]:
    """The finish reason, and the vendor's own word where the other way would not lead back to it."""
    if not isinstance(reason, str):
        return None, None
    finish = FINISH.get(reason, "stop")
    led_back = reason in (STOP_REASONS[finish], "stop_sequence")
    return finish, None if led_back else reason


def render_stop_reason(finish: FinishReason | None, native_finish: str | None, stop_sequence: str | None) -> str | None:
    """The vendor's word; None while nothing has finished."""
    if native_finish in FINISH:
        return native_finish
    if finish is None:
        return None
    if finish == "stop" and stop_sequence is not None:
        return "stop_sequence"
    return STOP_REASONS[finish]


def render(typed: ChatReply) -> dict[str, Any]:
    """The members of the caller's reply. Only the first answer can be said."""
    choice = typed.choices[0] if typed.choices else Choice(0, Message("assistant", ()), None)
    own = native(typed.extra)
    usage = own.pop("usage", {})
    refused = any(isinstance(part, Refusal) for part in choice.message.parts)
    listed = (block for block in listed_blocks(choice.message.extra) if block is not None)
    finish: FinishReason | None = "refusal" if refused and choice.finish == "stop" else choice.finish
    return {
        "id": typed.id or new_id(),
        "type": "message",
        "role": "assistant",
        "model": typed.model,
        "content": [*(block for part in choice.message.parts for block in render_part(part)), *listed],
        "stop_reason": render_stop_reason(finish, choice.native_finish, choice.stop_sequence),
        "stop_sequence": choice.stop_sequence,
        **native(choice.extra),
        "usage": render_usage(typed.usage, service_tier=typed.service_tier, extra=usage),
        **own,
    }


def new_id() -> str:
    """An id for a message whose upstream gave none."""
    return f"msg_{uuid.uuid4().hex}"


def new_call_id() -> str:
    """An id for a call of a tool that came without one."""
    return f"toolu_{uuid.uuid4().hex}"


def render_part(part: Part) -> Iterator[dict[str, Any]]:
    """The blocks of one part of an answer; none for what this dialect cannot say (see `losses`)."""
    match part:
        case Text() if part.text or part.citations:
            block: dict[str, Any] = {"type": "text", "text": part.text}
            if part.citations:
                block["citations"] = [render_citation(citation) for citation in part.citations]
            yield block | native(part.extra)
        case Refusal() if part.text:
            yield {"type": "text", "text": part.text} | native(part.extra)
        case Audio() if part.transcript:
            yield {"type": "text", "text": part.transcript}
        case Thinking():
            block = {"type": "thinking", "thinking": part.text, "signature": part.signature or ""}
            yield block | native(part.extra)
        case RedactedThinking():
            yield {"type": "redacted_thinking", "data": part.data} | native(part.extra)
        case ToolCall():
            block = {"type": "tool_use", "id": part.id, "name": part.name, "input": _input(part)}
            yield block | native(part.extra)
        case Image() if (source := render_source(part.source, "image/png")) is not None:
            yield {"type": "image", "source": source} | native(part.extra)
        case Opaque() if part.dialect == NAME:
            yield dict(part.raw)
        case Opaque() if (drawn := drawn_block(part)) is not None:
            yield drawn


def render_citation(citation: Citation) -> dict[str, Any]:
    """A citation; one of another dialect becomes that of a web page."""
    if citation.dialect == NAME:
        return dict(citation.raw)
    return {
        "type": "web_search_result_location",
        "url": citation.url or "",
        "title": citation.title,
        "cited_text": citation.cited_text or "",
        "encrypted_index": "",
    }


def losses(typed: ChatReply) -> Fidelity:
    """What of a reply this dialect cannot say, and what it says nearly."""
    notes = Notes()
    notes.foreign(typed.extra)
    if len(typed.choices) > 1:
        notes.lost("choices", "only the first answer can be said")
    if typed.fingerprint is not None:
        notes.hint("system_fingerprint")
    if typed.service_tier is not None and typed.service_tier not in SAID_TIERS:
        notes.hint("service_tier")
    for choice in typed.choices[:1]:
        path = f"choices[{choice.index}]"
        notes.foreign(choice.extra, path)
        notes.foreign(without_listed(choice.message.extra), f"{path}.message")
        for place, block in enumerate(listed_blocks(choice.message.extra)):
            if block is None:
                notes.lost(f"{path}.message.images[{place}]", "an image without a place")
        if choice.logprobs is not None:
            notes.lost(f"{path}.logprobs")
        if choice.finish in ("error", "content_filter"):
            notes.approximated(f"{path}.finish_reason", f"said as {STOP_REASONS[choice.finish]}")
        for place, part in enumerate(choice.message.parts):
            _part_losses(part, f"{path}.message.content[{place}]", notes)
    return notes.fidelity()


def _part_losses(part: Part, path: str, notes: Notes) -> None:
    if not isinstance(part, Opaque):
        notes.foreign(part.extra, path)
    match part:
        case Text():
            if any(citation.dialect != NAME for citation in part.citations):
                notes.approximated(f"{path}.annotations", "citations of web pages")
        case Refusal():
            notes.approximated(path, "a refusal is said as text")
        case Audio():
            notes.lost(path, "only the transcript of audio can be said")
        case ToolCall():
            if part.custom or parse_arguments(part.arguments) is None:
                notes.approximated(path, "arguments that are not a JSON object")
        case Opaque():
            if drawn_block(part) is not None:
                notes.mapped(path, "an image block")
            elif part.dialect != NAME:
                notes.lost(path, f"a part that only {part.dialect} knows")
        case _:
            return


def _input(call: ToolCall) -> dict[str, Any]:
    if call.custom:
        return {"input": call.arguments}
    arguments = parse_arguments(call.arguments)
    return arguments if arguments is not None else {UNPARSABLE: call.arguments}


def _completed(block: Any) -> Any:
    """A block with what vendors that speak like this one leave out, or say as null or as text."""
    match block:
        case {"type": "text"}:
            cited = block.get("citations")
            objects = [each for each in cited if isinstance(each, dict)] if isinstance(cited, list) else None
            return {**block, "text": block.get("text") or "", "citations": objects}
        case {"type": "thinking"}:
            return {**block, "thinking": block.get("thinking") or ""}
        case {"type": "tool_use"}:
            said = block.get("input") or {}
            said = parse_arguments(said) if isinstance(said, str) else said
            return {**block, "id": block.get("id") or new_call_id(), "input": said}
    return block


def _said(part: Part, raw: dict[str, Any]) -> Part:
    """A part of an answer; kinds that are only said in requests are kept whole, as they are in streams."""
    return Opaque(NAME, raw) if isinstance(part, Image | File | ToolResult) else part


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
