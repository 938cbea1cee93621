"""Replies of `/v2/chat`: the check and the typed view."""

# https://docs.cohere.com/reference/chat#response

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.types.chat import (
    ChatReply,
    Choice,
    Citation,
    FinishReason,
    Message,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
)
from nova_core.types.message import Members, decoded
from nova_core.types.usage import Usage
from nova_core.wire.openai_chat.reply import json_text, new_call_id
from nova_core.wire.upstream_errors import facts_of, redacted
from nova_plugin_cohere.request import NAME

Data = Mapping[str, Any]
UNREADABLE: Final = (LookupError, TypeError, ValueError, AttributeError)
"""What goes wrong while data of another shape is read."""
FINISHES: Final[Mapping[str, FinishReason]] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
}
FAILED: Final = frozenset({"ERROR", "TIMEOUT", "USER_CANCEL"})
"""Finish reasons of answers that are none."""
TEXT_CITED: Final = (None, "TEXT_CONTENT")


def check(members: Members) -> None:
    """Raises BadGatewayError without a `message`, or where the generation failed, quoting the upstream."""
    check_error(members)
    if not isinstance(decoded(members.get("message")), Mapping):
        raise BadGatewayError("the upstream's reply has no `message`")
    if isinstance(finish := decoded(members.get("finish_reason")), str) and finish in FAILED:
        raise BadGatewayError(f"the upstream ended its answer with {finish}")


def check_error(members: Members) -> None:
    """Raises BadGatewayError for an error where an answer should be: its `message` is a text."""
    message, error = decoded(members.get("message")), decoded(members.get("error"))
    if isinstance(message, str) or error is not None:
        words = redacted(facts_of(msgspec.json.encode({"error": error or {"message": message}})).message)
        raise BadGatewayError(f"the upstream answered 200 with an error: {words or 'no message'}")


def parse(members: Data) -> ChatReply:
    """The typed view. Raises BadGatewayError."""
    check(members)
    try:
        said = members["message"]
        calls = [_call(call) for call in said.get("tool_calls") or ()]
        plan = [Thinking(str(said["tool_plan"]))] if said.get("tool_plan") else []
        content = list(_content(said.get("content") or (), said.get("citations") or ()))
        finish, native = finish_of(members.get("finish_reason"), called=bool(calls))
        logprobs = [logprob(item) for item in members.get("logprobs") or ()]
        choice = Choice(
            0,
            Message("assistant", (*plan, *content, *calls)),
            finish,
            native,
            logprobs={"content": logprobs} if logprobs else None,
        )
        return ChatReply(str(members.get("id") or ""), "", (choice,), usage_of(members))
    except UNREADABLE as error:
        raise BadGatewayError("the upstream's reply has not the shape of a message") from error


def _content(content: Any, cited: Any) -> Iterator[Part]:
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    texts = [place for place, item in enumerate(content) if item["type"] == "text"]
    for place, item in enumerate(content):
        if item["type"] == "thinking":
            yield Thinking(str(item["thinking"] or ""))
        elif item["type"] == "text":
            # Where a citation does not say whose it is, there is one text.
            own = [each for each in cited if each.get("content_index", texts[0]) == place]
            yield Text(str(item["text"] or ""), citations=tuple(found for each in own for found in citations(each)))
        else:
            yield Opaque(NAME, item)


def _call(call: Data) -> ToolCall:
    function = call["function"]
    return ToolCall(call["id"] or new_call_id(), str(function["name"]), json_text(function.get("arguments")) or "{}")


def citations(cited: Data) -> list[Citation]:
    """One citation for each source of a text; those of thoughts and plans are left out."""
    if cited.get("type") not in TEXT_CITED:
        return []
    sources = cited.get("sources") or [{}]
    return [_citation({**cited, "sources": [source]} if source else cited, source) for source in sources]


def _citation(raw: Data, source: Data) -> Citation:
    about = source.get("document") or source.get("tool_output") or {}
    url, title = about.get("url"), about.get("title")
    return Citation(
        NAME,
        dict(raw),
        url=url if isinstance(url, str) else None,
        title=title if isinstance(title, str) else None,
        cited_text=raw.get("text"),
        start=raw.get("start"),
        end=raw.get("end"),
    )


def finish_of(word: Any, *, called: bool) -> tuple[FinishReason | None, str | None]:
    """Why the answer ended, and the vendor's own word where it says more."""
    if word is None:
        return None, None
    reason: FinishReason = FINISHES.get(str(word), "tool_calls" if called else "stop")
    return reason, None if word in ("COMPLETE", "MAX_TOKENS", "TOOL_CALL") else str(word)


def logprob(item: Data) -> dict[str, Any]:
    """A piece of text with the logarithm of its probability, which is the sum over its tokens."""
    text = str(item.get("text") or "")
    return {
        "token": text,
        "logprob": float(sum(item.get("logprobs") or ())),
        "bytes": list(text.encode()),
        "top_logprobs": [],
    }


def usage_of(data: Members) -> Usage | None:
    """`usage.tokens`, which counts what the model read and wrote; what is billed may be less."""
    usage = decoded(data.get("usage"))
    if not isinstance(usage, Mapping):
        return None
    counts = usage.get("tokens") or usage.get("billed_units")
    if not isinstance(counts, Mapping):
        return None
    given, made = _count(counts, "input_tokens"), _count(counts, "output_tokens")
    cached = min(_count(usage, "cached_tokens"), given)
    return Usage(input=given - cached, cache_read=cached, output=made)


def _count(counts: Data, name: str) -> int:
    """A number of tokens, which may come as a float."""
    value = counts.get(name)
    return int(value) if isinstance(value, int | float) and 0 <= value < 1e12 else 0
