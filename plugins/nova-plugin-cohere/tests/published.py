"""Cohere's own types: what its published client would send and read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pydantic
import pytest

WHY = "the types of Cohere's client are not installed"
v2 = pytest.importorskip("cohere.v2", reason=WHY)
client = pytest.importorskip("cohere.v2.client", reason=WHY)
v1 = pytest.importorskip("cohere.types", reason=WHY)
v1_client = pytest.importorskip("cohere.base_client", reason=WHY)


def check_chat(body: Mapping[str, Any]) -> None:
    """A chat body has only published members, of their published types, down to the last one."""
    _check(client.V2Client.chat, {**body, "stream": ...})


def check_embed(body: Mapping[str, Any]) -> None:
    """The same for embeddings."""
    _check(client.V2Client.embed, body)


def check_rerank(body: Mapping[str, Any]) -> None:
    """The same for reranking."""
    _check(client.V2Client.rerank, body)


def check_event(data: Any) -> None:
    """An event of a stream is one that the client reads."""
    _whole(v2.V2ChatStreamResponse, data)


def check_reply(data: Any) -> None:
    """A reply is one that the client reads."""
    _whole(v2.V2ChatResponse, data)


def check_v1_chat(body: Mapping[str, Any]) -> None:
    """The same for chats of version 1."""
    _check(v1_client.BaseCohere.chat, {**body, "stream": ...})


def check_v1_event(data: Any) -> None:
    """An event of a stream of version 1 is one that the client reads."""
    _whole(v1.StreamedChatResponse, {name: value for name, value in data.items() if name != "is_finished"})


def check_v1_reply(data: Any) -> None:
    """A reply of version 1 is one that the client reads."""
    _whole(v1.NonStreamedChatResponse, data)


def _check(method: Callable[..., Any], body: Mapping[str, Any]) -> None:
    said = {name: value for name, value in body.items() if value is not ...}
    hints = inspect.get_annotations(method, eval_str=True)
    assert said.keys() <= hints.keys() - {"request_options"}
    for name, value in said.items():
        _whole(hints[name], value)


def _whole(kind: Any, value: Any) -> None:
    read = pydantic.TypeAdapter(kind).validate_python(value)
    _nothing_unknown(read)


def _nothing_unknown(read: Any) -> None:
    if isinstance(read, pydantic.BaseModel):
        assert not read.model_extra, f"{type(read).__name__} has no {list(read.model_extra or ())}"
        for name in read.model_fields_set:
            _nothing_unknown(getattr(read, name))
    elif isinstance(read, list | tuple):
        for item in read:
            _nothing_unknown(item)
