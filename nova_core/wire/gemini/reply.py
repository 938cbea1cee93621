"""Replies of generateContent: the check, and the typed view."""

# https://ai.google.dev/api/generate-content#generatecontentresponse

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.chat import ChatReply, Choice, File, Image, Message, Opaque, Part, Text, ToolCall, ToolResult
from nova_core.types.message import Members, decoded
from nova_core.wire.gemini.cited import citations_of
from nova_core.wire.gemini.fields import NAME, canonical
from nova_core.wire.gemini.finish import block_reason, parse_finish
from nova_core.wire.gemini.logprobs import parse_logprobs
from nova_core.wire.gemini.parts import CallIds, parse_part
from nova_core.wire.gemini.usage import parse_usage, usage_extra
from nova_core.wire.upstream_errors import facts_of, redacted

MEMBERS: Final = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId"})
CANDIDATE: Final = frozenset({"content", "finishReason", "index", "logprobsResult"})
"""What the typed model has a word for."""


class ReplyIds(CallIds):
    """Ids of an answer's calls: they must differ from those of earlier answers."""

    __slots__ = ()

    def call(self, name: str, given: str | None) -> str:
        """The vendor's id, or a new one."""
        return given or f"call_{uuid4().hex[:24]}"


def check(members: Members) -> None:
    """Raises BadGatewayError when there are neither candidates nor a reason why the prompt was blocked."""
    if (error := decoded(members.get("error"))) is not None:
        words = redacted(facts_of(msgspec.json.encode({"error": error})).message)
        raise BadGatewayError(f"the upstream answered 200 with an error: {words or 'no message'}")
    candidates = members.get("candidates")
    if isinstance(candidates, msgspec.Raw):
        text = bytes(candidates).strip()
        is_answer = text[:1] == b"[" and text != b"[]"
    else:
        is_answer = isinstance(candidates, list) and bool(candidates)
    if not is_answer and block_reason(decoded(members.get("promptFeedback"))) is None:
        words = redacted(facts_of(msgspec.json.encode(dict(members))).message)
        raise BadGatewayError(f"the upstream's reply has no `candidates`{': ' + words if words else ''}")


def parse(members: Mapping[str, Any]) -> ChatReply:
    """The typed view. Raises BadGatewayError."""
    check(members)
    try:
        ids = ReplyIds()
        choices = tuple(_choice(raw, place, ids) for place, raw in enumerate(members.get("candidates") or ()))
    except BadRequestError as error:
        raise BadGatewayError(f"the upstream's reply cannot be read: {error.message}") from error
    blocked = block_reason(members.get("promptFeedback"))
    if not choices and blocked is not None:
        choices = (Choice(0, Message("assistant", ()), "content_filter", native_finish=blocked),)
    return ChatReply(
        id=_text(members.get("responseId")),
        model=_text(members.get("modelVersion")),
        choices=choices,
        usage=parse_usage(members.get("usageMetadata")),
        extra=top_extra(members),
    )


def top_extra(members: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What only this dialect knows of a reply, unknown counts of the usage under `usage`."""
    extra = {name: value for name, value in members.items() if name not in MEMBERS and value is not None}
    if said := usage_extra(members.get("usageMetadata")):
        extra["usage"] = said
    return {NAME: extra} if extra else {}


def candidate_extra(raw: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What only this dialect knows of a candidate."""
    extra = {name: value for name, value in raw.items() if name not in CANDIDATE and value is not None}
    return {NAME: extra} if extra else {}


def _choice(value: Any, place: int, ids: CallIds) -> Choice:
    path = f"candidates[{place}]"
    raw = canonical(value, path)
    parts: list[Part] = []
    content = raw.get("content")
    said = content.get("parts") if isinstance(content, Mapping) else None
    for number, item in enumerate(said if isinstance(said, list) else ()):
        found = parse_part(item, f"{path}.content.parts[{number}]", ids)
        parts += [_said(part, item) for part in found]
    _cite(parts, raw)
    index = raw.get("index")
    called = any(isinstance(part, ToolCall) for part in parts)
    finish, native = parse_finish(raw.get("finishReason"), called=called)
    return Choice(
        index=index if isinstance(index, int) else place,
        message=Message("assistant", tuple(parts)),
        finish=finish,
        native_finish=native,
        logprobs=parse_logprobs(raw.get("logprobsResult")),
        extra=candidate_extra(raw),
    )


def _said(part: Part, raw: Any) -> Part:
    """A part of an answer; kinds that are only said in requests are kept whole, as they are in streams."""
    return Opaque(NAME, dict(raw)) if isinstance(part, Image | File | ToolResult) else part


def _cite(parts: list[Part], candidate: Mapping[str, Any]) -> None:
    """Put the sources on the last text."""
    cited = citations_of(candidate)
    for place in range(len(parts) - 1, -1, -1):
        part = parts[place]
        if cited and isinstance(part, Text):
            parts[place] = replace(part, citations=cited)
            return


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
