"""Whom a connection deals with: the pool that keeps it, and who asks over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from nova_core.gateway.http1.decode import Codings
from nova_core.gateway.http1.head import Head
from nova_core.gateway.http1.outbox import Outbox
from nova_core.gateway.transport import TransportOptions

if TYPE_CHECKING:
    from nova_core.gateway.http1.connection import Connection


class Keeper(Protocol):
    """Who owns connections: the pool."""

    codings: Codings
    options: TransportOptions
    outbox: Outbox

    def release(self, connection: Connection) -> None:
        """Its exchange is complete, and it can carry another."""
        ...

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        ...


class Asker(Protocol):
    """Who has asked and does not wait: exactly one of these is called, once."""

    def answered(self, head: Head, body: bytes) -> None:
        """All of the answer has come at once; the connection is free again."""
        ...

    def unanswered(self) -> None:
        """Anything else has happened: what comes of it is found with `Connection.answer`."""
        ...
