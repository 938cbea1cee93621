"""One call of an ASGI application that lives on another event loop."""

# ASGI, "HTTP & WebSocket ASGI Message Format": https://asgi.readthedocs.io/en/latest/specs/www.html

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, TypeAlias

from nova_core.errors import APIConnectionError, StreamBrokenError

logger = logging.getLogger("nova.vllm")

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

BROKEN = "vLLM broke off"


class Conversation:
    """A request and its answer. `run` belongs to the application's loop, `writer`, all else to that of the caller.

    What comes waits without a bound, so that a slow reader does not hold up the engine; the length of an answer bounds
    it all the same. Close it on every exit: to the application the caller has then gone, and the engine stops.
    """

    def __init__(self, path: str, body: bytes, key: str, writer: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._body: bytes | None = body
        self._key = key
        self._reader = asyncio.get_running_loop()
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self._writer = writer
        self._gone = asyncio.Event()
        self._whole = False
        self.status = 0
        self.headers: dict[str, str] = {}

    async def run(self, application: Application) -> None:
        """Let the application answer."""
        try:
            await application(self._scope(), self._receive, self._send)
        except Exception:
            logger.exception("vLLM failed over %s", self._path)
        finally:
            self._tell(None)

    async def start(self) -> None:
        """Wait for the answer's status and headers. Raises APIConnectionError if there is no answer."""
        message = await self._messages.get()
        if message is None:
            raise APIConnectionError(f"{BROKEN} before an answer")
        self.status = message["status"]
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]}

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes. Raises StreamBrokenError when it ends early."""
        while not self._whole:
            message = await self._messages.get()
            if message is None:
                raise StreamBrokenError(f"{BROKEN} in the middle of an answer")
            self._whole = not message.get("more_body", False)
            if body := message.get("body", b""):
                yield body

    async def read(self) -> bytes:
        """The whole body. Raises StreamBrokenError when it ends early."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def aclose(self) -> None:
        """Be gone: the engine drops what it has not said yet. May be called twice."""
        with suppress(RuntimeError):  # its loop is closed: it has ended
            self._writer.call_soon_threadsafe(self._gone.set)

    def _scope(self) -> Message:
        headers = (("content-type", "application/json"), ("authorization", f"Bearer {self._key}"))
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": self._path,
            "raw_path": self._path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers],
            "client": None,
            "server": None,
        }

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self._tell(message)

    def _tell(self, message: Message | None) -> None:
        try:
            self._reader.call_soon_threadsafe(self._messages.put_nowait, message)
        except RuntimeError:  # the loop that asked is closed: nobody reads any more
            self._gone.set()
