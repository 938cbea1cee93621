"""OpenAI Chat Completions: requests, replies and streams (OpenAI API reference, "Chat")."""

from __future__ import annotations

from typing import Final

from nova_core.types.dialect import Dialect
from nova_core.wire.openai_chat.dialect import OpenAIChat

OPENAI_CHAT: Final[Dialect] = OpenAIChat()

__all__ = ["OPENAI_CHAT", "OpenAIChat"]
