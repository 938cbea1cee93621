"""The body of a request as aiohttp takes it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from nova_core.errors import NovaError
from nova_core.types.upload import StreamedBody
from nova_core.types.upstream import UpstreamRequest

LENGTH = "Content-Length"


class Outgoing:
    """One sending of one request. `failure` is what the body raised: aiohttp tells it as a broken connection."""

    __slots__ = ("data", "failure", "headers")

    def __init__(self, request: UpstreamRequest) -> None:
        self.failure: NovaError | None = None
        self.headers = request.headers
        self.data: bytes | AsyncIterator[bytes] | None
        if request.body is None or isinstance(request.body, bytes):
            self.data = request.body
            return
        self.data = self._pieces(request.body)
        length = request.body.length
        if length is not None:
            self.headers = (*request.headers, (LENGTH, str(length)))

    async def _pieces(self, body: StreamedBody) -> AsyncIterator[bytes]:
        try:
            async for piece in body.chunks():
                yield piece
        except NovaError as error:
            self.failure = error
            raise
