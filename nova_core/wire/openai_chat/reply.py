"""Whole replies (OpenAI API reference, "The chat completion object")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import uuid4

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.chat import (
    Audio,
    ChatReply,
    Choice,
    Extra,
    FinishReason,
    Message,
    Opaque,
    Part,
    RedactedThinking,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolCall,
)
from nova_core.types.message import Members, decoded
from nova_core.types.usage import Usage
from nova_core.wire.openai_chat.cited import annotation
from nova_core.wire.openai_chat.drawn import image_member
from nova_core.wire.openai_chat.fields import NAME, Answered, Fields
from nova_core.wire.openai_chat.finish import parse_finish, render_finish, restored_finish
from nova_core.wire.openai_chat.messages import citations, thinking_parts
from nova_core.wire.openai_chat.notes import add_members
from nova_core.wire.openai_chat.turns import call_body, thinking_members
from nova_core.wire.openai_chat.usage import extra_usage, parse_usage, render_usage
from nova_core.wire.upstream_errors import facts_of, redacted

FOREIGN = "provider_specific_fields"


class _PlainUsage(msgspec.Struct, forbid_unknown_fields=True):
    """Usage that says nothing but the totals, as most replies of most vendors do."""

    prompt_tokens: Annotated[int, msgspec.Meta(ge=0)]
    completion_tokens: Annotated[int, msgspec.Meta(ge=0)]
    total_tokens: int = 0


_PLAIN_USAGE = msgspec.json.Decoder(_PlainUsage).decode


def check_reply(members: Members) -> None:
    """Raises BadGatewayError without a `choices` array, or with an `error`, quoting the upstream."""
    error = decoded(members["error"]) if "error" in members else None
    if error:
        words = redacted(facts_of(msgspec.json.encode({"error": error})).message)
        raise BadGatewayError(f"the upstream answered 200 with an error: {words or 'no message'}")
    choices = members.get("choices")
    if isinstance(choices, msgspec.Raw):
        start = bytes(memoryview(choices)[:2])
        is_answer = start[:1] == b"[" and start != b"[]"
    else:
        is_answer = isinstance(choices, list) and bool(choices)
    if not is_answer:
        text = redacted(facts_of(msgspec.json.encode(dict(members))).message)
        raise BadGatewayError(f"the upstream's reply has no `choices`{': ' + text if text else ''}")


def parse_reply(members: Mapping[str, Any]) -> ChatReply:
    """The typed reply. Raises BadGatewayError."""
    check_reply(members)
    try:
        return _reply(Answered(members, ""))
    except BadRequestError as error:
        raise BadGatewayError(f"the upstream's reply is not a chat completion: {error.message}") from error


def _reply(fields: Fields) -> ChatReply:
    fields.take("object")
    usage = fields.take("usage")
    if more := extra_usage(usage):
        fields.put_back("usage", more)
    tier = fields.text("service_tier")
    return ChatReply(
        id=fields.text("id") or "",
        model=fields.text("model") or "",
        choices=tuple(_choice(item, index) for index, item in enumerate(fields.array("choices") or ())),
        usage=parse_usage(usage, tier),
        created=_seconds(fields.number("created")),
        service_tier=tier,
        fingerprint=fields.text("system_fingerprint"),
        extra=fields.extra(),
    )


def _seconds(value: float | None) -> int | None:
    return None if value is None else int(value)


def _choice(value: Any, place: int) -> Choice:
    fields = Answered(value, f"choices[{place}]")
    index = fields.integer("index")
    message = Answered(fields.take("message") or {}, fields.at("message"))
    message.take("role")
    parts = _parts(message)
    word = fields.text("finish_reason")
    called = any(isinstance(part, ToolCall) for part in parts)
    reason, native = parse_finish(word, called_tools=called) if word else (None, None)
    if reason == "error":
        raise BadGatewayError("the upstream stopped with an error before its answer was complete")
    named, stop_sequence = take_foreign_finish(fields)
    reason, native = restored_finish(reason, named or native)
    if left := message.left():
        fields.put_back("message", left)
    return Choice(
        index=place if index is None else index,
        message=Message("assistant", parts),
        finish=reason,
        native_finish=native,
        stop_sequence=stop_sequence,
        logprobs=fields.members("logprobs"),
        extra=fields.extra(),
    )


def take_foreign_finish(fields: Fields) -> tuple[str | None, str | None]:
    """`native_finish_reason` and `stop_sequence` out of a choice's provider_specific_fields."""
    value = fields.take(FOREIGN)
    if not isinstance(value, dict):
        return None, None
    inner = Fields(value, fields.at(FOREIGN))
    found = inner.take("native_finish_reason"), inner.take("stop_sequence")
    if left := inner.left():
        fields.put_back(FOREIGN, left)
    native, sequence = (item if isinstance(item, str) else None for item in found)
    return native, sequence


