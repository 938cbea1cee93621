"""Whose client asks on a route of no call: by the path, else by the headers that it sends."""

from __future__ import annotations

from collections.abc import Mapping

from nova_core.types.dialect import Dialect
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.gemini import GEMINI_GENERATE

GOOGLES = frozenset({"x-goog-api-key", "x-goog-api-client"})
"""Headers that Google's clients send, some of which list models under `/v1`."""
GOOGLES_PATH = "/v1beta/"
ANTHROPICS = "anthropic-version"
ANTHROPICS_PATH = "/v1/messages/"


def dialect_of(path: str, headers: Mapping[str, str]) -> Dialect | None:
    """The dialect of chats that this client speaks; None for OpenAI's, and for whoever does not show."""
    if path.startswith(GOOGLES_PATH):
        return GEMINI_GENERATE
    if path.startswith(ANTHROPICS_PATH) or ANTHROPICS in headers:
        return ANTHROPIC_MESSAGES
    return None if GOOGLES.isdisjoint(headers) else GEMINI_GENERATE
