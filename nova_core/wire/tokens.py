"""Counting tokens offline: close to what OpenAI's models count, and never an error."""

# Sources: OpenAI cookbook, "How to count tokens with tiktoken"; OpenAI guide "Images and vision" (tiles).

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from nova_core.types.chat import (
    ChatRequest,
    File,
    HostedTool,
    Image,
    Opaque,
    Part,
    RedactedThinking,
    Refusal,
    Source,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from nova_core.wire.image_size import decoded_head, image_size

if TYPE_CHECKING:
    from bpe_openai import Encoding

ENCODING = "o200k_base"
PER_MESSAGE = 3
PER_NAME = 1
REPLY_PRIMER = 3
TOOLS_BLOCK = 9
TOOLS_WITH_SYSTEM = -4
NAMED_TOOL_CHOICE = 4
NO_TOOL_CHOICE = 1

IMAGE_UNKNOWN = 250
IMAGE_BASE = 85
IMAGE_TILE = 170
LONG_SIDE, SHORT_SIDE, TILE = 2000, 768, 512

PIECE = 50_000
"""Characters counted at once: the tokenizer refuses texts of over 200,000 tokens, and a character may be four."""
EXACT_UP_TO = 4_000_000
"""Longer texts (in characters) are counted up to here and extrapolated."""


def count_text(text: str, enough: int | None = None) -> int:
    """Tokens of `text`; over four million characters an estimate. Takes 0.1 to 0.3 s a million characters.

    Counting stops above `enough`: the answer is then larger than that, and not the whole count.
    """
    if len(text) > EXACT_UP_TO:
        return round(count_text(text[:EXACT_UP_TO], enough) * len(text) / EXACT_UP_TO)
    encoding = _encoding()
    return _sum((len(encoding.encode_ordinary(piece)) for piece in _pieces(text)), enough)


def count_chat(request: ChatRequest, enough: int | None = None) -> int:
    """Prompt tokens of a chat request: messages, tools, tool choice and images. `enough` as in `count_text`."""
    return _sum(_counts(request, enough), enough)


def _counts(request: ChatRequest, enough: int | None) -> Iterator[int]:
    yield REPLY_PRIMER + _tool_choice(request.tool_choice)
    for message in request.messages:
        named = PER_NAME + count_text(message.name) if message.name else 0
        yield PER_MESSAGE + count_text(message.role) + named
        for part in message.parts:
            yield _part(part, enough)
    if request.tools:
        system = any(message.role in ("system", "developer") for message in request.messages)
        yield TOOLS_BLOCK + (TOOLS_WITH_SYSTEM if system else 0)
        yield count_text(_declarations(request.tools), enough)


def _sum(counts: Iterable[int], enough: int | None) -> int:
    total = 0
    for count in counts:
        total += count
        if enough is not None and total > enough:
            break
    return total


def count_image(source: Source, detail: str | None = None) -> int:
    """Tokens of an image: 85 in low detail, 85 + 170 a tile when its size can be read, else 250."""
    if detail == "low":
        return IMAGE_BASE
    data = source.data
    if data is None and source.url and source.url.startswith("data:"):
        data = source.url.partition(",")[2]
    size = image_size(decoded_head(data)) if data else None
    return IMAGE_BASE + IMAGE_TILE * tiles(*size) if size else IMAGE_UNKNOWN


def tiles(width: int, height: int) -> int:
    """Tiles of 512 pixels after shrinking to 2000 on the long and 768 on the short side."""
    scale = min(1.0, LONG_SIDE / max(width, height))
    scale = min(scale, SHORT_SIDE / min(width, height))
    return math.ceil(width * scale / TILE) * math.ceil(height * scale / TILE)


@cache
def _encoding() -> Encoding:
    from bpe_openai import get_encoding  # loads a table of 200,000 tokens

    return get_encoding(ENCODING)


def _pieces(text: str) -> Iterable[str]:
    start = 0
    while start < len(text):
        end = min(start + PIECE, len(text))
        if end < len(text):
            space = text.rfind(" ", start + PIECE // 2, end)
            end = space if space > start else end
        yield text[start:end]
        start = end


def _part(part: Part, enough: int | None = None) -> int:
    match part:
        case Text() | Refusal() | Thinking():
            return count_text(part.text, enough)
        case Image():
            return count_image(part.source, part.detail)
        case ToolCall():
            return count_text(part.name) + count_text(part.arguments)
        case ToolResult():
            return _sum((_part(inner, enough) for inner in part.parts), enough)
        case File():
            return sum(count_text(text) for text in (part.source.text, part.title, part.context) if text)
        case Opaque():
            return count_text(_json(part.raw))
        case RedactedThinking():
            return 0
        case _:
            return count_text(part.transcript) if part.transcript else 0


def _tool_choice(choice: ToolChoice | None) -> int:
    if choice is None:
        return 0
    if choice.name:
        return NAMED_TOOL_CHOICE + count_text(choice.name)
    return NO_TOOL_CHOICE if choice.mode == "none" else 0


def _declarations(tools: Iterable[Tool | HostedTool]) -> str:
    """Tools as the TypeScript namespace that models are shown."""
    lines = ["namespace functions {", ""]
    for tool in tools:
        if isinstance(tool, HostedTool):
            lines += [_json(tool.raw), ""]
            continue
        if tool.description:
            lines.append(f"// {tool.description}")
        fields = _fields(tool.schema or {}, "")
        lines += (
            [f"type {tool.name} = (_: {{", *fields, "}) => any;", ""]
            if fields
            else [f"type {tool.name} = () => any;", ""]
        )
    return "\n".join([*lines, "} // namespace functions"])


def _fields(schema: Mapping[str, Any], indent: str) -> list[str]:
    properties = schema.get("properties")
    required = schema.get("required")
    lines: list[str] = []
    for name, field in properties.items() if isinstance(properties, Mapping) else ():
        known = field if isinstance(field, Mapping) else {}
        if isinstance(known.get("description"), str):
            lines.append(f"{indent}// {known['description']}")
        mark = "" if isinstance(required, list) and name in required else "?"
        lines.append(f"{indent}{name}{mark}: {_type(known, indent)},")
    return lines


def _type(schema: Mapping[str, Any], indent: str) -> str:
    if isinstance(schema.get("enum"), list):
        return " | ".join(_json(value) for value in schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        return "\n".join(["{", *_fields(schema, indent + "  "), f"{indent}}}"])
    if kind == "array":
        items = schema.get("items")
        return f"{_type(items, indent)}[]" if isinstance(items, Mapping) else "any[]"
    if isinstance(kind, list):
        return " | ".join(str(each) for each in kind)
    return {"integer": "number"}.get(kind, kind) if isinstance(kind, str) else "any"


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()
