"""Replies of Converse: the check, and the typed view."""

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_ResponseSyntax

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from nova_core.errors import BadGatewayError
from nova_core.types.chat import (
    ChatReply,
    Choice,
    Citation,
    Extra,
    FinishReason,
    Message,
    Opaque,
    Part,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
)
from nova_core.types.message import Members, decoded
from nova_core.types.usage import Usage
from nova_core.wire.openai_chat.reply import json_text
from nova_plugin_bedrock.notes import NAME

FINISHES: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "refusal",
    "pause_turn": "pause",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}
OWN: Final = ("trace", "additionalModelResponseFields", "performanceConfig")
"""What only this dialect knows of a reply."""


def check(members: Members) -> None:
    """Raises BadGatewayError when there is no message."""
    output = decoded(members.get("output"))
    message = output.get("message") if isinstance(output, Mapping) else None
    if not isinstance(message, Mapping) or not isinstance(message.get("content"), list):
        raise BadGatewayError("the upstream's reply has no `output.message`")


def parse(members: Mapping[str, Any]) -> ChatReply:
    """The typed view. Raises BadGatewayError."""
    check(members)
    try:
        parts = tuple(parse_block(block) for block in members["output"]["message"]["content"])
    except (KeyError, TypeError, AttributeError) as error:
        raise BadGatewayError("the upstream's reply has a block that cannot be read") from error
    finish, native = parse_finish(members.get("stopReason"))
    return ChatReply(
        id=new_id(),
        model="",
        choices=(Choice(0, Message("assistant", parts), finish, native_finish=native),),
        usage=parse_usage(members.get("usage"), tier_of(members)),
        service_tier=tier_of(members),
        extra=own_extra(members),
    )


def parse_block(block: Any) -> Part:
    """One block of an answer."""
    match block:
        case {"text": str(text)}:
            return Text(text)
        case {"toolUse": {"type": str()}}:
            return Opaque(NAME, dict(block))  # a tool that the vendor runs itself
        case {"toolUse": {"toolUseId": call_id, "name": name} as call}:
            return ToolCall(call_id, name, json_text(call.get("input") or {}))
        case {"reasoningContent": {"reasoningText": {} as thought}}:
            text, signature = thought.get("text") or "", thought.get("signature")
            return Thinking(text, signature if isinstance(signature, str) else None)
        case {"reasoningContent": {"redactedContent": str(data)}}:
            return RedactedThinking(data)
        case {"citationsContent": {} as cited}:
            text = "".join(piece.get("text", "") for piece in cited.get("content") or ())
            return Text(text, citations=tuple(parse_citation(raw) for raw in cited.get("citations") or ()))
    if not isinstance(block, Mapping):
        raise TypeError("a block is an object")
    return Opaque(NAME, dict(block))


def parse_citation(raw: Mapping[str, Any]) -> Citation:
    """A source of a text; the web's have a URL, those in documents a place."""
    location = raw.get("location") or {}
    web, place = location.get("web") or {}, location.get("documentChar") or {}
    cited = "".join(piece.get("text", "") for piece in raw.get("sourceContent") or ())
    return Citation(
        NAME,
        dict(raw),
        url=web.get("url"),
        title=raw.get("title"),
        cited_text=cited or None,
        start=place.get("start"),
        end=place.get("end"),
    )


def parse_finish(word: Any) -> tuple[FinishReason | None, str | None]:
    """The reason and the vendor's word; unknown words are a stop."""
    if not isinstance(word, str):
        return None, None
    return FINISHES.get(word, "stop"), word


def parse_usage(raw: Any, tier: str | None = None) -> Usage | None:
    """Disjoint buckets: `inputTokens` leaves out what a cache took or gave. None when nothing is stated.

    `tier` is the service tier that is stated beside it.
    """
    if not isinstance(raw, Mapping) or "inputTokens" not in raw:
        return None
    written = _count(raw.get("cacheWriteInputTokens"))
    stated = raw.get("cacheDetails")
    details = [item for item in stated if isinstance(item, Mapping)] if isinstance(stated, list) else []
    longer = sum(_count(item.get("inputTokens")) for item in details if item.get("ttl") == "1h")
    longer = min(longer, written)
    return Usage(
        input=_count(raw.get("inputTokens")),
        cache_read=_count(raw.get("cacheReadInputTokens")),
        cache_write_5m=written - longer,
        cache_write_1h=longer,
        output=_count(raw.get("outputTokens")),
    ).served_in(tier)


def tier_of(members: Mapping[str, Any]) -> str | None:
    """The tier that served."""
    tier = members.get("serviceTier")
    kind = tier.get("type") if isinstance(tier, Mapping) else None
    return kind if isinstance(kind, str) else None


def own_extra(members: Mapping[str, Any]) -> Extra:
    """What only this dialect knows."""
    found = {name: members[name] for name in OWN if members.get(name) is not None}
    return {NAME: found} if found else {}


def new_id() -> str:
    """An id, which the vendor does not give its answers."""
    return f"msg_{uuid4().hex[:24]}"


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
