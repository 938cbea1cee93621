"""Citations as OpenAI's annotations."""

from __future__ import annotations

from typing import Any

from nova_core.types.chat import Citation
from nova_core.wire.openai_chat.fields import NAME


def annotation(cited: Citation, start: int, end: int) -> dict[str, Any] | None:
    """The annotation on a text that is characters `start` to `end` of the content; None for a source without a URL."""
    if cited.dialect == NAME:
        return dict(cited.raw)
    if cited.url is None:
        return None
    first = start if cited.start is None else start + cited.start
    place = {"start_index": first, "end_index": end if cited.end is None else start + cited.end}
    return {"type": "url_citation", "url_citation": {**place, "title": cited.title or cited.url, "url": cited.url}}
