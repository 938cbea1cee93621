"""What Python can do at best: a proxy of two asyncio protocols on httptools, with next to no features.

It checks a key, reads `model` and `stream`, runs six hooks that do nothing, picks one of three deployments, renames the
model and counts tokens. It has no retries, deadlines, limits, logs, errors or back-pressure: a ceiling to measure by,
nothing to build on. `python -m benchmarks.prototype PORT UPSTREAM_PORT KEY`.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Callable
from typing import Any

import httptools
import msgspec
import uvloop


class Asked(msgspec.Struct):
    """The members of a request that decide where it goes."""

    model: str
    stream: bool = False


class Counted(msgspec.Struct):
    total_tokens: int = 0


class Answered(msgspec.Struct):
    usage: Counted | None = None


Hook = Callable[[Asked], None]


class Gateway:
    """What all connections share."""

    def __init__(self, upstream: int, key: str) -> None:
        self.upstream = upstream
        self.credential = f"Bearer {key}".encode()
        self.idle: list[Upstream] = []
        self.hooks: tuple[Hook, ...] = (lambda asked: None,) * 6
        self.next_name = itertools.cycle((b'"up"', b'"up"', b'"up"')).__next__
        self.tokens = 0
        self.read = msgspec.json.Decoder(Asked).decode
        self.read_answer = msgspec.json.Decoder(Answered).decode

    def send(self, request: bytes, caller: Caller, stream: bool) -> None:
        """Over a kept connection, or a new one."""
        if self.idle:
            self.idle.pop().ask(request, caller, stream)
        else:
            caller.task = asyncio.ensure_future(self.connect(request, caller, stream))

    async def connect(self, request: bytes, caller: Caller, stream: bool) -> None:
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: Upstream(self), "127.0.0.1", self.upstream)
        made.ask(request, caller, stream)


class Upstream(asyncio.Protocol):
    """One kept connection to the upstream."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self in self.gateway.idle:
            self.gateway.idle.remove(self)

    def ask(self, request: bytes, caller: Caller, stream: bool) -> None:
        self.caller, self.stream = caller, stream
        self.parts: list[bytes] = []
        self.done = False
        self.parser = httptools.HttpResponseParser(self)
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)
        if self.stream and self.parts:
            body = b"".join(self.parts)
            self.parts.clear()
            self.caller.transport.write(b"%x\r\n%b\r\n" % (len(body), body))
        if self.done:
            self.caller.finish(self.stream, b"".join(self.parts))
            if self.kept:
                self.gateway.idle.append(self)
            else:
                self.transport.close()

    def on_headers_complete(self) -> None:
        if self.stream:
            self.caller.transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )

    def on_body(self, body: bytes) -> None:
        self.parts.append(body)

    def on_message_complete(self) -> None:
        self.done = True
        self.kept = self.parser.should_keep_alive()


class Caller(asyncio.Protocol):
    """One caller's connection."""

    task: asyncio.Task[None] | None = None

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.parts: list[bytes] = []
        self.credential = b""

    def on_url(self, url: bytes) -> None:
        self.path = url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"authorization":
            self.credential = value

    def on_body(self, body: bytes) -> None:
        self.parts.append(body)

    def on_message_complete(self) -> None:
        gateway = self.gateway
        if self.path == b"/health":
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            return
        if self.credential != gateway.credential:
            self.transport.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
            return
        body = b"".join(self.parts)
        asked = gateway.read(body)
        for hook in gateway.hooks:
            hook(asked)
        body = body.replace(b'"%b"' % asked.model.encode(), gateway.next_name(), 1)
        head = b"POST %b HTTP/1.1\r\nhost: upstream\r\nauthorization: Bearer sk-upstream\r\n" % self.path
        head += b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        gateway.send(head + body, self, asked.stream)

    def finish(self, stream: bool, body: bytes) -> None:
        """The end of the answer; of a stream only the last chunk."""
        if stream:
            self.transport.write(b"0\r\n\r\n")
            return
        usage = self.gateway.read_answer(body).usage
        self.gateway.tokens += usage.total_tokens if usage else 0
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)


async def serve(port: int, upstream: int, key: str) -> None:
    """Until the process is ended."""
    gateway = Gateway(upstream, key)
    server = await asyncio.get_running_loop().create_server(lambda: Caller(gateway), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
