"""Tools whose names an upstream does not take: asked for under names that fit, called by those the caller gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

import msgspec

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.chat import ChatReply, ChatRequest, Choice, Message, Part, ToolCall
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect, StreamDecoder
from nova_core.types.events import Event, Frame, ToolCallStart
from nova_core.types.message import RawReply, Reply, Request, TypedReply, TypedRequest
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.provider import DialectProvider
from nova_core.wire.tool_names import changed_names, with_fitting_names, with_short_ids


class FittingNames(DialectProvider):
    """A provider whose tools have names of letters, digits, `_` and `-`, at most `tool_name_limit` of them; ids of
    calls are of any characters, at most as many.
    """

    tool_name_limit: int = 64

    def before_translation(self, typed: TypedRequest) -> TypedRequest:
        """Names of tools, and ids of calls, that fit."""
        typed = super().before_translation(typed)
        if not isinstance(typed, ChatRequest):
            return typed
        return with_short_ids(with_fitting_names(typed, self.tool_name_limit), self.tool_name_limit)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; what is called in another dialect than the vendor's has the caller's names again."""
        exchange = super().provider_call(call, request, deployment)
        if request.dialect.name == exchange.dialect.name or not isinstance(request.typed, ChatRequest):
            return exchange
        names = changed_names(request.typed, self.tool_name_limit)
        return restoring(exchange, names) if names else exchange


def restoring(exchange: Exchange, names: Mapping[str, str]) -> Exchange:
    """The exchange (and those that it leads to) with calls of tools by the names that `names` gives theirs."""
    read, dialect = exchange.read, cast(Dialect, RestoringDialect(exchange.dialect, names))

    def read_restored(response: UpstreamResponse) -> Reply | Exchange:
        answer = read(response)
        if isinstance(answer, Exchange):
            return restoring(answer, names)
        if isinstance(answer, RawReply):
            return answer
        return Reply(
            answer.operation,
            cast(Dialect, RestoringDialect(answer.dialect, names)),
            answer.members,
            headers=answer.headers,
            usage=answer.usage,
            fidelity=answer.fidelity,
        )

    return msgspec.structs.replace(exchange, dialect=dialect, read=read_restored)


class RestoringDialect:
    """A dialect whose answers call tools by other names; all else is as it is."""

    def __init__(self, dialect: Dialect, names: Mapping[str, str]) -> None:
        self._dialect = dialect
        self._names = names

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dialect, name)

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """The typed reply. Raises BadGatewayError."""
        typed = self._dialect.parse_reply(members)
        if not isinstance(typed, ChatReply):
            return typed
        return replace(typed, choices=tuple(map(self._choice, typed.choices)))

    def decoder(self) -> StreamDecoder:
        """A decoder for one upstream stream."""
        return _RestoringDecoder(self._dialect.decoder(), self._names)

    def _choice(self, choice: Choice) -> Choice:
        said = choice.message
        parts = tuple(map(self._part, said.parts))
        return replace(choice, message=Message(said.role, parts, said.name, said.cache, said.extra))

    def _part(self, part: Part) -> Part:
        return replace(part, name=self._names.get(part.name, part.name)) if isinstance(part, ToolCall) else part


class _RestoringDecoder:
    def __init__(self, decoder: StreamDecoder, names: Mapping[str, str]) -> None:
        self._decoder = decoder
        self._names = names

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """Events of one frame. Raises like the decoder."""
        return tuple(self._restored(self._decoder.decode(frame)))

    def end(self) -> tuple[Event, ...]:
        """Events at the end of data. Raises like the decoder."""
        return tuple(self._restored(self._decoder.end()))

    def _restored(self, events: Iterable[Event]) -> Iterable[Event]:
        for event in events:
            known = self._names.get(event.name) if isinstance(event, ToolCallStart) else None
            yield replace(event, name=known) if isinstance(event, ToolCallStart) and known else event
