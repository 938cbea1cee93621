"""Citations as OpenAI's annotations."""

from __future__ import annotations

from typing import Any

from nova_core.types.chat import Citation
from nova_core.wire.openai_chat.fields import NAME


def annotation(cited: Citation, start: int, end: int) -> dict[str, Any] | None:
    """The annotation on characters `start` to `end` of the content; None for a source without a URL."""
    if cited.dialect == NAME:
        return dict(cited.raw)
    if cited.url is None:
        return None
    place = {"start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": {**place, "title": cited.title or cited.url, "url": cited.url}}
