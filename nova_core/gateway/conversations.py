"""Conversations of the Responses API: what goes around each of its calls, and what can be asked about responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from nova_core.errors import BadRequestError, ConfigurationError, NotFoundError, NovaError
from nova_core.gateway.exchange import perform
from nova_core.gateway.relay import CallerStream
from nova_core.gateway.response_ids import Made, Seal, seal_of
from nova_core.gateway.response_session import ResponseSession, not_found, previous_not_found
from nova_core.gateway.response_store import Kept, ResponseStore
from nova_core.gateway.routing import check_access, names_to_check, resolve
from nova_core.gateway.runtime import Runtime, RuntimeView
from nova_core.stores import KeyValueStore, MemoryKeyValueStore
from nova_core.types.call import Call
from nova_core.types.events import Finish, StreamStart, UsageUpdate
from nova_core.types.message import Members, Reply, Request, decoded
from nova_core.types.principal import Principal
from nova_core.types.usage import Usage
from nova_core.wire.openai_responses import NAME, OPENAI_RESPONSES, Asked, OpenAIResponses
from nova_core.wire.openai_responses.listing import page
from nova_core.wire.openai_responses.stored import About, stored_exchange
from nova_core.wire.provider import DialectProvider, without_secrets

if TYPE_CHECKING:
    from nova_core.gateway.gateway import Gateway

MIB = 1024 * 1024
Query = Sequence[tuple[str, str]]


class Conversations:
    """The Responses API of a gateway: its calls, and the responses that it or its upstreams keep.

    A provider that speaks the API keeps its own responses: their ids are sealed, and lead back to it. Those of all
    other providers are kept here, in the store that a plugin provides for `{"use": "responses"}`, else in memory.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._runtime: Runtime | None = None
        self._memory: MemoryKeyValueStore | None = None
        self._responses: ResponseStore
        self._seal: Seal

    async def answer(self, call: Call) -> Reply | CallerStream:
        """`Gateway.answer` for a call in this API. Raises NovaError."""
        self._follow_configuration()
        runtime = self._gateway.runtime
        session = ResponseSession(call, runtime, self._responses, self._seal)
        return await self._gateway.answer(call, session)

    async def prepare(self, call: Call) -> bytes:
        """The events of a response that says nothing, for a call that is to come: nothing is asked for, or kept.

        Raises the NovaErrors of a call that could not be begun.
        """
        self._follow_configuration()
        runtime, request = self._gateway.runtime, call.original
        check_access(call, *names_to_check(runtime, call.model))
        resolve(runtime, call, call.model)
        previous = request.get("previous_response_id")
        sealed = previous is None or self._seal.open(previous, call.principal) is not None
        if not sealed and await self._responses.get(call.principal, previous) is None:
            raise previous_not_found(previous)
        asked = OpenAIResponses(Asked(request.members, previous=previous))
        encoder = asked.encoder(model=call.model, include_usage=True)
        return encoder.encode((StreamStart("", call.model), UsageUpdate(Usage()), Finish(0, "stop"))) + encoder.end()

    async def retrieve(self, principal: Principal, id: str, query: Query = ()) -> Reply | CallerStream:
        """A response. Raises NotFoundError where there is none of this id for this principal."""
        found = await self._find(principal, id)
        if isinstance(found, Made):
            return await self._ask(principal, found, About("GET", found.id, query=tuple(query)))
        if ("stream", "true") in query:
            raise BadRequestError("this response is complete: only one in the background can be streamed again")
        return _reply(msgspec.json.decode(found.response, type=dict[str, msgspec.Raw]))

    async def delete(self, principal: Principal, id: str) -> Reply | CallerStream:
        """Forget a response. Raises NotFoundError."""
        found = await self._find(principal, id)
        if isinstance(found, Made):
            return await self._ask(principal, found, About("DELETE", found.id))
        await self._responses.delete(principal, id)
        return _reply({"id": id, "object": "response", "deleted": True})

    async def cancel(self, principal: Principal, id: str) -> Reply | CallerStream:
        """Stop a response in the background. Raises BadRequestError for one that was not, NotFoundError."""
        found = await self._find(principal, id)
        if isinstance(found, Made):
            return await self._ask(principal, found, About("POST", found.id, "/cancel"))
        raise BadRequestError("only a response in the background can be cancelled; this one is complete")

    async def input_items(self, principal: Principal, id: str, query: Query = ()) -> Reply | CallerStream:
        """What a response answers, what came before in its conversation included. Raises NotFoundError."""
        found = await self._find(principal, id)
        if isinstance(found, Made):
            return await self._ask(principal, found, About("GET", found.id, "/input_items", tuple(query)))
        history = await self._responses.history(principal, found)
        return _reply(page([*(history or ()), *msgspec.json.decode(found.input)], dict(query)))

    async def _find(self, principal: Principal, id: str) -> Made | Kept:
        self._follow_configuration()
        found = self._seal.open(id, principal) or await self._responses.get(principal, id)
        if found is None:
            raise not_found(id)
        return found

    async def _ask(self, principal: Principal, made: Made, about: About) -> Reply | CallerStream:
        """Ask the upstream that made a response. Raises NotFoundError when its deployment is gone, and its errors."""
        runtime = self._gateway.runtime
        deployment = runtime.catalog.by_id.get(made.deployment)
        provider = runtime.pipeline.providers.get(deployment.provider) if deployment is not None else None
        if deployment is None or not isinstance(provider, DialectProvider) or not principal.may_call(made.model):
            raise NotFoundError("the deployment that made this response is not served here any more")
        if provider.native(NAME, deployment) is None:
            raise NotFoundError("the deployment that made this response does not serve this API any more")

        def known_as(upstream: str) -> str:
            return self._seal.close(Made(made.deployment, made.model, upstream), principal)

        dialect = OpenAIResponses(Asked(known_as=known_as))
        call = Call(Request("chat", dialect, {"model": made.model, "stream": about.streamed}), principal=principal)
        call.deployment = deployment
        exchange = stored_exchange(provider, call, deployment, dialect, about)
        try:
            answer = await perform(self._gateway.transport, call, exchange, runtime.policy.limits(call, deployment))
        except NovaError as error:
            without_secrets(error, deployment)
            raise
        if isinstance(answer, Reply):
            return answer.with_members(_renamed(answer.members, made.model, known_as))
        return CallerStream(call, answer, dialect, _unaccounted)

    def _follow_configuration(self) -> None:
        """Seal and keep as the present configuration says; what is in memory stays."""
        runtime = self._gateway.runtime
        if runtime is self._runtime:
            return
        settings = runtime.settings.general.responses
        store = RuntimeView(self._gateway, runtime).store("key_value", {"use": "responses"})
        if isinstance(store, MemoryKeyValueStore):
            if self._memory is None:
                self._memory = MemoryKeyValueStore(max_bytes=int(settings.memory_mb * MIB))
            store = self._memory
        if not isinstance(store, KeyValueStore):
            raise ConfigurationError(f"{type(store).__name__} is no key-value store, so it cannot keep responses")
        self._responses = ResponseStore(store, settings.ttl_seconds)
        self._seal = seal_of(runtime.settings, runtime.catalog)
        self._runtime = runtime


def _reply(members: Members) -> Reply:
    return Reply("chat", OPENAI_RESPONSES, members)


def _renamed(members: Members, model: str, known_as: Callable[[str], str]) -> Mapping[str, Any]:
    """The ids of responses, and the model, as the caller knows them."""
    if decoded(members.get("object")) == "list":
        return {}
    ids = {name: decoded(members.get(name)) for name in ("id", "previous_response_id")}
    changes: dict[str, Any] = {name: known_as(id) for name, id in ids.items() if isinstance(id, str)}
    return {**changes, **({"model": model} if "model" in members else {})}


async def _unaccounted(error: NovaError | None) -> None:
    """What is told once more was accounted for when it was made."""
