"""New connections: names resolved, addresses tried in a race, TLS on top."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from itertools import chain, zip_longest
from typing import Any, TypeVar

from nova_core.gateway.http1.connection import Connection
from nova_core.gateway.http1.pool import Origin, Pool
from nova_core.gateway.http1.target import Address
from nova_core.gateway.transport_errors import not_connected

# How long one address is tried before the next one is tried beside it (RFC 8305 §5).
STAGGER = 0.25
REMEMBERED_SECONDS = 30.0
REMEMBERED_NAMES = 1_000
HANDSHAKE_SECONDS = 60.0

AddressInfo = tuple[int, int, int, str, Any]  # as of `socket.getaddrinfo`
P = TypeVar("P", bound=asyncio.BaseProtocol)


class Names:
    """Resolves names, each once at a time, and remembers the answers for `REMEMBERED_SECONDS`."""

    __slots__ = ("_asking", "_known")

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[float, list[AddressInfo]]] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[list[AddressInfo]]] = {}

    async def addresses(self, host: str, port: int) -> list[AddressInfo]:
        """Where `host` is, its families taking turns; another address comes first each time. Raises OSError."""
        key = (host, port)
        loop = asyncio.get_running_loop()
        expires, found = self._known.get(key, (0.0, []))
        if expires <= loop.time():
            task = self._asking.get(key)
            if task is None:
                task = self._asking[key] = loop.create_task(self._resolve(key))
                task.add_done_callback(lambda done: self._resolved(key, done))
            found = await asyncio.shield(task)
        taking_turns = _interleaved(found)
        found.append(found.pop(0))
        return taking_turns

    async def _resolve(self, key: tuple[str, int]) -> list[AddressInfo]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(*key, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        if len(self._known) >= REMEMBERED_NAMES:
            self._known.clear()
        addresses: list[AddressInfo] = list(found)
        self._known[key] = (loop.time() + REMEMBERED_SECONDS, addresses)
        return addresses

    def _resolved(self, key: tuple[str, int], task: asyncio.Task[list[AddressInfo]]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # whoever asked has been told, or has left

    def forget(self, host: str, port: int) -> None:
        """None of its addresses answers: ask anew next time."""
        self._known.pop((host, port), None)


class Dialer:
    """Makes connections for a pool."""

    __slots__ = ("_names", "_tls")

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._names = Names()

    async def connect(self, pool: Pool, origin: Origin) -> Connection:
        """A connection to `origin`, its certificate checked. Raises APIConnectionError."""
        loop = asyncio.get_running_loop()
        return await self.dial(origin.address, lambda: Connection(pool, origin, loop))

    async def dial(self, address: Address, make: Callable[[], P]) -> P:
        """What `make` makes, on a socket to `address` whose certificate is checked. Raises APIConnectionError."""
        loop = asyncio.get_running_loop()
        try:
            taken = await self._socket(address.host, address.port)
            tls: dict[str, Any] = {}
            if address.tls:
                name = address.host.rstrip(".")
                tls = {"ssl": self._tls, "server_hostname": name, "ssl_handshake_timeout": HANDSHAKE_SECONDS}
            _, made = await loop.create_connection(make, sock=taken, **tls)
        except (OSError, ssl.CertificateError) as error:
            raise not_connected(error, address.where) from None
        return made

    async def _socket(self, host: str, port: int) -> socket.socket:
        addresses = await self._names.addresses(host, port)
        try:
            return await _first_of(addresses)
        except OSError:
            self._names.forget(host, port)
            raise


async def _first_of(addresses: list[AddressInfo]) -> socket.socket:
    """The socket that is connected first; the other attempts end. Raises the first OSError if none is."""
    if len(addresses) == 1:
        return await _connected(addresses[0])
    errors: list[BaseException] = []
    running: set[asyncio.Task[socket.socket]] = set()
    coming = list(addresses)
    try:
        while coming or running:
            if coming:
                running.add(asyncio.create_task(_connected(coming.pop(0))))
            wait = STAGGER if coming else None
            done, _ = await asyncio.wait(running, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                running.discard(task)
                if error is None:
                    return task.result()
                errors.append(error)
        raise errors[0]
    finally:
        for task in running:
            _end(task)


def _end(task: asyncio.Task[socket.socket]) -> None:
    if not task.done():
        task.cancel()
    elif not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connected(address: AddressInfo) -> socket.socket:
    family, kind, protocol, _, where = address
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        with contextlib.suppress(OSError):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(made, where)
    except BaseException:
        made.close()
        raise
    return made


def _interleaved(addresses: list[AddressInfo]) -> list[AddressInfo]:
    """The family of the first address and the others take turns."""
    first = [each for each in addresses if each[0] == addresses[0][0]]
    others = [each for each in addresses if each[0] != addresses[0][0]]
    return [each for each in chain.from_iterable(zip_longest(first, others)) if each is not None]
