"""What rows ask for, done to messages. Everything answers new values and leaves its input alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from msgspec import json

from nova_plugin_openai_compatible.row import Messages

THOUGHTS = ("reasoning_content", "thinking_blocks")


def rewritten(messages: list[Any], rules: Messages, model: str, *, thinking: bool) -> list[Any]:
    """Messages as the vendor takes them for `model`."""
    kept = []
    for message in messages:
        if isinstance(message, Mapping):
            message = _with_thought(message, rules, model)
            if rules.drop_empty and _says_nothing(message):
                continue
            message = _message(message, rules, thinking=thinking)
        kept.append(message)
    if rules.marks_prefix and kept and isinstance(kept[-1], Mapping) and kept[-1].get("role") == "assistant":
        kept[-1] = {"prefix": True, **kept[-1]}
    return kept


def dropped_paths(messages: list[Any], rules: Messages, model: str) -> Iterator[str]:
    """Paths of the members that `rules.drop` leaves out."""
    for place, message in enumerate(messages):
        if isinstance(message, Mapping) and not _is_exempt(message, rules):
            said = THOUGHTS if _thought_of(message, rules, model) else ()
            dropped = (name for name in sorted(rules.drop) if name not in said)
            yield from (f"messages[{place}].{name}" for name in dropped if message.get(name) not in (None, [], {}))


def _is_exempt(message: Mapping[str, Any], rules: Messages) -> bool:
    role = message.get("role")
    return isinstance(role, str) and role in rules.keep_in


def _thought_of(message: Mapping[str, Any], rules: Messages, model: str) -> str:
    """The vendor's own thought, which nobody signs, where the model takes it back; empty where there is none."""
    thought = message.get("reasoning_content")
    if rules.thought_parts is None or not isinstance(thought, str) or not rules.thought_parts.search(model):
        return ""
    blocks = message.get("thinking_blocks") or ()
    if not isinstance(blocks, list | tuple):
        return ""
    unsigned = all(isinstance(block, Mapping) and block.keys() <= {"type", "thinking"} for block in blocks)
    return thought if unsigned else ""


def _with_thought(message: Mapping[str, Any], rules: Messages, model: str) -> Mapping[str, Any]:
    """The message with its thought as the first part of its content."""
    if not (thought := _thought_of(message, rules, model)):
        return message
    content = message.get("content") or []
    said = content if isinstance(content, list) else [{"type": "text", "text": content}]
    part = {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}
    return {**message, "content": [part, *said]}


def _says_nothing(message: Mapping[str, Any]) -> bool:
    return message.get("role") == "assistant" and not message.get("content") and not message.get("tool_calls")


def _message(message: Mapping[str, Any], rules: Messages, *, thinking: bool) -> dict[str, Any]:
    exempt = _is_exempt(message, rules)
    kept = {name: value for name, value in message.items() if exempt or name not in rules.drop}
    if rules.flat_text:
        kept = {**kept, "content": _flat(kept["content"])} if "content" in kept else kept
    if rules.call_members is not None and isinstance(kept.get("tool_calls"), list):
        kept["tool_calls"] = [_call(call, rules.call_members) for call in kept["tool_calls"]]
    if rules.flat_media and isinstance(kept.get("content"), list):
        kept["content"] = [_medium(part) for part in kept["content"]]
    if rules.call_id_length is not None:
        kept = _with_call_ids(kept, rules.call_id_length)
    if thinking and kept.get("role") == "assistant" and not kept.get("reasoning_content"):
        kept["reasoning_content"] = " "
    return kept


def _flat(content: Any) -> Any:
    """Text parts as one string; content with anything else in it stays a list."""
    if not isinstance(content, list):
        return content
    texts = [part.get("text") for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
    if len(texts) != len(content) or not all(isinstance(text, str) for text in texts):
        return content
    return "".join(str(text) for text in texts)


def _call(call: Any, members: frozenset[str]) -> Any:
    """A call with these members; free text for a custom tool is the argument `input` of a function."""
    if not isinstance(call, Mapping):
        return call
    free = call.get("custom")
    if isinstance(free, Mapping) and "custom" not in members:
        said = json.encode({"input": free.get("input")}).decode()
        call = {**call, "type": "function", "function": {"name": free.get("name"), "arguments": said}}
    return {name: value for name, value in call.items() if name in members}


def _medium(part: Any) -> Any:
    """Files as `file` with their id or `document_url` with their data, audio as its base64."""
    match part:
        case {"type": "file", "file": {"file_id": str(file_id)}}:
            return {"type": "file", "file_id": file_id}
        case {"type": "file", "file": {"file_data": str(data), **more}}:
            name = {"document_name": more["filename"]} if "filename" in more else {}
            return {"type": "document_url", "document_url": data, **name}
        case {"type": "input_audio", "input_audio": {"data": str(data)}}:
            return {"type": "input_audio", "input_audio": data}
    return part


def _with_call_ids(message: dict[str, Any], length: int) -> dict[str, Any]:
    """The message with ids of calls (its own, or of the one it answers) in the vendor's shape."""
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        message = {**message, "tool_calls": [_with_id(call, "id", length) for call in calls]}
    return dict(_with_id(message, "tool_call_id", length))


def _with_id(holder: Any, name: str, length: int) -> Any:
    """An id of other vendors becomes letters of its digest: always the same, so that call and result still meet."""
    found = holder.get(name) if isinstance(holder, Mapping) else None
    if not isinstance(found, str) or (len(found) == length and found.isascii() and found.isalnum()):
        return holder
    return {**holder, name: sha256(found.encode()).hexdigest()[:length]}
