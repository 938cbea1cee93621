"""OpenAI-shaped replies for the library: attribute and item access over plain JSON data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

OPTIONAL = frozenset(
    [
        "annotations",
        "audio",
        "b64_json",
        "completion_tokens_details",
        "content",
        "delta",
        "document",
        "finish_reason",
        "function_call",
        "images",
        "logprobs",
        "message",
        "prompt_tokens_details",
        "provider_specific_fields",
        "reasoning_content",
        "refusal",
        "revised_prompt",
        "role",
        "service_tier",
        "system_fingerprint",
        "thinking_blocks",
        "tool_calls",
        "url",
        "usage",
    ]
)
"""Fields of OpenAI's objects that may be absent: read as None, as the official client does."""


class Document(Mapping[str, Any]):
    """One JSON object: `reply.choices[0].message.content` and `reply["choices"][0]["message"]["content"]`.

    `model_dump()` and `model_dump_json()` give the plain data. Unknown attributes raise AttributeError.
    """

    __slots__ = ("_data",)

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    def __getitem__(self, name: str) -> Any:
        return wrapped(self._data[name])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._data:
            return wrapped(self._data[name])
        if name in OPTIONAL:
            return None
        raise AttributeError(f"this {self._data.get('object', 'object')} has no '{name}': {', '.join(self._data)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self._data)!r})"

    def model_dump(self) -> dict[str, Any]:
        """The plain data."""
        return dict(self._data)

    def model_dump_json(self) -> str:
        """The plain data as JSON text."""
        return msgspec.json.encode(self._data).decode()


class Answer(Document):
    """A whole reply or a chunk. `headers` are what the server would send: call id, deployment, cost, attempts."""

    __slots__ = ("headers",)

    def __init__(self, data: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(data)
        self.headers: Mapping[str, str] = headers or {}

    @property
    def text(self) -> str:
        """The answer's text: of the first choice, of a response's messages, or a transcript; empty without one."""
        if isinstance(said := self._data.get("text"), str):
            return said
        if "output" in self._data:
            return self.output_text
        choices = self._data.get("choices") or [{}]
        said = choices[0].get("message") or choices[0].get("delta") or {}
        return str(said.get("content") or choices[0].get("text") or "")

    @property
    def output_text(self) -> str:
        """All text of a response's messages."""
        contents = [item.get("content") or () for item in self._data.get("output") or () if "content" in item]
        return "".join(part["text"] for content in contents for part in content if part.get("type") == "output_text")


def wrapped(value: Any) -> Any:
    """Nested objects as documents, lists of them as lists of documents."""
    if isinstance(value, Mapping) and not isinstance(value, Document):
        return Document(value)
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return [wrapped(item) for item in value]
    return value
