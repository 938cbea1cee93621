"""Sources that an answer refers to as `[1]`, made into OpenAI's annotations."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from nova_core.wire.mended_answers import with_choices

MARK = re.compile(r"\[(\d{1,3})\]")


class CitationsMender:
    """Annotates with `search_results` (`[{url, title}]`) or `citations` (URLs), numbered from 1.

    In streams all annotations come with the finish reason, when the text is complete.
    """

    def __init__(self) -> None:
        self._texts: dict[Any, str] = defaultdict(str)
        self._sources: list[dict[str, str]] = []

    def concerns(self, data: bytes) -> bool:
        """Everything: marks and sources come in any chunk."""
        return b'"choices"' in data

    def mended(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with annotations."""
        self._sources = list(_sources(answer)) or self._sources
        return with_choices(answer, self._choice)

    def _choice(self, choice: dict[str, Any], part: str, said: Mapping[str, Any]) -> dict[str, Any]:
        content = said.get("content")
        index = choice.get("index")
        self._texts[index] += content if isinstance(content, str) else ""
        complete = part == "message" or choice.get("finish_reason") is not None
        if not complete or "annotations" in said:
            return choice
        found = list(citations_of(self._texts[index], self._sources))
        return {**choice, part: {**said, "annotations": found}} if found else choice


def citations_of(text: str, sources: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
    """A `url_citation` for each mark in `text` that has a source; characters are counted from 0, the end excluded."""
    for mark in MARK.finditer(text):
        number = int(mark[1])
        if 1 <= number <= len(sources):
            place = {"start_index": mark.start(), "end_index": mark.end()}
            yield {"type": "url_citation", "url_citation": {**place, **sources[number - 1]}}


def _sources(answer: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    results, urls = answer.get("search_results"), answer.get("citations")
    if isinstance(results, list) and all(isinstance(each, Mapping) and each.get("url") for each in results):
        yield from ({"url": str(each["url"]), "title": str(each.get("title") or each["url"])} for each in results)
    elif isinstance(urls, list):
        yield from ({"url": str(url), "title": str(url)} for url in urls)
