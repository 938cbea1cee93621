"""Sources of an answer: grounding and citations."""

# https://ai.google.dev/api/generate-content#GroundingMetadata and #CitationMetadata

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nova_core.types.chat import Citation
from nova_core.wire.gemini.fields import NAME

SOURCES = ("web", "retrievedContext", "maps", "image")


def citations_of(candidate: Mapping[str, Any]) -> tuple[Citation, ...]:
    """What other dialects can use of a candidate's grounding and citations, each source once for each quotation."""
    return (*_grounding(candidate.get("groundingMetadata")), *_citations(candidate.get("citationMetadata")))


def _grounding(metadata: Any) -> Iterator[Citation]:
    if not isinstance(metadata, Mapping):
        return
    chunks = _objects(metadata.get("groundingChunks"))
    quoted: set[int] = set()
    for support in _objects(metadata.get("groundingSupports")):
        segment = support.get("segment")
        words = _text(segment.get("text")) if isinstance(segment, Mapping) else None
        for place in support.get("groundingChunkIndices") or ():
            if isinstance(place, int) and 0 <= place < len(chunks):
                quoted.add(place)
                yield _cited(chunks[place], words)
    yield from (_cited(chunk, None) for place, chunk in enumerate(chunks) if place not in quoted)


def _cited(chunk: Mapping[str, Any], words: str | None) -> Citation:
    source: Mapping[str, Any] = next((chunk[name] for name in SOURCES if isinstance(chunk.get(name), Mapping)), {})
    return Citation(NAME, chunk, url=_text(source.get("uri")), title=_text(source.get("title")), cited_text=words)


def _citations(metadata: Any) -> Iterator[Citation]:
    found = metadata.get("citations", metadata.get("citationSources")) if isinstance(metadata, Mapping) else None
    for raw in _objects(found):
        yield Citation(NAME, raw, url=_text(raw.get("uri")), title=_text(raw.get("title")))


def citation_metadata(cited: Iterable[Citation]) -> dict[str, Any]:
    """`citationMetadata` of citations that came in other dialects; empty when there are none with an address."""
    found = []
    for citation in cited:
        if citation.dialect != NAME and citation.url is not None:
            named = {"uri": citation.url, "title": citation.title}
            placed = {"startIndex": citation.start, "endIndex": citation.end}
            found.append({name: value for name, value in (named | placed).items() if value is not None})
    return {"citationMetadata": {"citationSources": found}} if found else {}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
