"""Embeddings: requests, replies, and the space that vectors live in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nova_core.types.chat import Extra
from nova_core.types.usage import Usage


@dataclass(frozen=True, slots=True)
class EmbeddingsRequest:
    """`input` items are strings, token lists or objects (multimodal, per-item task); kept as decoded JSON.

    `single` is True when the caller sent one item that was not in a list.
    """

    model: str
    input: tuple[Any, ...]
    single: bool = False
    dimensions: int | None = None
    encoding_format: str | None = None
    task: str | None = None
    return_multivector: bool | None = None
    user: str | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vector:
    """One item's embedding: floats, base64 of little-endian float32, or one list of floats per token."""

    index: int
    embedding: Sequence[float] | Sequence[Sequence[float]] | str


@dataclass(frozen=True, slots=True)
class EmbeddingsReply:
    model: str
    data: tuple[Vector, ...]
    usage: Usage | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """Where vectors can be compared: same model, adapter, dimensions, normalisation, and pooled or one per token.

    Provider, key and base are not part of it: two deployments of one model share a space.
    `dimensions` is None for the model's own width, `normalised` for what the model does unasked. `pinned` is the
    operator's name for the space (`model_info.embedding_space`) and then decides equality alone, together
    with dimensions, normalisation and form.
    """

    model: str
    adapter: str | None = None
    dimensions: int | None = None
    multivector: bool = False
    pinned: str | None = None
    normalised: bool | None = None

    @property
    def name(self) -> str:
        """The text in `x-nova-embedding-space`."""
        base = self.pinned or (f"{self.model}+{self.adapter}" if self.adapter else self.model)
        form = "/multivector" if self.multivector else "/pooled"
        if self.normalised is not None:
            form += "/normalised" if self.normalised else "/unnormalised"
        return f"{base}/{self.dimensions}{form}" if self.dimensions else f"{base}{form}"
