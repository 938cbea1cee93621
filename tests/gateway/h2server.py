"""An HTTP/2 server whose answers are written by the test: by the rules, or frame by frame against them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, RequestReceived, StreamEnded, StreamReset, WindowUpdated
from h2.exceptions import StreamClosedError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame


class Visit:
    """One request. `body` grows while it comes; `over` is set when it is whole, `gone` when it was reset."""

    def __init__(self, peer: Peer, number: int, headers: dict[str, str]) -> None:
        self.peer = peer
        self.number = number
        self.headers = headers
        self.body = b""
        self.over = asyncio.Event()
        self.gone = asyncio.Event()
        self.room = asyncio.Event()

    def head(self, status: int = 200, *, end: bool = False, **headers: str) -> None:
        fields = [(":status", str(status)), *((name.replace("_", "-"), value) for name, value in headers.items())]
        self.peer.rules.send_headers(self.number, fields, end_stream=end)
        self.peer.write()

    async def send(self, data: bytes = b"", *, end: bool = False) -> None:
        """Send this as the client's windows allow."""
        rules = self.peer.rules
        while True:
            self.room.clear()
            size = min(rules.local_flow_control_window(self.number), rules.max_outbound_frame_size, len(data))
            rules.send_data(self.number, data[:size], end_stream=end and size == len(data))
            self.peer.write()
            data = data[size:]
            if not data:
                return
            await self.room.wait() if not size else await asyncio.sleep(0)

    async def answer(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        self.head(status, end=not body, **headers)
        if body:
            await self.send(body, end=True)

    def reset(self, code: ErrorCodes) -> None:
        self.peer.rules.reset_stream(self.number, code)
        self.peer.write()

    def frames(self, *frames: Frame) -> None:
        """Send these as they are, whatever the rules say."""
        self.peer.raw(b"".join(frame.serialize() for frame in frames))


Answers = Callable[[Visit], Awaitable[None]]


class Peer(asyncio.Protocol):
    """One connection, seen from the server."""

    def __init__(self, server: H2Server) -> None:
        self.server = server
        self.rules = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.visits: dict[int, Visit] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.closed = asyncio.Event()
        self.transport: asyncio.Transport

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.server.peers.append(self)
        if self.server.greeting is not None:
            transport.write(self.server.greeting)
            return
        settings = self.rules.local_settings = Settings(client=False, initial_values=self.server.settings)
        self.rules.decoder.max_allowed_table_size = settings.header_table_size
        self.rules.initiate_connection()
        self.write()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
        for visit in self.visits.values():
            visit.gone.set()

    def write(self) -> None:
        data = self.rules.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def raw(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        if self.server.greeting is None:
            for event in self.rules.receive_data(data):
                self.happened(event)
            self.write()

    def happened(self, event) -> None:
        match event:
            case RequestReceived():
                visit = self.visits[event.stream_id] = Visit(self, event.stream_id, dict(event.headers))
                self.server.visits.append(visit)
                task = asyncio.get_running_loop().create_task(self.serve(visit))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
            case DataReceived():
                self.visits[event.stream_id].body += event.data
                if self.server.takes:
                    self.rules.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                self.visits[event.stream_id].over.set()
            case StreamReset():
                self.server.resets.append((event.stream_id, event.error_code))
                self.visits[event.stream_id].gone.set()
            case WindowUpdated():
                for visit in self.visits.values():
                    visit.room.set()
            case ConnectionTerminated():
                self.server.goodbyes.append(event.error_code)

    async def serve(self, visit: Visit) -> None:
        try:
            if not self.server.early:
                await visit.over.wait()
            await self.server.answers(visit)
        except StreamClosedError:
            return  # the client has left


async def ok(visit: Visit) -> None:
    await visit.answer(b"ok")


class H2Server:
    """Serves on loopback. `early`: answers begin before bodies end; `takes`: what comes of bodies is acknowledged.

    `greeting` is sent instead of all else. `resets`, `goodbyes`: what clients have sent of these.
    """

    def __init__(
        self,
        answers: Answers = ok,
        *,
        tls: ssl.SSLContext | None = None,
        settings: dict[SettingCodes, int] | None = None,
        early: bool = False,
        takes: bool = True,
        greeting: bytes | None = None,
    ) -> None:
        self.answers = answers
        self.settings = settings or {}
        self.early = early
        self.takes = takes
        self.greeting = greeting
        self.peers: list[Peer] = []
        self.visits: list[Visit] = []
        self.resets: list[tuple[int, int]] = []
        self.goodbyes: list[int] = []
        self._tls = tls
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> H2Server:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Peer(self), "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        tasks = [task for peer in self.peers for task in peer.tasks]
        for task in tasks:
            task.cancel()
        for peer in self.peers:
            peer.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
