"""One call of the Responses API: the conversation it goes on from, the id of its answer, and keeping that."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from nova_core.errors import BadRequestError, NotFoundError
from nova_core.gateway.pouring import Outlet
from nova_core.gateway.relay import CallerStream, Finished
from nova_core.gateway.response_ids import Made, Seal
from nova_core.gateway.response_store import ResponseStore
from nova_core.gateway.routing import resolve
from nova_core.gateway.runtime import Runtime
from nova_core.stores import StoreUnavailableError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request, Stream
from nova_core.wire.openai_responses import NAME, Asked, OpenAIResponses
from nova_core.wire.openai_responses.fields import new_id
from nova_core.wire.openai_responses.listing import listed

logger = logging.getLogger("nova.gateway")


def not_found(id: str) -> NotFoundError:
    """The error for an id that stands for nothing, or not for this caller."""
    return NotFoundError(f"Response with id '{id}' not found.", param="response_id", code="response_not_found")


def previous_not_found(id: str) -> BadRequestError:
    """The error for such an id that a conversation is to go on from."""
    message = f"Previous response with id '{id}' not found."
    return BadRequestError(message, param="previous_response_id", code="previous_response_not_found")


class ResponseSession:
    """What goes around one call (see `Gateway.answer`). Responses are kept unless the caller says `store: false`."""

    def __init__(self, call: Call, runtime: Runtime, responses: ResponseStore, seal: Seal) -> None:
        self._call = call
        self._runtime = runtime
        self._responses = responses
        self._seal = seal
        self._id = new_id("resp")
        self._native = False
        self._before: tuple[str, ...] = ()
        self._input: Any = None
        self._keeps = call.original.get("store") is not False
        self._previous: str | None = None
        self._told: Mapping[str, Any] | None = None

    async def begin(self) -> None:
        """Lead the call to where its conversation is. Raises NotFoundError, BadRequestError."""
        call, request = self._call, self._call.original
        self._input = request.members.get("input")
        self._previous = request.get("previous_response_id")
        members = dict(request.members)
        if self._previous is not None:
            made = self._seal.open(self._previous, call.principal)
            if made is not None:
                members |= self._led_back(made)
            else:
                members["input"] = [*await self._history(self._previous), *self._given()]
                del members["previous_response_id"]
        asked = Asked(request.members, previous=self._previous, known_as=self._known_as, tell=self._tell)
        assert isinstance(request.dialect, OpenAIResponses)
        call.original = Request(request.operation, request.dialect.answering(asked), members)

    def stream(self, stream: Stream, finished: Finished) -> CallerStream:
        """The caller's stream; its response is kept before the event that completes it is passed on."""
        self._native = stream.dialect.name == NAME and self._call.deployment is not None
        return _KeptStream(self, self._call, stream, finished)

    async def settled(self, reply: Reply) -> Reply:
        """The reply under the caller's id; it is kept where its provider keeps none."""
        deployment = self._call.deployment
        upstream_id = reply.get("id")
        if self._call.operation != "chat":  # a count or a compacted conversation, which nobody keeps here
            self._native = True
            return reply.with_members({"id": self._known_as(upstream_id)}) if isinstance(upstream_id, str) else reply
        if upstream_id != self._id and deployment is not None:
            self._native = True
            if not isinstance(upstream_id, str):
                return reply
            ids: dict[str, Any] = {"id": self._known_as(upstream_id)}
            if self._previous is not None:
                ids["previous_response_id"] = self._previous
            return reply.with_members(ids)
        if upstream_id != self._id:
            reply = reply.with_members({"id": self._id, "previous_response_id": self._previous})
        self._tell(reply.members)
        await self.keep()
        return reply

    async def keep(self) -> None:
        """Keep what was told of the response. A store that cannot is logged: the answer stays the caller's."""
        told, self._told = self._told, None
        if told is None or not self._keeps:
            return
        try:
            await self._responses.put(
                self._call.principal, before=self._before, given=listed(self._decoded_input()), response=told
            )
        except StoreUnavailableError as error:
            logger.warning("call %s: its response is not kept: %s", self._call.id, error.message)

    def _known_as(self, upstream_id: str) -> str:
        deployment = self._call.deployment
        if not self._native or deployment is None:
            return self._id
        return self._seal.close(Made(deployment.id, self._call.model, upstream_id), self._call.principal)

    def _tell(self, response: Mapping[str, Any]) -> None:
        self._told = None if self._native else response

    def _decoded_input(self) -> Any:
        return msgspec.json.decode(self._input) if isinstance(self._input, msgspec.Raw) else self._input

    def _given(self) -> list[Any]:
        given = self._decoded_input()
        return [{"role": "user", "content": given}] if isinstance(given, str) else list(given or ())

    async def _history(self, previous: str) -> list[Any]:
        principal = self._call.principal
        kept = await self._responses.get(principal, previous)
        if kept is not None and self._keeps and self._call.operation == "chat":
            await self._responses.follow(principal, previous)
            kept = await self._responses.get(principal, previous)
        history = await self._responses.history(principal, kept) if kept is not None else None
        if kept is None or history is None:
            raise previous_not_found(previous)
        self._before = (*kept.before, previous)
        return [*history, *kept.items()]

    def _led_back(self, made: Made) -> dict[str, Any]:
        """What must be said so that the call reaches the account that keeps the conversation."""
        call, catalog = self._call, self._runtime.catalog
        maker = catalog.by_id.get(made.deployment)
        candidates = resolve(self._runtime, call, call.original.model).deployments
        found = next((each for each in candidates if each.id == made.deployment), None)
        if found is None and maker is not None:
            found = next((each for each in candidates if _account(each) == _account(maker)), None)
        if found is None:
            raise BadRequestError(
                f"`previous_response_id` leads to model '{made.model}', whose provider keeps the conversation: "
                f"'{call.model}' is served elsewhere. Ask for that model, or send the conversation as `input`.",
                param="previous_response_id",
            )
        call.note("responses", f"leads back to {found.id}")
        pinned = found.id in catalog.by_id and "*" not in catalog.by_id[found.id].model
        return {"previous_response_id": made.id, **({"model": found.id} if pinned else {})}


class _KeptStream(CallerStream):
    """A stream whose response is kept before its last event leaves: callers go on from it at once."""

    def __init__(self, session: ResponseSession, call: Call, stream: Stream, finished: Finished) -> None:
        super().__init__(call, stream, call.original.dialect, finished)
        self._session = session

    async def pour(self, outlet: Outlet) -> None:
        """See `CallerStream.pour`; what is kept is waited for."""
        await self._pour_pieces(outlet)

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        async with aclosing(super()._pieces()) as pieces:
            async for piece in pieces:
                await self._session.keep()
                yield piece


def _account(deployment: Deployment) -> tuple[str, str | None, str | None]:
    key = deployment.api_key
    return deployment.provider, deployment.api_base, key.reveal() if key is not None else None
