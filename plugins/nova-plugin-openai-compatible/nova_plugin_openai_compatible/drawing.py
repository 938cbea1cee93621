"""Images where vendors do not make or edit them as OpenAI does: where they are asked for, and until when."""

from __future__ import annotations

from typing import Protocol

from msgspec.structs import replace

from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange
from nova_core.wire.fetched_images import with_data
from nova_core.wire.polled import Where, followed

DRAWN: frozenset[Operation] = frozenset({"image_generation", "image_edit"})


class Drawing(Protocol):
    """What a row says of images beside their dialects."""

    def address(self, base: str, model: str, operation: Operation) -> str | None:
        """Where a model makes or edits images; None where the row's paths say it."""
        ...

    def drawn(self, exchange: Exchange, request: Request, base: str) -> Exchange:
        """The exchange that asks, and those that it leads to."""
        ...


class MaskedElsewhere:
    """Edits with a mask have an address of their own: `masked` in the place of `path`, at the end of the others'."""

    def __init__(self, path: str, masked: str) -> None:
        self._path = path
        self._masked = masked

    def address(self, base: str, model: str, operation: Operation) -> str | None:
        """See `Drawing.address`."""
        return None

    def drawn(self, exchange: Exchange, request: Request, base: str) -> Exchange:
        """See `Drawing.drawn`."""
        if request.get("mask") is None:
            return exchange
        url = exchange.request.url.replace(self._path, self._masked)
        return replace(exchange, request=replace(exchange.request, url=url))


def as_task(exchange: Exchange, begins: tuple[str, str], where: Where, base: str, *asks: tuple[str, str]) -> Exchange:
    """The exchange that begins a task, which the header `begins` says; questions have the headers `asks`.

    See `followed`.
    """
    request = exchange.request
    asking = replace(exchange, request=replace(request, headers=(*request.headers, *asks)))
    return replace(followed(asking, where, base), request=replace(request, headers=(*request.headers, begins)))


def as_wanted(exchange: Exchange, request: Request) -> Exchange:
    """The exchange whose images, which have addresses, are fetched for callers who want their data."""
    return with_data(exchange) if request.get("response_format") == "b64_json" else exchange
