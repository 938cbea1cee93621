"""Offers to upgrade the connection are ignored, unless a WebSocket is served there: the request is like any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

FRAMING = (b"content-length", b"transfer-encoding")
STOPPING = "nova.stopping"
"""The type of a message, beside those of ASGI, by which the application hears that the process is about to stop."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """Which offers of a WebSocket are taken: those to a target that `serves` knows, if there is a `protocol`."""

    serves: Callable[[bytes], bool]
    protocol: Callable[[], type[Any] | None]


def sockets_installed() -> bool:
    """Whether WebSockets can be served: their package is an extra."""
    return find_spec("websockets") is not None


@cache
def socket_protocol() -> type[Any] | None:
    """What serves a connection as a WebSocket, None where it is not installed; imported when it is first wanted."""
    if not sockets_installed():
        return None
    from nova_core.server.socket_protocol import SocketProtocol

    return SocketProtocol


class PlainParser(httptools.HttpRequestParser):
    """Parses on behind the head of a request that offers an upgrade.

    httptools ends such a message at its head, whatever its framing says: the body would be lost, and its bytes taken
    for the next request. A server may ignore the offer (RFC 9110 §7.8), so the parser is given the framing once
    more, without the offer, before what follows.
    """

    def __init__(self, protocol: PlainProtocol) -> None:
        super().__init__(protocol)
        self._protocol = protocol

    def feed_data(self, data: Any) -> None:
        """Parse bytes. Raises httptools.HttpParserError."""
        while True:
            try:
                super().feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                data = memoryview(data)[offer.args[0] :]
                if self._protocol.offer_taken:
                    self._protocol.hand_over(bytes(data))
                    return
            head_again = self._protocol.head_again
            if head_again is not None and not self.should_keep_alive():  # this parser takes nothing more
                fresh = self._protocol.parser = PlainParser(self._protocol)
                fresh.feed_data(head_again + bytes(data))
                return
            if head_again is not None:
                super().feed_data(head_again)


class PlainProtocol(HttpToolsProtocol):
    """uvicorn's protocol for a server that ignores offers to upgrade, unless a subclass takes one.

    `head_again` is the framing of a body still to be read, `offer_taken` says that the connection is to be handed over.
    """

    head_again: bytes | None = None
    offer_taken = False

    def hand_over(self, rest: bytes) -> None:
        """Leave the connection to what was offered. Nothing is taken here."""
        raise AssertionError("no offer is taken")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.parser = PlainParser(self)

    def on_message_begin(self) -> None:
        """A head begins. The scope is made when the head is complete, if it is needed at all."""
        if self.head_again is None:
            self.url = b""
            self.headers = []

    def begin_scope(self) -> None:
        """Make the ASGI scope of the head that is complete."""
        if self.head_again is None:
            url, headers = self.url, self.headers
            super().on_message_begin()
            self.url = url
            self.headers.extend(headers)
            self.expect_100_continue = (b"expect", b"100-continue") in [(n, v.lower()) for n, v in headers]

    def on_url(self, url: bytes) -> None:
        """The target of a request."""
        if self.head_again is None:
            self.url += url

    def on_headers_complete(self) -> None:
        """The head is complete; after an offer it comes a second time, with nothing but the framing."""
        if self.head_again is not None:
            self.head_again = None
            return
        super().on_headers_complete()
        if self.parser.should_upgrade():
            framing = [b"%b: %b\r\n" % pair for pair in self.headers if pair[0] in FRAMING]
            self.head_again = b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(framing) if framing else None

    def on_message_complete(self) -> None:
        """The message is complete, unless its body follows the second head."""
        if self.head_again is None:
            super().on_message_complete()
