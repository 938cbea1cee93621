"""Errors in OpenAI's shape: our own to callers, and an upstream's inside a 200 or a stream."""

from __future__ import annotations

from typing import Any

import msgspec

from nova_core.errors import NovaError
from nova_core.types.events import Frame
from nova_core.wire.sse import sse_bytes
from nova_core.wire.upstream_errors import classify, facts_of


def render_error(error: NovaError) -> dict[str, Any]:
    """`{"error": {"message", "type", "param", "code"}}`; `code` is always a string."""
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": str(error.code)}}


def error_frame(error: NovaError) -> bytes:
    """The last frame of a broken stream. No `[DONE]` follows: that would look like a clean end."""
    return sse_bytes(Frame(msgspec.json.encode(render_error(error))))


def stream_error(data: bytes) -> NovaError:
    """The error that a frame carries instead of a chunk."""
    facts = facts_of(data)
    return classify(None, facts.message or "the upstream sent an error", facts.code, facts.type, param=facts.param)
