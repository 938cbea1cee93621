"""Who deals with whom: a connection with its pool and who asks over it, an answer with what it comes over."""

from __future__ import annotations

from collections.abc import Callable
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


class Carrier(Protocol):
    """What an answer comes over: a whole connection, or a stream of one that carries many."""

    @property
    def where(self) -> str:
        """How errors name the upstream."""
        ...

    @property
    def expect(self) -> Callable[[float], None]:
        """Something has come: whoever waits has patience for so many seconds again."""
        ...

    def now(self) -> float:
        """The loop's clock, in seconds."""
        ...

    async def wait(self, deadline: float) -> None:
        """Until something happens here. Raises TimeoutError at `deadline`, in seconds of the loop's clock."""
        ...

    def wake(self) -> None:
        """Something happened."""
        ...

    def pause(self) -> None:
        """Take no more from the upstream for now."""
        ...

    def resume(self) -> None:
        """Take what the upstream has."""
        ...

    def close(self) -> None:
        """Be done with the answer, which is not complete."""
        ...


class Asker(Protocol):
    """Who has asked and does not wait: exactly one of these is called, once."""

    def answered(self, head: Head, body: bytes) -> None:
        """All of the answer has come at once; the connection is free again."""
        ...

    def unanswered(self) -> None:
        """Anything else has happened: what comes of it is found with `Connection.answer`."""
        ...