def _parts(fields: Fields) -> tuple[Part, ...]:
    odd = _take_odd_thoughts(fields)
    parts: list[Part] = [*thinking_parts(fields), *odd]
    content = fields.take("content")
    texts = _texts(content, parts)
    cited = citations(fields)
    if texts or cited:
        parts.append(Text(texts, citations=cited))
    refusal = fields.text("refusal")
    if refusal:
        parts.append(Refusal(refusal))
    audio = fields.members("audio")
    if audio is not None:
        parts.append(_audio(Answered(audio, fields.at("audio"))))
    calls = fields.array("tool_calls") or ()
    parts.extend(_tool_call(item, fields.at("tool_calls")) for item in calls if item is not None)
    legacy = fields.members("function_call")
    if legacy is not None:
        parts.append(_tool_call({"function": legacy}, fields.at("function_call")))
    return tuple(parts)


def _take_odd_thoughts(fields: Fields) -> list[Part]:
    """The blocks among `thinking_blocks` that are none, kept whole; the others stay, with text where it is missing."""
    thoughts: list[Any] = []
    odd: list[Part] = []
    for block in fields.array("thinking_blocks") or ():
        match block:
            case {"type": "thinking"}:
                thoughts.append({**block, "thinking": block.get("thinking") or ""})
            case {"type": "redacted_thinking", "data": str()}:
                thoughts.append(block)
            case dict():
                odd.append(Opaque(NAME, block))
    fields.put_back("thinking_blocks", thoughts)
    return odd


def _texts(content: Any, parts: list[Part]) -> str:
    """The text of a content; some vendors answer with parts, thinking among them, which go to `parts`."""
    if isinstance(content, str):
        return content
    texts: list[str] = []
    for item in content if isinstance(content, list) else ():
        kind = item.get("type") if isinstance(item, dict) else None
        if isinstance(item, str):
            texts.append(item)
        elif kind == "text":
            texts.append(str(item.get("text") or ""))
        elif kind == "thinking":
            parts.append(Thinking(_texts(item.get("thinking"), parts)))
        elif isinstance(item, dict):
            parts.append(Opaque(NAME, item))
    return "".join(texts)


def _audio(fields: Fields) -> Audio:
    return Audio(
        Source(data=fields.text("data")),
        id=fields.text("id"),
        transcript=fields.text("transcript"),
        expires_at=_seconds(fields.number("expires_at")),
        extra=fields.extra(),
    )


def _tool_call(value: Any, path: str) -> ToolCall:
    fields = Answered(value, path)
    fields.take("index")
    kind = "custom" if fields.text("type") == "custom" else "function"
    inner = Answered(fields.take(kind), fields.at(kind))
    call_id = fields.text("id") or new_call_id()
    name = inner.required_text("name")
    arguments = json_text(inner.take("arguments" if kind == "function" else "input"))
    if left := inner.left():
        fields.put_back(kind, left)
    return ToolCall(call_id, name, arguments, custom=kind == "custom", extra=fields.extra())


