"""Rerank: which of some documents answer a query best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nova_core.types.chat import Extra
from nova_core.types.usage import Usage

Document = str | Mapping[str, Any]
"""A text, or an object: `{"text": …}`, `{"image": …}`, or fields of which `rank_fields` names those that count."""


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """`top_n` is the most results wanted; with `return_documents` None the dialect says whether documents come back."""

    model: str
    query: Document
    documents: tuple[Document, ...]
    top_n: int | None = None
    return_documents: bool | None = None
    rank_fields: tuple[str, ...] | None = None
    max_tokens_per_doc: int | None = None
    max_chunks_per_doc: int | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranked:
    """One result: the place of its document in the request, and its relevance, in most models from 0 to 1."""

    index: int
    score: float
    document: Document | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RerankReply:
    """Results, the most relevant first. `search_units` is what the vendor says it bills, None where it says nothing."""

    model: str
    results: tuple[Ranked, ...]
    id: str | None = None
    search_units: float | None = None
    usage: Usage | None = None
    extra: Extra = field(default_factory=dict)
