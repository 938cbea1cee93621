"""A small HTTP/1.1 server that may misbehave on purpose: it records requests verbatim and writes raw bytes."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

import msgspec

from nova_core.testing.upstream_forms import FormPart, form_parts

HEAD_END = b"\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MODEL_IN_PATH = re.compile(r"/models/(.+):[A-Za-z]+$|/model/([^/]+)/[a-z-]+$")


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came: names and values of headers as sent, the body's bytes untouched.

    `path` is the target with its query. `connection` numbers the connections from 1, so that two requests with
    the same number shared a socket. `at` is in `time.monotonic()` seconds.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int = 0
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        """The body decoded; None when it is empty or no JSON."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None

    @property
    def form(self) -> tuple[FormPart, ...]:
        """The parts of a form, in order; none when the body is no valid form."""
        return form_parts(self.header("content-type"), self.body)

    @property
    def members(self) -> dict[str, Any]:
        """The members of a JSON object, or the fields of a form, as text."""
        body = self.json
        if isinstance(body, dict):
            return body
        if (self.header("content-type") or "").startswith("application/x-www-form-urlencoded"):
            return dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        return {part.name: part.text for part in self.form if part.filename is None}

    @property
    def model(self) -> str:
        """The body's `model`, else the one in a path: `/models/NAME:verb`, `/model/NAME/verb`; empty without one."""
        name = self.members.get("model")
        if isinstance(name, str):
            return name
        found = MODEL_IN_PATH.search(self.route)
        return unquote(found[1] or found[2]) if found else ""

    @property
    def route(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


class Gone(Exception):
    """The client closed the connection while it was being answered."""


Answerer = Callable[[Received, "Wire"], Awaitable[None]]


class Wire(asyncio.Protocol):
    """One connection: reads requests one after the other and hands each to the answerer."""

    def __init__(self, number: int, answer: Answerer, left: Callable[[Received], None], wires: set[Wire]) -> None:
        self.number = number
        self._answer = answer
        self._left = left
        self._wires = wires
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._current: Received | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._continued = False

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self._current is None

    async def write(self, data: bytes) -> None:
        """Send bytes as they are. Raises Gone when the client has left."""
        await self._writable.wait()
        if self._transport is None or self._transport.is_closing():
            raise Gone
        self._transport.write(data)

    def reset(self) -> None:
        """Drop the connection at once, without a clean end."""
        self._current = None
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close the connection after what was written."""
        self._current = None
        if self._transport is not None:
            self._transport.close()

    async def stop(self) -> None:
        """Reset, and wait for the answerer to end."""
        self.reset()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self._wires.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._wires.discard(self)
        self._writable.set()
        if self._current is not None:
            self._left(self._current)
            if self._task is not None:
                self._task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._current is None and not self._buffer[:1].isalpha():
            self.close()  # a TLS greeting, or noise: nothing that will ever become a request line
        else:
            self._advance()

    def _advance(self) -> None:
        """Start answering the next request if it is whole and no other is being answered."""
        if self._current is None and (received := self._next_request()) is not None:
            self._current = received
            self._task = asyncio.get_running_loop().create_task(self._serve(received))

    async def _serve(self, received: Received) -> None:
        try:
            await self._answer(received, self)
        except Gone:
            return
        self._current = None
        if (received.header("connection") or "").lower() == "close":
            self.close()
        elif self._transport is not None:
            self._advance()

    def _next_request(self) -> Received | None:
        end = self._buffer.find(HEAD_END)
        if end < 0:
            return None
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:]))
        known = {name.lower(): value for name, value in headers}
        start = end + len(HEAD_END)
        if known.get("transfer-encoding", "").lower() == "chunked":
            found = _chunked_body(self._buffer, start)
        else:
            length = int(known.get("content-length", "0"))
            whole = len(self._buffer) >= start + length
            found = (bytes(self._buffer[start : start + length]), start + length) if whole else None
        if found is None:
            self._invite(known)
            return None
        body, used = found
        del self._buffer[:used]
        self._continued = False
        return Received(method, path, headers, body, self.number)

    def _invite(self, headers: dict[str, str]) -> None:
        """Answer `Expect: 100-continue`, once a request."""
        if headers.get("expect", "").lower() == "100-continue" and not self._continued and self._transport:
            self._continued = True
            self._transport.write(CONTINUE)


def _chunked_body(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    """The body and where it ends; None while it is incomplete. Trailers are not understood."""
    body = bytearray()
    while (line := buffer.find(b"\r\n", start)) >= 0:
        size = int(bytes(buffer[start:line]).partition(b";")[0], 16)
        start = line + 2
        if len(buffer) < start + size + 2:
            return None
        body += buffer[start : start + size]
        start += size + 2
        if size == 0:
            return bytes(body), start
    return None
