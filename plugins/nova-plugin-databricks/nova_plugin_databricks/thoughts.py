"""Thoughts of models that are asked through chat completions, where they are parts of the content."""

# https://docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference#contentitem

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from nova_core.types.message import Request
from nova_core.wire.anthropic_messages.thinking import BUDGETS
from nova_core.wire.mended_answers import with_choices
from nova_core.wire.openai_compatible import mentions

LISTED = re.compile(rb'"content"\s*:\s*\[')
PARTIAL = re.compile(rb'"completion_tokens"\s*:\s*null')
REPLAYED = ("reasoning_content", "thinking_blocks")


class ThoughtsMender:
    """Content in parts becomes `content`, `reasoning_content` and, where they are signed, `thinking_blocks`.

    Usage whose counts are null, which streams state before the last chunk, is left out.
    """

    def concerns(self, data: bytes) -> bool:
        """Content that is a list, and usage that says nothing yet."""
        return LISTED.search(data) is not None or PARTIAL.search(data) is not None

    def mended(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with texts for content."""
        usage = answer.get("usage")
        if isinstance(usage, Mapping) and usage.get("completion_tokens") is None:
            answer = {name: value for name, value in answer.items() if name != "usage"}
        return with_choices(answer, lambda choice, part, said: {**choice, part: _split(said)})


def with_budget(request: Request) -> Request:
    """An effort as a budget of tokens to think with, which is how these models are asked in this API."""
    effort = request.get("reasoning_effort")
    if not isinstance(effort, str):
        return request
    request = request.without("reasoning_effort")
    if request.get("thinking") is not None or effort not in BUDGETS:
        return request
    return request.with_members({"thinking": {"type": "enabled", "budget_tokens": BUDGETS[effort]}})


def carries_thoughts(request: Request) -> bool:
    """Whether a conversation holds thoughts of earlier answers."""
    return any(mentions(request, "messages", f'"{name}"') for name in REPLAYED)


def lost_thoughts(request: Request, *, keeps_signed: bool) -> Iterator[str]:
    """Paths of the thoughts that `with_thoughts` leaves out."""
    for place, message in enumerate(_messages(request)):
        kept = keeps_signed and bool(_signed(message))
        yield from (f"messages[{place}].{name}" for name in REPLAYED if message.get(name) and not kept)


def with_thoughts(request: Request, *, keeps_signed: bool) -> Request:
    """Signed thoughts as parts of the content, for models that want them back; all others are left out."""
    messages = [_replayed(message, keeps_signed=keeps_signed) for message in _messages(request)]
    return request.with_members({"messages": messages})


def _messages(request: Request) -> list[dict[str, Any]]:
    messages = request.get("messages")
    return [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []


def _replayed(message: dict[str, Any], *, keeps_signed: bool) -> dict[str, Any]:
    plain = {name: value for name, value in message.items() if name not in REPLAYED}
    if not keeps_signed or not (thoughts := _signed(message)):
        return plain
    content = plain.get("content")
    said = [{"type": "text", "text": content}] if isinstance(content, str) and content else content or []
    return {**plain, "content": [*thoughts, *said]}


def _signed(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The signed thoughts of a message, as parts of its content."""
    blocks = message.get("thinking_blocks")
    found = [block for block in blocks if isinstance(block, Mapping)] if isinstance(blocks, list) else []
    return [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": text, "signature": block["signature"]}]}
        for block in found
        if isinstance(text := block.get("thinking"), str) and block.get("signature")
    ]


def _split(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Content in parts, apart; the same object when a part is neither text nor reasoning."""
    parts = said.get("content")
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        return said
    if any(part.get("type") not in ("text", "reasoning") for part in parts):
        return said
    texts = [str(part.get("text") or "") for part in parts if part.get("type") == "text"]
    thoughts = [item for part in parts for item in _summaries(part)]
    signed = [
        {"type": "thinking", "thinking": str(item.get("text") or ""), "signature": item["signature"]}
        for item in thoughts
        if item.get("signature")
    ]
    split: dict[str, Any] = {**said, "content": "".join(texts) if texts else None}
    if text := "".join(str(item.get("text") or "") for item in thoughts):
        split["reasoning_content"] = text
    return {**split, "thinking_blocks": signed} if signed else split


def _summaries(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    summary = part.get("summary")
    return [item for item in summary if isinstance(item, Mapping)] if isinstance(summary, list) else []
