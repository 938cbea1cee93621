"""What an upstream must be sent, and how what it was sent differs from that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from nova_core.testing.upstream_http import Received


@dataclass(frozen=True, slots=True)
class Sent:
    """A request to an upstream: its `route`, and of its body one of three.

    `json` is the whole document, `form` the parts of a form by name (a text, or the bytes of a file), `body` the bytes.
    In `query` and `form` a name that comes several times has a list. What is None may be anything.
    """

    route: str
    json: Any = None
    form: Mapping[str, Any] | None = None
    body: bytes | None = None
    query: Mapping[str, Any] | None = None
    method: str = "POST"

    def otherwise(self, received: Received) -> dict[str, tuple[Any, Any]]:
        """What differs: what should have been sent, and what was."""
        seen = {
            "method": received.method,
            "route": received.route,
            "json": received.json,
            "form": gathered(
                (part.name, part.text if part.filename is None else part.content) for part in received.form
            ),
            "body": received.body,
            "query": gathered(parse_qsl(urlsplit(received.path).query, keep_blank_values=True)),
        }
        wanted = {name: getattr(self, name) for name in seen}
        return {name: (wanted[name], seen[name]) for name in seen if wanted[name] not in (None, seen[name])}


def gathered(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Pairs by name; values of one name in a list."""
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def texts_in(document: Any) -> Iterator[str]:
    """Every string of a JSON document, in order."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict | list):
        for item in document.values() if isinstance(document, dict) else document:
            yield from texts_in(item)


def objects_in(document: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON document, and every one whose JSON is one of its strings."""
    if isinstance(document, dict):
        yield document
    if isinstance(document, dict | list):
        for item in document.values() if isinstance(document, dict) else document:
            yield from objects_in(item)
    elif isinstance(document, str):
        try:
            yield msgspec.json.decode(document, type=dict[str, Any])
        except msgspec.DecodeError:
            return
