"""Anthropic's Messages API: requests, replies, streams and errors."""

from __future__ import annotations

from typing import Final

from nova_core.types.dialect import Dialect
from nova_core.wire.anthropic_messages.dialect import AnthropicCountTokens, AnthropicMessages

ANTHROPIC_MESSAGES: Final[Dialect] = AnthropicMessages()
ANTHROPIC_COUNT_TOKENS: Final[Dialect] = AnthropicCountTokens()

__all__ = ["ANTHROPIC_COUNT_TOKENS", "ANTHROPIC_MESSAGES"]
