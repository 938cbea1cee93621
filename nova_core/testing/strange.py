"""What no vendor should answer, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from nova_core.errors import NovaError
from nova_core.testing.told import told_whole
from nova_core.types.message import RawReply, Reply, Request
from nova_core.types.upstream import Exchange, UpstreamResponse

GARBAGE = (b"", b"null", b"[]", b"{}", b"0", b'"text"', b'{"error": {"message": "no"}}', b"\xff\xfe{", b"[" * 5000)
STRANGE: tuple[Any, ...] = (None, "strange", -1, 1e308, True, [], {}, [None], {"strange": []})
"""What stands where something else should."""
FEW: tuple[Any, ...] = (None, "strange", -1, {"strange": []})
"""Some of that, for streams, which have many places."""

Answered = list[tuple[Exchange, UpstreamResponse]]


def in_json(answered: Answered) -> Answered:
    """The exchanges that were answered with JSON."""
    return [(exchange, response) for exchange, response in answered if response.body[:1] in (b"{", b"[")]


def as_if(response: UpstreamResponse, body: bytes) -> UpstreamResponse:
    """The same response with another body."""
    return UpstreamResponse(response.status, response.headers, body)


def changed(document: Any, path: str = "", things: Sequence[Any] = STRANGE) -> Iterator[tuple[str, Any]]:
    """The document with something strange in each of its places in turn, and without each of its members."""
    for strange in things:
        yield f"{path} = {strange!r}", strange
    if isinstance(document, dict):
        for name, value in document.items():
            yield f"no {path}.{name}", {other: kept for other, kept in document.items() if other != name}
            yield from ((where, {**document, name: new}) for where, new in changed(value, f"{path}.{name}", things))
    elif isinstance(document, list):
        for place, value in enumerate(document[:2]):
            before, after = document[:place], document[place + 1 :]
            yield from ((where, [*before, new, *after]) for where, new in changed(value, f"{path}[{place}]", things))


def broken_by_shape(answered: Answered, request: Request) -> list[tuple[str, str]]:
    """Where an answer of another shape raises what is no NovaError, while it is read or told to the caller."""
    broken = []
    for exchange, response in in_json(answered):
        for path, document in changed(msgspec.json.decode(response.body)):
            try:
                answer = exchange.read(as_if(response, msgspec.json.encode(document)))
                if isinstance(answer, Reply) and not isinstance(answer, RawReply):
                    assert answer.typed
                    told_whole(answer, request)
            except NovaError:
                continue
            except Exception as error:
                broken.append((path, repr(error)))
    return broken