def json_text(value: Any) -> str:
    """Arguments as text; some vendors send the object itself."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def new_call_id() -> str:
    """An id for a tool call that came without one."""
    return f"call_{uuid4().hex[:24]}"


def new_id() -> str:
    """An id for a reply that came without one."""
    return f"chatcmpl-{uuid4().hex}"


def render_reply(reply: ChatReply, clock: Callable[[], float]) -> dict[str, Any]:
    """The caller's reply; `clock` gives `created` where the upstream does not."""
    body: dict[str, Any] = {
        "id": reply.id or new_id(),
        "object": "chat.completion",
        "created": int(clock()) if reply.created is None else reply.created,
        "model": reply.model,
        "choices": [_choice_body(choice) for choice in reply.choices],
    }
    if reply.usage is not None:
        body["usage"] = render_usage(reply.usage)
    if reply.service_tier is not None:
        body["service_tier"] = reply.service_tier
    if reply.fingerprint is not None:
        body["system_fingerprint"] = reply.fingerprint
    add_members(body, reply.extra.get(NAME, {}))
    return body


def _choice_body(choice: Choice) -> dict[str, Any]:
    extra = dict(choice.extra.get(NAME, {}))
    message = _message_body(choice.message)
    add_members(message, extra.pop("message", {}))
    body: dict[str, Any] = {"index": choice.index, "message": message, "logprobs": choice.logprobs}
    body |= finish_members(choice.finish, choice.native_finish, choice.stop_sequence)
    add_members(body, extra)
    return body


def finish_members(reason: FinishReason | None, native: str | None, stop_sequence: str | None) -> dict[str, Any]:
    """`finish_reason`, and the upstream's own words in `provider_specific_fields`."""
    word, native = render_finish(reason, native)
    own = {"native_finish_reason": native, "stop_sequence": stop_sequence}
    foreign = {name: value for name, value in own.items() if value is not None}
    return {"finish_reason": word, **({FOREIGN: foreign} if foreign else {})}


def _message_body(message: Message) -> dict[str, Any]:
    texts: list[str] = []
    body: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    thinking: list[Thinking | RedactedThinking] = []
    foreign: dict[str, list[Any]] = {}
    length = 0
    for part in message.parts:
        match part:
            case Text():
                for cited in part.citations:
                    known = annotation(cited, length, length + len(part.text))
                    target = body if known else foreign
                    target.setdefault("annotations" if known else "citations", []).append(known or dict(cited.raw))
                texts.append(part.text)
                length += len(part.text)
            case Refusal():
                body["refusal"] = (body["refusal"] or "") + part.text
            case Thinking() | RedactedThinking():
                thinking.append(part)
            case ToolCall():
                body.setdefault("tool_calls", []).append(_with_extra(call_body(part), part.extra))
            case Audio():
                body["audio"] = audio_body(part)
            case Opaque():
                if (image := image_member(part.raw)) is not None:
                    images = body.setdefault("images", [])
                    images.append({**image, "index": len(images)})
                    continue
                foreign.setdefault("blocks", []).append(dict(part.raw))
            case _:
                continue  # `losses` names it
    if texts or not ("tool_calls" in body or body["refusal"] or "audio" in body):
        body["content"] = "".join(texts)
    if thinking:
        body |= thinking_members(thinking)
    if foreign:
        body[FOREIGN] = foreign
    return _with_extra(body, message.extra)


def audio_body(part: Audio) -> dict[str, Any]:
    """A spoken answer: `{id, data, transcript, expires_at}`."""
    said = {"id": part.id, "data": part.source.data, "transcript": part.transcript, "expires_at": part.expires_at}
    return _with_extra({name: value for name, value in said.items() if value is not None}, part.extra)


def _with_extra(body: dict[str, Any], extra: Extra) -> dict[str, Any]:
    add_members(body, extra.get(NAME, {}))
    return body


def usage_of(members: Members) -> Usage | None:
    """The usage a reply states, in the service tier that it states; only these members are decoded."""
    usage = members.get("usage")
    if usage is None:
        return None
    tier = members.get("service_tier")
    if tier is not None:
        tier = decoded(tier)
    if type(usage) is msgspec.Raw:
        try:
            plain = _PLAIN_USAGE(usage)
        except msgspec.ValidationError:
            return parse_usage(decoded(usage), tier)
        counts = Usage(input=plain.prompt_tokens, output=plain.completion_tokens)
        return counts if tier is None else counts.served_in(tier)
    return parse_usage(decoded(usage), tier)
