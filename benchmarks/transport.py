"""CPU time a request in the upstream transports: ours against aiohttp, and a floor that neither renders nor parses.

The upstream is a process of its own that answers from memory; what is measured is this process's CPU time alone
(`time.process_time`), kernel included. The floor writes the same bytes and waits for as many: ours minus the floor is
what the client itself costs. Rounds are interleaved, medians are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

import uvloop

from nova_core.gateway.http1 import Http1Transport
from nova_core.gateway.transport import Transport, TransportOptions
from nova_core.gateway.transport_aiohttp import AiohttpTransport
from nova_core.types.upstream import UpstreamRequest

BODY = b'{"model":"m","messages":[{"role":"user","content":"%s"}]}'
REPLY_HEAD = (
    b"HTTP/1.1 200 OK\r\nserver: scripted\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: application/json\r\n"
    b"x-request-id: 0123456789abcdef\r\nx-ratelimit-remaining-requests: 99\r\ncontent-length: %d\r\n\r\n"
)
HEADERS = (("authorization", "Bearer sk-benchmark"), ("content-type", "application/json"), ("accept", "*/*"))
BUDGET_US = 15.0

Ask = Callable[[], Awaitable[int]]


class Upstream(asyncio.Protocol):
    """Answers each request with the same bytes; understands of it where it ends, and nothing else."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._left == 0:
            head, _, _ = data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            self._left = len(head) + 4 + length
        self._left -= len(data)
        if self._left <= 0:
            self._left = 0
            self._transport.write(self._reply)  # type: ignore[attr-defined]


def serve(reply: bytes, ready: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Upstream(reply), "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


class Floor(asyncio.Protocol):
    """Writes a request that is ready and counts the bytes of the answer."""

    def __init__(self, request: bytes, length: int) -> None:
        self._request = request
        self._length = length
        self._come = 0
        self._waiter: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    async def ask(self) -> int:
        self._come = 0
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(self._request)  # type: ignore[attr-defined]
        return await self._waiter

    def data_received(self, data: bytes) -> None:
        self._come += len(data)
        if self._come >= self._length and self._waiter is not None:
            self._waiter.set_result(self._come)


async def microseconds(asks: list[Ask], requests: int) -> float:
    """CPU µs a request of one batch, spread over as many tasks as there are ways to ask."""

    async def work(ask: Ask) -> None:
        for _ in range(requests // len(asks)):
            await ask()

    gc.collect()
    begun = time.process_time()
    await asyncio.gather(*map(work, asks))
    return (time.process_time() - begun) / (requests // len(asks) * len(asks)) * 1e6


def through(transport: Transport, request: UpstreamRequest) -> Ask:
    async def ask() -> int:
        stream = await transport.open(request)
        body = await stream.read(limit=1 << 24)
        await stream.aclose()
        return len(body)

    return ask


async def compare(port: int, arguments: argparse.Namespace, reply: bytes) -> dict[str, float]:
    """Median µs a request of the floor and of each transport."""
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    body = BODY % (b"x" * max(0, arguments.request_bytes - len(BODY)))
    request = UpstreamRequest(url, headers=HEADERS, body=body)
    transports: dict[str, Transport] = {
        "ours": Http1Transport(TransportOptions()),
        "aiohttp": AiohttpTransport(TransportOptions()),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in HEADERS)
    raw = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body
    loop = asyncio.get_running_loop()
    floors = [
        (await loop.create_connection(lambda: Floor(raw, len(reply)), "127.0.0.1", port))[1]
        for _ in range(arguments.connections)
    ]
    ways: dict[str, list[Ask]] = {"floor": [each.ask for each in floors]}
    ways |= {name: [through(made, request)] * arguments.connections for name, made in transports.items()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(arguments.rounds + 1):
        for name, asks in ways.items():
            spent = await microseconds(asks, arguments.requests)
            if round_number:  # the first one connects and warms up
                times[name].append(spent)
    for made in transports.values():
        await made.aclose()
    return {name: statistics.median(each) for name, each in times.items()}


def main() -> int:
    """Print a table; with `--gate` the exit code tells whether our client stayed within its budget over the floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=4_000, help="a round and transport")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--request-bytes", type=int, default=270)
    parser.add_argument("--reply-bytes", type=int, default=400)
    parser.add_argument("--gate", action="store_true", help="exit 1 over the budget; for a quiet machine")
    arguments = parser.parse_args()
    reply = REPLY_HEAD % arguments.reply_bytes + b"x" * arguments.reply_bytes
    context = multiprocessing.get_context("spawn")
    ready, there = context.Pipe()
    upstream = context.Process(target=serve, args=(reply, there), daemon=True)
    upstream.start()
    medians = uvloop.run(compare(ready.recv(), arguments, reply))
    upstream.terminate()
    for name, spent in medians.items():
        print(f"{name:8} {spent:7.1f} µs CPU a request, {spent - medians['floor']:7.1f} over the floor")
    ours, aiohttp = medians["ours"], medians["aiohttp"]
    over = ours - medians["floor"]
    print(f"aiohttp / ours: {aiohttp / ours:.1f} in all, {(aiohttp - medians['floor']) / over:.1f} over the floor")
    print(f"budget of ours over the floor: {BUDGET_US:.0f} µs")
    return int(arguments.gate and over > BUDGET_US)


if __name__ == "__main__":
    sys.exit(main())
