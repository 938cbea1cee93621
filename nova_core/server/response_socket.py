"""The Responses API over WebSockets: one connection, and the lanes in which its requests follow each other."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from nova_core.errors import BadRequestError, ClientClosedError, NovaError, RateLimitedError
from nova_core.server.body import Message, Receive, Send
from nova_core.server.desk import CallDesk, stopping, visit_of
from nova_core.server.handshake import check_origin, handshake_of, refuse
from nova_core.server.paths import Found
from nova_core.server.scope import Scope, route_path
from nova_core.server.serving import Serving
from nova_core.server.socket_calls import SocketCalls
from nova_core.server.socket_messages import Create, Steer, error_event, in_lane, read, steer_failed
from nova_core.server.socket_turns import Turns
from nova_core.server.upgrades import STOPPING
from nova_core.stores import MemoryKeyValueStore
from nova_core.types.call import new_id

MIB: Final = 1024 * 1024
MOST_ACTIVE: Final = 16
MOST_LANES: Final = 32
MOST_WAITING: Final = 32
MOST_SECONDS: Final = 3600.0
GOING: Final = 1000
RESTARTING: Final = 1012


class ResponseSockets:
    """Serves WebSockets under any ASGI server that has them. An instance serves any number of connections at once."""

    most_seconds = MOST_SECONDS

    def __init__(self, desk: CallDesk, serving: Serving) -> None:
        self._desk = desk
        self._serving = serving
        settings = serving.gateway.runtime.settings.general.responses
        self._remembered = MemoryKeyValueStore(max_bytes=int(settings.memory_mb * MIB))

    async def __call__(self, scope: Scope, receive: Receive, send: Send, found: Found) -> None:
        """Serve one connection, from its handshake to its end."""
        await receive()
        handshake = handshake_of(scope)
        visit = visit_of(found, "GET", route_path(scope), handshake.headers)
        edge = self._desk.edge()
        try:
            if self._serving.draining:
                raise stopping()
            check_origin(visit.headers, edge.keyring.origins)
            visit.principal = await edge.authenticate(scope, visit.headers)
        except Exception as error:
            known, headers, content = self._desk.refusal(visit, error)
            await refuse(scope, send, known.status, headers, content)
            return
        await send({"type": "websocket.accept", "subprotocol": handshake.subprotocol})
        turns, mouth = Turns(self._remembered, new_id()), Mouth(send)
        calls = SocketCalls(self._desk, scope, found, handshake.headers, turns, mouth.say)
        try:
            await ResponseSocket(self._desk, calls, receive, mouth).run(self.most_seconds)
        finally:
            await turns.close()


class Mouth:
    """Sends the messages of one connection, until it is closed."""

    def __init__(self, send: Send) -> None:
        self.closed = False
        self._send = send

    async def say(self, text: str) -> None:
        """Send one message. Waits for a slow reader; raises ClientClosedError when it is gone."""
        try:
            await self._send({"type": "websocket.send", "text": text})
        except OSError as error:
            raise ClientClosedError("the caller left") from error
        except RuntimeError as error:
            if not self.closed:
                raise
            raise ClientClosedError("the connection was closed") from error

    async def close(self, code: int, last: str | None = None) -> None:
        """Say the last message, and close; nothing where the peer is gone, or it is closed already."""
        if self.closed:
            return
        self.closed = True
        with suppress(ClientClosedError, OSError):
            if last is not None:
                await self.say(last)
            await self._send({"type": "websocket.close", "code": code})


@dataclass(slots=True)
class Lane:
    """Requests that are answered one after the other."""

    waiting: deque[Create] = field(default_factory=deque)
    work: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a connection takes no more requests, and the code that it is closed with when the last one is answered."""

    code: int
    error: NovaError
    is_said: bool = False


class ResponseSocket:
    """One connection whose handshake is done."""

    def __init__(self, desk: CallDesk, calls: SocketCalls, receive: Receive, mouth: Mouth) -> None:
        self._desk = desk
        self._calls = calls
        self._receive = receive
        self._mouth = mouth
        self._lanes: dict[str | None, Lane] = {None: Lane()}
        self._room = asyncio.Semaphore(MOST_ACTIVE)
        self._ending: Ending | None = None

    async def run(self, seconds: float) -> None:
        """Answer requests until the caller leaves, `seconds` are over, or this is cancelled: the process ends."""
        age = asyncio.create_task(self._grow_old(seconds), name="limit a connection")
        try:
            while (message := await self._receive())["type"] != "websocket.disconnect":
                if not self._mouth.closed:
                    await self._take(message)
            self._mouth.closed = True
        except ClientClosedError:
            self._mouth.closed = True
        except asyncio.CancelledError:
            self._calls.stopping = True
            self._ending = Ending(RESTARTING, stopping())
        finally:
            age.cancel()
            await self._leave()

    async def _take(self, message: Message) -> None:
        if message["type"] == STOPPING:
            await self._end(Ending(RESTARTING, stopping()))
            return
        edge, lane = self._desk.edge(), None
        try:
            said = read(message, limit=edge.body_limit, depth=edge.json_depth)
            if isinstance(said, Steer):
                await self._mouth.say(in_lane(steer_failed(said.members), None))
                return
            lane = said.lane
            self._put(said, edge.body_limit)
        except ClientClosedError:
            raise
        except Exception as error:
            await self._calls.refuse(error, lane)

    def _put(self, create: Create, most_bytes: int) -> None:
        """Have a request answered in its lane. Raises NovaError where it cannot wait."""
        if self._ending is not None:
            raise self._ending.error.with_traceback(None)
        lane = self._lanes.get(create.lane)
        if lane is None:
            if len(self._lanes) > MOST_LANES:
                said = f"a connection may have {MOST_LANES} streams: open another one"
                raise BadRequestError(said, param="stream_id", code="websocket_stream_limit_reached")
            lane = self._lanes[create.lane] = Lane()
        waiting = [each.size for known in self._lanes.values() for each in known.waiting]
        if len(waiting) >= MOST_WAITING or (waiting and sum(waiting) + create.size > most_bytes):
            raise RateLimitedError("too many requests wait on this connection", code="rate_limit_exceeded")
        lane.waiting.append(create)
        if lane.work is None:
            lane.work = asyncio.create_task(self._work(lane), name="answer a lane")

    async def _work(self, lane: Lane) -> None:
        try:
            while lane.waiting:
                async with self._room:
                    await self._calls.answer(lane.waiting.popleft())
        except ClientClosedError:
            lane.waiting.clear()
        finally:
            lane.work = None
        if self._ending is not None:
            await self._end(self._ending)

    async def _grow_old(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        said = f"a connection may be open for {seconds / 60:g} minutes: open another one"
        error = BadRequestError(said, code="websocket_connection_limit_reached")
        await self._end(Ending(GOING, error, is_said=True))

    async def _end(self, ending: Ending) -> None:
        """Take no more requests, and close when nothing runs."""
        self._ending = ending = self._ending or ending
        if not any(lane.work for lane in self._lanes.values()):
            last = in_lane(error_event(ending.error), None) if ending.is_said else None
            await self._mouth.close(ending.code, last)

    async def _leave(self) -> None:
        """Cancel what runs, wait until it is accounted for, and close."""
        running = [lane.work for lane in self._lanes.values() if lane.work is not None]
        for lane in self._lanes.values():
            lane.waiting.clear()
        for work in running:
            work.cancel()
        if running:
            await asyncio.wait(running)
        if self._ending is not None:
            await self._end(self._ending)
