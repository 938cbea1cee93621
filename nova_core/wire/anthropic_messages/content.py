"""Content blocks of the Messages API into parts of the typed model."""

# Shapes: https://platform.claude.com/docs/en/api/messages (content blocks of requests and of replies).

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from nova_core.types.chat import (
    Citation,
    File,
    Image,
    Opaque,
    Part,
    RedactedThinking,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from nova_core.wire.anthropic_messages.fields import (
    NAME,
    array,
    boolean,
    extra_of,
    given,
    mapping,
    parse_cache,
    string,
    wrong,
)

Block = dict[str, Any]


def parse_content(value: Any, path: str) -> tuple[Part, ...]:
    """A string, or an array of blocks. Raises BadRequestError with the block's path."""
    if isinstance(value, str):
        return (Text(value),)
    if not isinstance(value, list):
        raise wrong(path, "a string or an array of content blocks")
    return tuple(parse_block(block, f"{path}[{place}]") for place, block in enumerate(value))


def parse_block(value: Any, path: str) -> Part:
    """One block; types that the typed model has no part for are kept whole."""
    block = mapping(value, path)
    kind = string(block.get("type"), f"{path}.type")
    parse = PARSERS.get(kind)
    return parse(block, path) if parse else Opaque(NAME, block)


def parse_citation(raw: Mapping[str, Any]) -> Citation:
    """A citation with what other dialects can use of it."""
    title = raw.get("title") or raw.get("document_title")
    return Citation(
        NAME,
        raw,
        url=raw.get("url") if isinstance(raw.get("url"), str) else None,
        title=title if isinstance(title, str) else None,
        cited_text=raw.get("cited_text") if isinstance(raw.get("cited_text"), str) else None,
    )


def _text(block: Block, path: str) -> Part:
    cited = array(block["citations"], f"{path}.citations") if given(block, "citations") else []
    citations = (mapping(raw, f"{path}.citations[{place}]") for place, raw in enumerate(cited))
    return Text(
        string(block.get("text"), f"{path}.text"),
        cache=parse_cache(block, path),
        citations=tuple(parse_citation(raw) for raw in citations),
        extra=extra_of(block, ("type", "text", "cache_control", "citations")),
    )


def _source(block: Block, path: str) -> Source | None:
    """The media's place; None for a kind of source that the typed model has no word for."""
    source = mapping(block.get("source"), f"{path}.source")
    path = f"{path}.source"
    match source.get("type"):
        case "base64":
            media_type = string(source.get("media_type"), f"{path}.media_type")
            return Source(data=string(source.get("data"), f"{path}.data"), media_type=media_type)
        case "url":
            return Source(url=string(source.get("url"), f"{path}.url"))
        case "file":
            return Source(file_id=string(source.get("file_id"), f"{path}.file_id"))
        case "text":
            media_type = source.get("media_type") or "text/plain"
            return Source(text=string(source.get("data"), f"{path}.data"), media_type=string(media_type, path))
        case kind:
            string(kind, f"{path}.type")
            return None


def _image(block: Block, path: str) -> Part:
    source = _source(block, path)
    if source is None or source.text is not None:
        return Opaque(NAME, block)
    known = ("type", "source", "cache_control")
    return Image(source, cache=parse_cache(block, path), extra=extra_of(block, known))


def _document(block: Block, path: str) -> Part:
    source = _source(block, path)
    known = ["type", "source", "cache_control", "title", "context", "citations"]
    if source is None:
        source = _document_of_blocks(block["source"], f"{path}.source")
        known.remove("source")
    if source is None:
        return Opaque(NAME, block)
    citations = None
    if given(block, "citations"):
        enabled = mapping(block["citations"], f"{path}.citations").get("enabled", False)
        citations = boolean(enabled, f"{path}.citations.enabled")
    return File(
        source,
        title=string(block["title"], f"{path}.title") if given(block, "title") else None,
        context=string(block["context"], f"{path}.context") if given(block, "context") else None,
        citations=citations,
        cache=parse_cache(block, path),
        extra=extra_of(block, known),
    )


def _document_of_blocks(source: Block, path: str) -> Source | None:
    """The text of a document given as content blocks; None when it is not all text."""
    if source.get("type") != "content":
        return None
    parts = parse_content(source.get("content"), f"{path}.content")
    if not all(isinstance(part, Text) for part in parts):
        return None
    return Source(text="\n".join(part.text for part in parts if isinstance(part, Text)), media_type="text/plain")


def _tool_use(block: Block, path: str) -> Part:
    # `caller: {"type": "direct"}` is the default and is only said for completeness.
    known = ["type", "id", "name", "input", "cache_control"]
    if block.get("caller") in (None, {"type": "direct"}):
        known.append("caller")
    return ToolCall(
        string(block.get("id"), f"{path}.id"),
        string(block.get("name"), f"{path}.name"),
        msgspec.json.encode(mapping(block.get("input"), f"{path}.input")).decode(),
        cache=parse_cache(block, path),
        extra=extra_of(block, known),
    )


def _tool_result(block: Block, path: str) -> Part:
    content = block.get("content")
    return ToolResult(
        string(block.get("tool_use_id"), f"{path}.tool_use_id"),
        parse_content(content, f"{path}.content") if content is not None else (),
        is_error=boolean(block["is_error"], f"{path}.is_error") if given(block, "is_error") else None,
        cache=parse_cache(block, path),
        extra=extra_of(block, ("type", "tool_use_id", "content", "is_error", "cache_control")),
    )


def _thinking(block: Block, path: str) -> Part:
    signature = string(block["signature"], f"{path}.signature") if given(block, "signature") else None
    text = string(block.get("thinking"), f"{path}.thinking")
    # An empty signature is how a reply of a model that signs nothing is said in this dialect.
    return Thinking(text, signature or None, extra=extra_of(block, ("type", "thinking", "signature")))


def _redacted_thinking(block: Block, path: str) -> Part:
    return RedactedThinking(string(block.get("data"), f"{path}.data"), extra=extra_of(block, ("type", "data")))


PARSERS: Mapping[str, Callable[[Block, str], Part]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
}
