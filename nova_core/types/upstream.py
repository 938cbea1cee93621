"""What a sans-I/O provider hands to the core, and what it gets back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from nova_core.errors import NovaError
from nova_core.types.dialect import Dialect
from nova_core.types.events import Frame
from nova_core.types.fidelity import EXACT, Fidelity

if TYPE_CHECKING:
    from nova_core.types.message import Reply


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One HTTP request. `headers` may hold credentials and are never shown."""

    url: str
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)
    stream: bool = False


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """A whole HTTP response. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class FrameParser(Protocol):
    """Bytes of a streamed response into frames."""

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by `data`. Raises StreamBrokenError for bytes that cannot be framed."""
        ...

    def end(self) -> list[Frame]:
        """Frames left at the end of data."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange with an upstream: the request, and how to read what comes back.

    `read` may return another exchange (a token, then the call; a poll; the next page). `read_error` turns a
    status of 400 and above into an error. `frames` makes the parser of a streamed answer; None = not streamed.
    """

    request: UpstreamRequest
    dialect: Dialect
    read: Callable[[UpstreamResponse], Reply | Exchange] = field(repr=False)
    read_error: Callable[[UpstreamResponse], NovaError] = field(repr=False)  # may know secrets, to keep them out
    frames: Callable[[], FrameParser] | None = None
    fidelity: Fidelity = EXACT
