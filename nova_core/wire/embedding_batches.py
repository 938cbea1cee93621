"""Embeddings of more items than a vendor takes at once: one exchange after the other, and one reply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.types.embeddings import EmbeddingsReply, EmbeddingsRequest, Vector
from nova_core.types.message import Reply, Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.types.usage import Usage

Ask = Callable[[Request], Exchange]


def in_batches(request: Request, most: int, ask: Ask) -> Exchange:
    """The exchange of a request, or the first of several with at most so many items each."""
    typed = request.embeddings
    if len(typed.input) <= most:
        return ask(request)
    batches = [typed.input[start : start + most] for start in range(0, len(typed.input), most)]
    return _Batches(request, [replace(typed, input=batch) for batch in batches], ask).next()


class _Batches:
    """What is left to ask, and what was answered."""

    def __init__(self, request: Request, left: list[EmbeddingsRequest], ask: Ask) -> None:
        self._request = request
        self._left = left
        self._ask = ask
        self._read: list[EmbeddingsReply] = []

    def next(self) -> Exchange:
        """The next exchange, which leads to the ones after it."""
        exchange = self._ask(self._request.with_typed(self._left.pop(0)))
        return msgspec.structs.replace(exchange, read=partial(self._reply, exchange.read))

    def _reply(
        self, read: Callable[[UpstreamResponse], Reply | Exchange], response: UpstreamResponse
    ) -> Reply | Exchange:
        reply = read(response)
        if isinstance(reply, Exchange):
            return msgspec.structs.replace(reply, read=partial(self._reply, reply.read))
        typed = reply.typed
        if not isinstance(typed, EmbeddingsReply):
            raise BadGatewayError("the upstream's answer is no embeddings reply")
        self._read.append(typed)
        return self.next() if self._left else reply.with_typed(self._whole())

    def _whole(self) -> EmbeddingsReply:
        """All vectors in the order of their items; usage is known when every answer stated it."""
        vectors = [vector.embedding for reply in self._read for vector in reply.data]
        stated = [reply.usage for reply in self._read if reply.usage is not None]
        usage = sum(stated, Usage()) if len(stated) == len(self._read) else None
        data = tuple(Vector(index, embedding) for index, embedding in enumerate(vectors))
        return replace(self._read[-1], data=data, usage=usage)
