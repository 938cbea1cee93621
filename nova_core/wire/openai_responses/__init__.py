"""OpenAI Responses: requests, replies, streams and errors (OpenAI API reference, "Responses")."""

from __future__ import annotations

from typing import Final

from nova_core.types.dialect import Dialect
from nova_core.wire.openai_responses.asked import Asked
from nova_core.wire.openai_responses.dialect import OpenAIResponses
from nova_core.wire.openai_responses.fields import NAME
from nova_core.wire.openai_responses.thoughts import without_foreign_thoughts

OPENAI_RESPONSES: Final[Dialect] = OpenAIResponses()

__all__ = ["NAME", "OPENAI_RESPONSES", "Asked", "OpenAIResponses", "without_foreign_thoughts"]
