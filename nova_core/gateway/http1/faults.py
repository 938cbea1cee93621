"""How an exchange on a connection fails, before it is said to anyone."""

from __future__ import annotations


class Fault(Exception):
    """The connection is of no use any more."""


class DisconnectedFault(Fault):
    """It closed before the message was complete. `heard`: some byte of an answer had come."""

    def __init__(self, *, heard: bool) -> None:
        super().__init__("the connection closed")
        self.heard = heard


class FramingFault(Fault):
    """What came breaks the rules of HTTP/1.1. The reason is a fixed text, never a quotation."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DecodingFault(Fault):
    """The body is not in the content coding that its headers name."""
