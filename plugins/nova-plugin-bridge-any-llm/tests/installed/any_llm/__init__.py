"""Stands for an installed any-llm: the functions that are called, their parameters, and objects in its shape."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

ASKED: list[dict[str, Any]] = []
CALL = re.compile(r"call (\w+) (\{.*\})")


class Answer:
    """What pydantic's models are used for."""

    def __init__(self, **members: Any) -> None:
        self._members = members

    def model_dump(self, *, mode: str, exclude_none: bool) -> dict[str, Any]:
        assert mode == "json"
        assert exclude_none
        return json.loads(json.dumps(self._members))


class ContextLengthExceededError(Exception):
    status_code = None


class UnsupportedParameterError(Exception):
    parameter_name = "seed"


class VendorError(Exception):
    """A vendor's client's own error, which is passed on as it is."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status
        self.response = type("Response", (), {"headers": {"Retry-After": "7"}})


async def acompletion(
    model: str,
    messages: list[dict[str, Any]],
    *,
    provider: str | None = None,
    tools: list[dict[str, Any]] | None = None,
    stream: bool | None = None,
    stream_options: dict[str, Any] | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    api_key: str | None = None,
    api_base: str | None = None,
    client_args: dict[str, Any] | None = None,
    **more: Any,
) -> Any:
    ASKED.append({name: value for name, value in locals().items() if value is not None})
    content = messages[-1]["content"]
    said = content if isinstance(content, str) else content[0]["text"]
    if said == "too long":
        raise ContextLengthExceededError("that is more than fits")
    if said == "unsupported":
        raise UnsupportedParameterError("'seed' is not supported for vendor")
    if said.startswith("fail "):
        raise VendorError(int(said.split()[1]), f"no, {api_key}")
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(CALL.findall(said) if tools else ())
    ]
    text = None if calls else f"You said: {said}"
    head = {"id": "a-1", "created": 1, "model": model}
    usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    finish = "tool_calls" if calls else "stop"
    if stream:
        return _chunks(head, text, calls, finish, usage if (stream_options or {}).get("include_usage") else None)
    message = {"role": "assistant", "content": text, "tool_calls": calls or None, "reasoning": {"content": "Hm."}}
    message = {name: value for name, value in message.items() if value is not None}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return Answer(**head, object="chat.completion", choices=[choice], usage=usage)


async def _chunks(head: dict[str, Any], text: str | None, calls: list[Any], finish: str, usage: Any) -> Any:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "reasoning": {"content": "Hm."}}]
    deltas += [{"content": word} for word in re.findall(r"\S+\s*", text or "")]
    deltas += [{"tool_calls": [{"index": n, **call}]} for n, call in enumerate(calls)]
    for delta in deltas:
        yield Answer(**head, object="chat.completion.chunk", choices=[{"index": 0, "delta": delta}])
    end = [{"index": 0, "delta": {}, "finish_reason": finish}]
    yield Answer(**head, object="chat.completion.chunk", choices=end, **({"usage": usage} if usage else {}))


async def aembedding(
    model: str,
    inputs: list[str],
    *,
    provider: str | None = None,
    api_key: str | None = None,
    api_base: str | None = None,
    encoding_format: str | None = None,
) -> Answer:
    import base64
    import struct

    def vector(text: str) -> Any:
        numbers = [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:8]]
        return base64.b64encode(struct.pack("<8f", *numbers)).decode() if encoding_format == "base64" else numbers

    data = [{"object": "embedding", "index": n, "embedding": vector(text)} for n, text in enumerate(inputs)]
    return Answer(object="list", model=model, data=data, usage={"prompt_tokens": 2, "total_tokens": 2})
