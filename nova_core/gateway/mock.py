"""Scripted answers from the configuration or the request: `mock_response`, for tests and demos."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from nova_core.errors import (
    BadRequestError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    InternalServerError,
    NovaError,
    RateLimitedError,
)
from nova_core.gateway.mock_media import mock_media
from nova_core.types.call import Call
from nova_core.types.chat import ChatReply, Choice, Message, Text
from nova_core.types.embeddings import EmbeddingsReply, Vector
from nova_core.types.message import Reply, Request
from nova_core.types.usage import Usage
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.translate import CHAT

USAGE = Usage(input=10, output=20)
RAISES: Mapping[str, type[NovaError]] = {
    "RateLimitError": RateLimitedError,
    "ContextWindowExceededError": ContextWindowExceededError,
    "InternalServerError": InternalServerError,
    "content_filter_policy": ContentPolicyViolationError,
}


def mock_reply(call: Call, request: Request, scripted: Any) -> Reply:
    """The scripted answer: text, a whole reply as a mapping, or a list of floats for embeddings.

    For operations that are neither see `mock_media`.
    A text that names one of the errors above (`litellm.RateLimitError`, `Exception: content_filter_policy`)
    raises it. Usage is always 10 prompt and 20 completion tokens.
    """
    if isinstance(scripted, str):
        _raise_if_scripted(scripted)
    if request.operation == "embedding":
        return _embeddings(request, scripted)
    if request.operation not in CHAT:
        return mock_media(request, scripted)
    if isinstance(scripted, Mapping):
        return Reply("chat", OPENAI_CHAT, dict(scripted))
    choices = tuple(
        Choice(index, Message("assistant", (Text(str(scripted)),)), "stop") for index in range(_answers(request))
    )
    typed = ChatReply(
        id=f"chatcmpl-{call.id}", model=call.model, choices=choices, usage=USAGE, created=int(time.time())
    )
    return Reply("chat", OPENAI_CHAT, typed=typed)


def _answers(request: Request) -> int:
    n = request.get("n")
    return n if isinstance(n, int) and 1 <= n <= 128 else 1


def _embeddings(request: Request, scripted: Any) -> Reply:
    if isinstance(scripted, Mapping):
        return Reply("embedding", OPENAI_EMBEDDINGS, dict(scripted))
    if not isinstance(scripted, list):
        raise BadRequestError(
            "mock_response of an embeddings call is a list of floats or a whole reply", param="mock_response"
        )
    vectors = tuple(Vector(index, scripted) for index in range(len(request.embeddings.input)))
    typed = EmbeddingsReply(request.model, vectors, Usage(input=10))
    return Reply("embedding", OPENAI_EMBEDDINGS, typed=typed)


def _raise_if_scripted(text: str) -> None:
    if not text.startswith(("litellm.", "nova.", "Exception:")):
        return
    for name, error in RAISES.items():
        if name in text.split("\n", 1)[0]:
            raise error(f"mock_response: {name}")
