"""gRPC channels: one for each address, opened when it is first asked, and the calls that go through them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from nova_core.errors import ConfigurationError, RequestTimeoutError
from nova_plugin_nvidia_riva.address import Address
from nova_plugin_nvidia_riva.failures import failure

PACKAGE: Final = "grpc.aio"
MOST_BYTES: Final = 256 * 1024 * 1024
"""Bytes of one message of an answer; left to itself, gRPC takes 4 MiB."""
OPTIONS: Final = (
    ("grpc.max_receive_message_length", MOST_BYTES),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),  # it is the gateway that tries again
    ("grpc.max_reconnect_backoff_ms", 5_000),  # a server that is back is found soon
)
MOST_IDLE: Final = 64
"""Channels kept for the next call."""
NOT_SENT: Final = "Internal error from Core"
"""What gRPC itself says of a message that can no longer be sent."""
MOMENT, MOMENTS = 0.01, 50
"""Seconds between two looks at what the server says, and how many there are."""
Metadata = tuple[tuple[str, str], ...]


class Ending:
    """The status that a server ends a call with. gRPC puts one of its own in that one's place, before it comes or after
    it, where a message is sent to who no longer listens.
    """

    def __init__(self, rpc: Any) -> None:
        self._rpc = rpc
        self._first: tuple[Any, Any] | None = None
        rpc.add_done_callback(self._note)

    @property
    def well(self) -> bool:
        """Whether the server has said all that it had to say."""
        return self._first is not None and self._first[0].name == "OK"

    async def status(self) -> tuple[str, str]:
        """The code and its text, the server's own where it comes in a moment."""
        code, details = self._first or (await self._rpc.code(), await self._rpc.details())
        for _ in range(MOMENTS):
            if details != NOT_SENT:
                break
            await asyncio.sleep(MOMENT)
            code, details = await self._rpc.code(), await self._rpc.details()
        return code.name, details or ""

    def _note(self, rpc: Any) -> None:
        self._first = _at_once(rpc.code()), _at_once(rpc.details())


class Line:
    """The calls through one channel. They end when whoever waits for them is cancelled.

    Raises what a status means as the gateway's errors, APIConnectionError without a connection.
    """

    def __init__(self, channel: Any, address: Address) -> None:
        self.channel = channel
        self.users = 0
        self._where = address.target

    async def ask(self, method: str, message: bytes, metadata: Metadata, seconds: float | None) -> bytes:
        """One message for another."""
        with self._failures():
            answer: bytes = await self.channel.unary_unary(method)(message, metadata=metadata, timeout=seconds)
        return answer

    async def pour(
        self, method: str, messages: AsyncIterator[bytes], metadata: Metadata, seconds: float | None
    ) -> list[bytes]:
        """All the messages for many: sent while they come. Raises what they raise, too."""
        rpc = self.channel.stream_stream(method)(metadata=metadata, timeout=seconds)
        ending = Ending(rpc)
        try:
            async with asyncio.TaskGroup() as tasks:
                answers = tasks.create_task(_read(rpc, ending))
                tasks.create_task(_write(rpc, messages))
        except ExceptionGroup as group:
            error = group.exceptions[0]
            if isinstance(error, _grpc().AioRpcError):
                error = failure(*await ending.status(), self._where)
            raise error from None
        finally:
            rpc.cancel()
        return answers.result()

    async def answers(
        self, method: str, message: bytes, metadata: Metadata, idle: float
    ) -> AsyncGenerator[bytes, None]:
        """Many messages for one, as they come; gaps between them are bounded by `idle` seconds."""
        with self._failures():
            rpc = self.channel.unary_stream(method)(message, metadata=metadata)
            try:
                while True:
                    try:
                        async with asyncio.timeout(idle):
                            answer = await rpc.read()
                    except TimeoutError as error:
                        said = f"the upstream {self._where} did not send anything within {idle:g} s (idle deadline)"
                        raise RequestTimeoutError(said, code="idle_timeout") from error
                    if not isinstance(answer, bytes):
                        return
                    yield answer
            finally:
                rpc.cancel()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except _grpc().AioRpcError as error:
            raise failure(error.code().name, error.details() or "", self._where) from error


class Channels:
    """The lines of one provider, each of the event loop that it was opened in."""

    def __init__(self) -> None:
        self._lines: dict[tuple[asyncio.AbstractEventLoop, Address], Line] = {}

    async def to(self, address: Address) -> Line:
        """The line to an address; whoever has it in `users` keeps it open. Raises ConfigurationError."""
        if PACKAGE not in sys.modules:
            await asyncio.to_thread(import_module, PACKAGE)
        key = (asyncio.get_running_loop(), address)
        if key not in self._lines:
            credentials = await asyncio.to_thread(_credentials, address) if address.secure else None
            await self._tidy()
        if key not in self._lines:
            aio = _grpc()
            opened = (
                aio.insecure_channel(address.target, options=OPTIONS)
                if credentials is None
                else aio.secure_channel(address.target, credentials, options=OPTIONS)
            )
            self._lines[key] = Line(opened, address)
        return self._lines[key]

    async def aclose(self) -> None:
        """Close all; calls that are under way end."""
        loop = asyncio.get_running_loop()
        mine = [line for (owner, _), line in self._lines.items() if owner is loop]
        self._lines.clear()
        for line in mine:
            await line.channel.close()

    async def _tidy(self) -> None:
        """Make room: forget the lines of loops that have ended, close the oldest that nobody uses."""
        loop = asyncio.get_running_loop()
        for key in [key for key in self._lines if key[0].is_closed()]:
            del self._lines[key]
        idle = [key for key, line in self._lines.items() if key[0] is loop and not line.users]
        for key in idle[: max(0, len(self._lines) + 1 - MOST_IDLE)]:
            await self._lines.pop(key).channel.close()


def _at_once(known: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine answers that has nothing to wait for."""
    try:
        known.send(None)
    except StopIteration as answer:
        return answer.value
    raise AssertionError("it is known when a call has ended")


async def _read(rpc: Any, ending: Ending) -> list[bytes]:
    """All the answers; the server may have given them before it has heard everything."""
    answers = []
    try:
        while isinstance(answer := await rpc.read(), bytes):
            answers.append(answer)
    except _grpc().AioRpcError:
        if not ending.well:
            raise
    return answers


async def _write(rpc: Any, messages: AsyncIterator[bytes]) -> None:
    """Send until the server has heard enough: why it has, is for the reader to find out."""
    try:
        async for message in messages:
            await rpc.write(message)
        await rpc.done_writing()
    except (_grpc().AioRpcError, asyncio.InvalidStateError):
        return


def _credentials(address: Address) -> Any:
    try:
        roots = None if address.roots is None else Path(address.roots).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"`ssl_root_cert` cannot be read: {error.strerror}") from error
    return import_module("grpc").ssl_channel_credentials(roots)


def _grpc() -> Any:
    """The package, which the first call has imported."""
    modules: Mapping[str, Any] = sys.modules
    return modules[PACKAGE]
