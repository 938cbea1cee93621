"""Google's Gemini API: generateContent, countTokens, embedContent and batchEmbedContents."""

from __future__ import annotations

from typing import Final

from nova_core.types.dialect import Dialect
from nova_core.wire.gemini.dialect import GeminiCountTokens, GeminiGenerate, GeminiGenerateArray
from nova_core.wire.gemini.embeddings import GeminiBatchEmbed, GeminiEmbed

GEMINI_GENERATE: Final[Dialect] = GeminiGenerate()
GEMINI_GENERATE_ARRAY: Final[Dialect] = GeminiGenerateArray()
GEMINI_COUNT_TOKENS: Final[Dialect] = GeminiCountTokens()
GEMINI_EMBED: Final[Dialect] = GeminiEmbed()
GEMINI_BATCH_EMBED: Final[Dialect] = GeminiBatchEmbed()

__all__ = [
    "GEMINI_BATCH_EMBED",
    "GEMINI_COUNT_TOKENS",
    "GEMINI_EMBED",
    "GEMINI_GENERATE",
    "GEMINI_GENERATE_ARRAY",
]
