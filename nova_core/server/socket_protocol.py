"""The connection of a WebSocket: uvicorn's, which takes an accepted offer over. Needs the package `websockets`."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from nova_core.server.upgrades import STOPPING
from nova_core.server.watched import WatchedConnection


class SocketProtocol(WatchedConnection, WebSocketsSansIOProtocol):
    """Keeps what a peer sends before it is accepted until then, and drops one that stops reading."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn.debug = False  # it would log headers, with their keys
        self._early = b""

    @property
    def idle_seconds(self) -> float:
        """See `WatchedConnection`."""
        return float(self.config.timeout_keep_alive)

    def finish_up(self) -> None:
        """Tell the application."""
        stopping: Any = {"type": STOPPING}
        self.queue.put_nowait(stopping)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone."""
        self.watch_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes arrived. Those of a peer that did not wait for the answer to its offer wait themselves."""
        if self.handshake_initiated and not self.handshake_complete:
            if not self._early and not self.transport.is_closing():
                self.transport.pause_reading()
            self._early += data
        else:
            super().data_received(data)

    async def send(self, message: Any) -> None:
        """A message of the application."""
        await super().send(message)
        if self._early and self.handshake_complete and not self.close_sent:
            early, self._early = self._early, b""
            self.transport.resume_reading()
            self.data_received(early)
