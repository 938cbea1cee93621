"""The calls of one WebSocket: each runs as a call of its own, and its stream becomes messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from nova_core.errors import BadRequestError, ClientClosedError, NovaError, UnsupportedParamsError
from nova_core.gateway.relay import CallerStream
from nova_core.gateway.runtime import Runtime
from nova_core.server.desk import CallDesk, Visit, heading_of, stopping
from nova_core.server.paths import Found
from nova_core.server.scope import Scope, route_path
from nova_core.server.socket_messages import Create, error_event, in_lane
from nova_core.server.socket_turns import Turn, Turns, given_items, said_items
from nova_core.types.call import new_id
from nova_core.types.message import decoded
from nova_core.wire.sse import SseParser

Say = Callable[[str], Awaitable[None]]
"""Sends one message. Raises ClientClosedError when the caller is gone."""

THOUGHTS: Final = "reasoning.encrypted_content"
COMPLETE: Final = frozenset({"response.completed", "response.incomplete"})
ABSENT: Final = msgspec.Raw(b"")
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODE = msgspec.json.Encoder().encode


class _Event(msgspec.Struct):
    type: str | None = None
    sequence_number: Any = None
    response: msgspec.Raw = ABSENT


class _Whole(msgspec.Struct):
    id: str
    output: list[msgspec.Raw] | None = None


_EVENT = msgspec.json.Decoder(_Event)
_WHOLE = msgspec.json.Decoder(_Whole)


@dataclass(slots=True)
class Asked:
    """One request while it is answered: what it goes on from, and what to remember of it, None for nothing."""

    create: Create
    previous: str | None = None
    turn: Turn | None = None
    ended: bool = False
    stream: CallerStream | None = None


class SocketCalls:
    """Answers the requests of one connection, any number of them at once. `headers` are those of its handshake."""

    def __init__(self, desk: CallDesk, scope: Scope, found: Found, headers: dict[str, str], turns: Turns, say: Say):
        self._desk = desk
        self._scope = scope
        self._found = found
        self._headers = headers
        self._heading = heading_of(headers)
        self._turns = turns
        self._say = say
        self.stopping = False
        """Whether a call that is cancelled ends because the process does; else its caller is gone."""

    async def refuse(self, error: Exception, lane: str | None = None, visit: Visit | None = None) -> None:
        """Answer with an error, of a call or of a message that never became one."""
        known, headers, _ = self._desk.refusal(visit or self._visit(), error)
        if not isinstance(known, ClientClosedError):
            await self._say(in_lane(error_event(known, headers=headers), lane))

    async def answer(self, create: Create) -> None:
        """Answer one request. Raises ClientClosedError when the caller is gone."""
        asked, visit = Asked(create), self._visit()
        try:
            await self._answer(asked, visit)
        except ClientClosedError:
            raise
        except asyncio.CancelledError:
            if self.stopping and not asked.ended:
                await self._break_off(asked, visit)
            raise
        except Exception as error:
            await self._turns.failed(create.lane, asked.previous)
            if not asked.ended:
                await self.refuse(error, create.lane, visit)

    def _visit(self) -> Visit:
        # An id that the handshake names is not that of every call.
        return Visit(self._found, "POST", route_path(self._scope), self._headers, self._heading, new_id())

    async def _answer(self, asked: Asked, visit: Visit) -> None:
        edge, members = self._desk.edge(), asked.create.members
        visit.principal = await edge.authenticate(self._scope, visit.headers)
        asked.previous = _text(members, "previous_response_id")
        generates, stores = _flag(members, "generate"), _flag(members, "store")
        if _flag(members, "background"):
            raise UnsupportedParamsError("`background` is for requests over HTTP", param="background")
        members.pop("generate", None)
        members["stream"] = True
        given = given_items(members.get("input"))
        before = await self._turns.until(asked.previous)
        if before != Turn(asked.previous):
            members["input"] = msgspec.Raw(_ENCODE([*before.items, *given]))
            del members["previous_response_id"]
            if before.root is not None:
                members["previous_response_id"] = before.root
        if generates is False or stores is False:
            asked.turn = before.and_then(given)
        if generates is False:
            await self._pass_on(await self._desk.prepare(visit, members), SseParser(), asked)
            return
        if stores is False:
            _ask_for_thoughts(members, visit.found.model, edge.runtime)
        stream = await self._desk.answer_members(visit, members)
        assert isinstance(stream, CallerStream)
        asked.stream = stream
        self._desk.began(visit)
        parser = SseParser()
        try:
            async for piece in stream:
                await self._pass_on(piece, parser, asked)
        finally:
            await stream.aclose()

    async def _pass_on(self, piece: bytes, parser: SseParser, asked: Asked) -> None:
        for frame in parser.feed(piece):
            if asked.ended:  # an error event behind a response that failed says nothing more
                return
            data, head = frame.data, _EVENT.decode(frame.data)
            if head.type == "error":
                asked.ended = True
                data = error_event(_broken_by(asked.stream), number=head.sequence_number)
            elif head.response != ABSENT:
                asked.ended = head.type == "response.failed" or head.type in COMPLETE
                if asked.previous is not None:
                    said = {**_MEMBERS.decode(head.response), "previous_response_id": asked.previous}
                    data = _ENCODE({**_MEMBERS.decode(data), "response": said})
            if asked.ended:
                await self._remember(head, asked)
            await self._say(in_lane(data, asked.create.lane))

    async def _remember(self, head: _Event, asked: Asked) -> None:
        lane = asked.create.lane
        if head.type not in COMPLETE:
            await self._turns.failed(lane, asked.previous)
            return
        response = _WHOLE.decode(head.response)
        turn = None if asked.turn is None else asked.turn.and_then(said_items(response.output or []))
        await self._turns.ended(lane, response.id, turn)

    async def _break_off(self, asked: Asked, visit: Visit) -> None:
        last = self._desk.broken_off(visit) if asked.stream is not None else None
        if last is None:
            await self.refuse(stopping(), asked.create.lane, visit)
        else:
            await self._pass_on(last, SseParser(), asked)


def _broken_by(stream: CallerStream | None) -> NovaError:
    """What broke a stream, whose event itself has no status: an error of its own, or the end of the process."""
    return (stream.error if stream is not None else None) or stopping()


def _text(members: dict[str, Any], name: str) -> str | None:
    value = decoded(members.get(name))
    if value is not None and not isinstance(value, str):
        raise BadRequestError(f"`{name}` must be the id of a response", param=name)
    return value


def _flag(members: dict[str, Any], name: str) -> bool | None:
    value = decoded(members.get(name))
    if value is not None and not isinstance(value, bool):
        raise BadRequestError(f"`{name}` must be true or false", param=name)
    return value


def _ask_for_thoughts(members: dict[str, Any], model: str | None, runtime: Runtime) -> None:
    """Have thoughts told in a form that can be given back, of a model that is known to think.

    Their vendor keeps nothing of this response, and refuses the wish where a model does not think.
    """
    named = model or decoded(members.get("model"))
    catalog = runtime.catalog
    group = catalog.groups.get(catalog.aliases.get(named, named), ()) if isinstance(named, str) else ()
    thinks = any(deployment.facts.supports.get("reasoning") for deployment in group)
    include = decoded(members.get("include")) or []
    if (thinks or decoded(members.get("reasoning"))) and isinstance(include, list) and THOUGHTS not in include:
        members["include"] = [*include, THOUGHTS]
