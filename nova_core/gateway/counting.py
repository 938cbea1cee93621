"""Counts prompt tokens offline, for providers that cannot be asked."""

from __future__ import annotations

from nova_core.types.message import Reply, Request
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS
from nova_core.wire.tokens import count_chat


def counted_reply(request: Request) -> Reply:
    """The reply to a count_tokens request, by the gateway's own tokenizer: near the vendor's count, not exact."""
    return Reply("count_tokens", ANTHROPIC_COUNT_TOKENS, {"input_tokens": count_chat(request.chat)})
