"""Answers of any-llm, which are objects in the shape of OpenAI's, as members and chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from nova_core.types.deployment import Deployment
from nova_core.types.events import Chunk, Frame
from nova_core.types.message import Stream
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_plugin_bridge_any_llm.failures import as_gateway_errors


def members_of(answer: Any) -> dict[str, Any]:
    """The members of a reply or a chunk; thoughts under their usual name."""
    members: dict[str, Any] = answer.model_dump(mode="json", exclude_none=True)
    for choice in members.get("choices", ()):
        said = choice.get("message") or choice.get("delta")
        if isinstance(said, dict) and isinstance(said.get("reasoning"), dict):
            said["reasoning_content"] = said.pop("reasoning").get("content")
    return members


def stream_of(chunks: Any, deployment: Deployment) -> Stream:
    """A stream of what comes; closing it closes the vendor's."""
    close = getattr(chunks, "aclose", None) or getattr(chunks, "close", None)
    return Stream(OPENAI_CHAT, chunks=_events(chunks, deployment), closers=(close,) if close is not None else ())


async def _events(chunks: AsyncIterator[Any], deployment: Deployment) -> AsyncIterator[Chunk]:
    """Raises StreamBrokenError when they end before the answer does."""
    decoder = OPENAI_CHAT.decoder()
    with as_gateway_errors(deployment):
        async for chunk in chunks:
            if events := decoder.decode(Frame(msgspec.json.encode(members_of(chunk)))):
                yield Chunk(events)
        if rest := decoder.end():
            yield Chunk(rest)
