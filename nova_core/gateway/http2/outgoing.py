"""What a connection has to write: frames of a round together, bodies in turns."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from nova_core.gateway.http2.rules import Rules

if TYPE_CHECKING:
    from nova_core.gateway.http2.line import Line

PIECE = 64 * 1024
GATHERED = 256 * 1024


class Outgoing:
    """Writes what the rules have ready. While the socket is `blocked`, bodies wait; `end` is for good."""

    __slots__ = ("_due", "_ended", "_gathered", "_loop", "_rules", "_senders", "_transport", "blocked")

    def __init__(self, rules: Rules, loop: asyncio.AbstractEventLoop) -> None:
        self.blocked = False
        self._rules = rules
        self._loop = loop
        self._transport: asyncio.WriteTransport | None = None
        self._senders: dict[Line, None] = {}
        self._due = self._ended = False
        self._gathered = 0

    def begin(self, transport: asyncio.WriteTransport) -> None:
        """There is a socket to write to."""
        self._transport = transport
        self.write()

    def send(self, line: Line) -> None:
        """There is something of a body to send."""
        self._senders[line] = None
        self.pump()

    def drop(self, line: Line) -> None:
        """It has no more to send."""
        self._senders.pop(line, None)

    def pump(self) -> None:
        """Send bodies, a frame of each in turn, as far as windows and socket take them; next time go on from there."""
        turns = deque(self._senders)
        while turns and not self.blocked:
            line = turns.popleft()
            window = self._rules.local_flow_control_window(line.number)
            cut = line.cut(min(window, self._rules.max_outbound_frame_size, PIECE))
            if cut is None:
                continue
            piece, line.sent_all = cut
            self._rules.send_data(line.number, piece, end_stream=line.sent_all)
            del self._senders[line]
            if line.blocked:
                self._senders[line] = None
                turns.append(line)
            else:
                line.go_on()
            self._gathered += len(piece)
            if self._gathered >= GATHERED:
                self.write()
        self.soon()

    def soon(self) -> None:
        """Write what there is to write at the end of this round, together."""
        if not self._due and not self._ended:
            self._due = True
            self._loop.call_soon(self.write)

    def write(self) -> None:
        """Write what there is to write."""
        self._due = False
        self._gathered = 0
        if self._transport is not None and not self._ended and (data := self._rules.data_to_send()):
            self._transport.write(data)

    def end(self) -> None:
        """Write nothing more."""
        self._ended = True
        self._senders.clear()
