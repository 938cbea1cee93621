"""The key of a call: equal for calls that have the same answer. Pure functions."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from nova_core.types.call import Call
from nova_core.types.message import Request, decoded
from nova_core.types.upload import files_of

NOT_IN_KEY = frozenset({"model", "stream", "stream_options"})
"""Members that do not shape the answer: the model group stands for the model, and a hit can be streamed."""
LARGEST_REQUEST = 4 * 1024 * 1024
"""Bytes; making the key of a larger request would hold up other calls."""
SHAPING_HEADERS = ("anthropic-beta",)

_MESSAGES = msgspec.json.Decoder(list[msgspec.Raw])


def cache_key(call: Call, request: Request, *, group: str, namespace: str, scope: str) -> str | None:
    """A SHA-256, after `namespace:` where there is one; None for a request that is too large, or brings a file.

    `scope` is the caller's id where answers are kept apart, else empty.
    """
    members = {name: value for name, value in request.members.items() if name not in NOT_IN_KEY}
    if sum(len(memoryview(value)) for value in members.values() if isinstance(value, msgspec.Raw)) > LARGEST_REQUEST:
        return None
    if files_of(members):
        return None
    said = {name: value for name, item in members.items() if (value := decoded(item)) is not None}
    options = call.options
    shaping: list[Any] = [
        group,
        request.operation,
        request.dialect.name,
        scope,
        sorted(call.tags),
        sorted(options.guardrails),
        options.drop_params,
        sorted(options.additional_drop_params),
        sorted(options.allowed_params),
        [call.headers.get(name) for name in SHAPING_HEADERS],
        said,
    ]
    digest = hashlib.sha256(msgspec.json.encode(shaping, order="sorted")).hexdigest()
    return f"{namespace}:{digest}" if namespace else digest


def messages_in(request: Request) -> int:
    """How many messages a conversation has; 0 for what is none."""
    value = request.members.get("messages")
    if isinstance(value, msgspec.Raw):
        try:
            return len(_MESSAGES.decode(value))
        except msgspec.DecodeError:
            return 0
    return len(value) if isinstance(value, list) else 0
