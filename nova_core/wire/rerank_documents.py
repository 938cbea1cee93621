"""Documents put into the results of a vendor that answers with their places alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import msgspec

from nova_core.types.message import Reply, Request
from nova_core.types.rerank import Document, RerankReply, RerankRequest
from nova_core.types.upstream import Exchange, UpstreamResponse

Read = Callable[[UpstreamResponse], Reply | Exchange]


def with_documents(exchange: Exchange, request: Request) -> Exchange:
    """The exchange of a rerank; its reply has the documents, where the caller's request wants them back.

    Raises BadRequestError for a request that cannot be read.
    """
    if request.dialect.name == exchange.dialect.name and request.get("return_documents") is not True:
        return exchange  # what the vendor does unasked is what its callers know
    typed = request.typed
    if not isinstance(typed, RerankRequest) or not typed.return_documents:
        return exchange
    return msgspec.structs.replace(exchange, read=partial(_read, exchange.read, typed.documents))


def _read(read: Read, documents: tuple[Document, ...], response: UpstreamResponse) -> Reply | Exchange:
    reply = read(response)
    if isinstance(reply, Exchange):
        return msgspec.structs.replace(reply, read=partial(_read, reply.read, documents))
    typed = reply.typed
    if not isinstance(typed, RerankReply) or all(each.document is not None for each in typed.results):
        return reply
    results = tuple(
        replace(each, document=documents[each.index])
        if each.document is None and 0 <= each.index < len(documents)
        else each
        for each in typed.results
    )
    return reply.with_typed(replace(typed, results=results))
