"""Blocks of a stream that only this dialect knows, put together: images, and tools that the vendor runs."""

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlockDelta.html

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

Data = dict[str, Any]


def add_piece(block: Data, delta: Mapping[str, Any]) -> None:
    """Add a delta to its block. Raises TypeError or ValueError for what is no piece of one."""
    for kind, piece in delta.items():
        held = block.setdefault(kind, {})
        if isinstance(piece, list):
            held["content"] = [*held.get("content", ()), *piece]
        elif isinstance(piece, Mapping):
            for name, value in piece.items():
                held[name] = _joined(held.get(name), value)
        else:
            raise TypeError(f"{kind} is no piece of a block")


def whole_block(block: Data) -> Data:
    """The block as it is in a whole reply: what a tool is given is JSON. Raises ValueError."""
    call = block.get("toolUse")
    if not isinstance(call, Mapping) or not isinstance(call.get("input"), str):
        return block
    return {**block, "toolUse": {**call, "input": msgspec.json.decode(call["input"] or "{}")}}


def _joined(held: Any, piece: Any) -> Any:
    """Text goes on, so do the bytes of a source, which are base64; anything else is said anew."""
    if isinstance(held, str) and isinstance(piece, str):
        return held + piece
    if isinstance(held, Mapping) and isinstance(piece, Mapping) and "bytes" in held and "bytes" in piece:
        data = base64.b64decode(held["bytes"], validate=True) + base64.b64decode(piece["bytes"], validate=True)
        return {**held, **piece, "bytes": base64.b64encode(data).decode()}
    return piece
