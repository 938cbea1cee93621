"""Whom a connection deals with: the pool that keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from nova_core.gateway.http1.decode import Codings
from nova_core.gateway.transport import TransportOptions

if TYPE_CHECKING:
    from nova_core.gateway.http2.connection import Http2Connection


@dataclass(frozen=True, slots=True)
class Bounds:
    """What no option says. Times in seconds.

    A connection carries `most_streams` at most. After `ping_after` of silence it is asked for a sign of life, and has
    `ping_patience` to give one. An upstream that chose HTTP/1.1 is not asked again for `old_for`.
    """

    most_streams: int = 100
    ping_after: float = 30.0
    ping_patience: float = 15.0
    old_for: float = 600.0


DEFAULT_BOUNDS = Bounds()


class Keeper(Protocol):
    """Who owns connections: the pool."""

    codings: Codings
    options: TransportOptions
    bounds: Bounds

    def freed(self, connection: Http2Connection) -> None:
        """There may be room on it for another stream."""
        ...

    def forget(self, connection: Http2Connection) -> None:
        """It is closed."""
        ...
