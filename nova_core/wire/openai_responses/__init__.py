"""OpenAI Responses: requests, replies, streams and errors (OpenAI API reference, "Responses")."""

from __future__ import annotations

from typing import Final

from nova_core.types.dialect import Dialect
from nova_core.wire.openai_responses.asked import Asked
from nova_core.wire.openai_responses.compaction import OpenAICompaction
from nova_core.wire.openai_responses.dialect import OpenAIResponses
from nova_core.wire.openai_responses.fields import NAME
from nova_core.wire.openai_responses.input_tokens import OpenAIInputTokens
from nova_core.wire.openai_responses.thoughts import without_foreign_thoughts

OPENAI_RESPONSES: Final[Dialect] = OpenAIResponses()
OPENAI_INPUT_TOKENS: Final[Dialect] = OpenAIInputTokens()
OPENAI_COMPACTION: Final[Dialect] = OpenAICompaction()

__all__ = [
    "NAME",
    "OPENAI_COMPACTION",
    "OPENAI_INPUT_TOKENS",
    "OPENAI_RESPONSES",
    "Asked",
    "OpenAIResponses",
    "without_foreign_thoughts",
]
