"""Messages of a request into typed messages (OpenAI API reference, "messages")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from nova_core.types.chat import (
    Audio,
    Citation,
    Message,
    Part,
    RedactedThinking,
    Refusal,
    Role,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from nova_core.wire.openai_chat.content import parse_content, parse_part
from nova_core.wire.openai_chat.fields import NAME, Fields, bad_field


def parse_messages(value: Any, path: str = "messages") -> tuple[Message, ...]:
    """All messages, one typed message each. Raises BadRequestError with the field's path."""
    if not isinstance(value, list) or not value:
        raise bad_field(path, "must be an array with at least one message")
    history = _History()
    return tuple(_message(item, f"{path}[{index}]", index, history) for index, item in enumerate(value))


@dataclass(slots=True)
class _History:
    """Ids given to the deprecated `function_call`s, which have none, for the `function` messages that answer them."""

    ids: dict[str, str] = field(default_factory=dict)


def _message(value: Any, path: str, index: int, history: _History) -> Message:
    fields = Fields(value, path)
    role = fields.text("role")
    if role in ("system", "developer", "user"):
        return _plain(fields, cast(Role, role))
    if role == "assistant":
        return _assistant(fields, index, history)
    if role == "tool":
        return _tool(fields)
    if role == "function":
        return _function(fields, index, history)
    expected = "must be one of system, developer, user, assistant, tool, function"
    raise bad_field(f"{path}.role", expected if role else f"is required and {expected}")


def _plain(fields: Fields, role: Role) -> Message:
    content = fields.take("content")
    if content is None:
        raise bad_field(fields.at("content"), "is required: a string or an array of content parts")
    parts = parse_content(content, fields.at("content"))
    return Message(role, parts, name=fields.text("name"), cache=fields.cache(), extra=fields.extra())


def _assistant(fields: Fields, index: int, history: _History) -> Message:
    content = fields.take("content")
    parts: list[Part] = [*thinking_parts(fields)]
    if content not in (None, ""):
        parts.extend(parse_content(content, fields.at("content")))
    parts = _with_citations(parts, citations(fields))
    refusal = fields.text("refusal")
    if refusal is not None:
        parts.append(Refusal(refusal))
    audio = fields.members("audio")
    if audio is not None:
        parts.append(Audio(Source(), id=Fields(audio, fields.at("audio")).required_text("id")))
    for place, item in enumerate(fields.array("tool_calls") or ()):
        parts.append(_tool_call(item, f"{fields.at('tool_calls')}[{place}]"))
    function_call = fields.take("function_call")
    if function_call is not None:
        parts.append(_function_call(Fields(function_call, fields.at("function_call")), index, history))
    if not parts and content == "":
        parts.append(Text(""))
    return Message("assistant", tuple(parts), name=fields.text("name"), cache=fields.cache(), extra=fields.extra())


def thinking_parts(fields: Fields) -> list[Part]:
    """`thinking_blocks`, or `reasoning_content` (some vendors: `reasoning`) where there are none."""
    blocks = fields.array("thinking_blocks")
    plain = fields.text("reasoning_content")
    other = fields.take("reasoning")
    if isinstance(other, str):
        plain = plain or other
    elif other is not None:
        fields.put_back("reasoning", other)
    if not blocks:
        return [Thinking(plain)] if plain else []
    parts = [parse_part(item, f"{fields.at('thinking_blocks')}[{place}]") for place, item in enumerate(blocks)]
    for place, part in enumerate(parts):
        if not isinstance(part, Thinking | RedactedThinking):
            raise bad_field(f"{fields.at('thinking_blocks')}[{place}].type", "must be thinking or redacted_thinking")
    return parts


def citations(fields: Fields) -> tuple[Citation, ...]:
    """`annotations` of an answer: `{"type": "url_citation", "url_citation": {start_index, end_index, title, url}}`."""
    found = fields.array("annotations") or []
    return tuple(citation(item) for item in found if isinstance(item, dict))


def citation(raw: Mapping[str, Any]) -> Citation:
    """One annotation; kinds other than `url_citation` keep only their raw form."""
    inner = raw.get("url_citation")
    known: Mapping[str, Any] = inner if isinstance(inner, dict) else {}

    def some(name: str, kind: type[Any]) -> Any:
        return known.get(name) if isinstance(known.get(name), kind) else None

    return Citation(
        NAME,
        raw,
        url=some("url", str),
        title=some("title", str),
        start=some("start_index", int),
        end=some("end_index", int),
    )


def _with_citations(parts: list[Part], found: tuple[Citation, ...]) -> list[Part]:
    if not found:
        return parts
    for place, part in enumerate(parts):
        if isinstance(part, Text):
            cited = Text(part.text, part.cache, found, part.extra)
            return [*parts[:place], cited, *parts[place + 1 :]]
    return [*parts, Text("", citations=found)]


def _tool_call(value: Any, path: str) -> ToolCall:
    fields = Fields(value, path)
    kind = fields.text("type") or "function"
    if kind not in ("function", "custom"):
        raise bad_field(f"{path}.type", 'must be "function" or "custom"')
    # `index` is left over in calls that clients put together from a stream.
    fields.take("index")
    inner = Fields(fields.take(kind), fields.at(kind))
    call_id = fields.required_text("id")
    name = inner.required_text("name")
    arguments = inner.text("arguments" if kind == "function" else "input")
    cache = fields.cache()
    if left := inner.left():
        fields.put_back(kind, left)
    return ToolCall(call_id, name, arguments or "", custom=kind == "custom", cache=cache, extra=fields.extra())


def _function_call(fields: Fields, index: int, history: _History) -> ToolCall:
    name = fields.required_text("name")
    call_id = history.ids[name] = f"call_{index}"
    return ToolCall(call_id, name, fields.text("arguments") or "")


def _tool(fields: Fields) -> Message:
    call_id = fields.required_text("tool_call_id")
    name, is_error, cache = fields.text("name"), fields.boolean("is_error"), fields.cache()
    result = ToolResult(call_id, _result_parts(fields), is_error, name, cache)
    return Message("tool", (result,), extra=fields.extra())


def _function(fields: Fields, index: int, history: _History) -> Message:
    name = fields.required_text("name")
    call_id = history.ids.get(name, f"call_{index}")
    return Message("tool", (ToolResult(call_id, _result_parts(fields), name=name),), extra=fields.extra())


def _result_parts(fields: Fields) -> tuple[Part, ...]:
    content = fields.take("content")
    return parse_content(content, fields.at("content")) if content not in (None, "") else ()
