"""The hooks: what a call belongs to, where its like went, and the preference for that."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from nova_core.errors import ConfigurationError
from nova_core.hookspecs import hookimpl
from nova_core.stores import SHARED_STATE, SharedState
from nova_core.types.call import Attempt, Call, StashKey
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.plugin import GatewayView
from nova_core.types.routing import Snapshot
from nova_core.types.shuffling import shuffled
from nova_plugin_router_affinity.adapters import Adapters
from nova_plugin_router_affinity.pins import Pins
from nova_plugin_router_affinity.prefixes import asked, prefixes, remembered
from nova_plugin_router_affinity.settings import ADAPTER, KEY, PREFIX, SESSION, Wanted, wanted

STEP = "router-affinity"

Tie = tuple[str, tuple[str, ...]]
"""A kind of affinity, and the names by which it is looked up: the longest prefix first."""
TIES = StashKey[tuple[Tie, ...]]("router-affinity: what the call belongs to")


class RouterAffinity:
    """One per configuration."""

    def __init__(self) -> None:
        self._wanted = Wanted()
        self._all: frozenset[str] = frozenset()
        self._aliases: Mapping[str, str] = {}
        self._pins: Pins | None = None
        self._adapters: Adapters | None = None
        self._polling: asyncio.Task[None] | None = None

    @hookimpl
    def startup(self, gateway: GatewayView) -> None:
        """Read the settings, and begin to ask servers for their adapters where that is wanted."""
        router = gateway.settings.get("router_settings")
        self._wanted = wanted(router if isinstance(router, Mapping) else {})
        self._all = self._wanted.default.union(*self._wanted.groups.values())
        self._aliases = gateway.catalog.aliases
        state = gateway.store(SHARED_STATE)
        if not isinstance(state, SharedState):
            raise ConfigurationError("the store for shared state does not speak its protocol")
        self._pins = Pins(state)
        if ADAPTER in self._all:
            embedding = [
                each
                for group, members in gateway.catalog.groups.items()
                if len(members) > 1 and ADAPTER in self._wanted.of(group)
                for each in members
                if each.mode == "embedding"
            ]
            self._adapters = Adapters(gateway, embedding, self._wanted.poll_seconds)
            self._polling = asyncio.create_task(self._adapters.run(), name="ask servers for their adapters")

    @hookimpl
    async def shutdown(self) -> None:
        """Ask no more."""
        if self._polling is not None:
            self._polling.cancel()
            with suppress(asyncio.CancelledError):
                await self._polling

    @hookimpl(trylast=True)
    async def pre_call(self, call: Call, request: Request) -> None:
        """What the call belongs to; what this process does not know of it is asked of the others."""
        ties = call.stash[TIES] = tuple(self._ties(call, request))
        if ties and self._pins is not None:
            group = self._aliases.get(call.model, call.model)
            for kind, names in ties:
                await self._pins.look([_key(group, kind, name) for name in asked(names)])

    @hookimpl
    def route_state(self, call: Call, candidates: tuple[Deployment, ...]) -> Mapping[str, Any] | None:
        """Where calls like this one went, and who holds its adapter."""
        group = candidates[0].group
        kinds = self._wanted.of(group)
        pins = [[kind, id] for kind, id in self._known(call, group) if kind in kinds]
        loaded: Sequence[str] = ()
        if self._adapters is not None and ADAPTER in kinds and call.operation == "embedding":
            there = self._adapters.loaded
            loaded = [each.id for each in candidates if each.id in there]
        return {STEP: {"pins": pins, "loaded": loaded}} if pins or loaded else None

    @hookimpl(tryfirst=True)
    def route_rank(
        self, call: Call, candidates: tuple[Deployment, ...], snapshot: Snapshot
    ) -> Sequence[Deployment] | None:
        """The deployment that is known first, the others after it."""
        state = snapshot.state.get(STEP)
        if state is None:
            return None
        for kind, id in state["pins"]:
            found = next((each for each in candidates if each.id == id), None)
            if found is not None:
                call.note(STEP, found.id, kind)
                return (found, *shuffled([each for each in candidates if each is not found], snapshot.seed))
        loaded = [each for each in candidates if each.id in state["loaded"]]
        if not loaded or len(loaded) == len(candidates):
            return None
        call.note(STEP, ", ".join(each.id for each in loaded), ADAPTER)
        others = [each for each in candidates if each not in loaded]
        return (*shuffled(loaded, snapshot.seed), *shuffled(others, snapshot.seed))

    @hookimpl
    def attempt_finished(self, call: Call, attempt: Attempt) -> None:
        """Remember who answered."""
        if attempt.error is not None or self._pins is None:
            return
        group = attempt.deployment.group
        kinds = self._wanted.of(group)
        for kind, names in call.stash.get(TIES) or ():
            if kind in kinds:
                for name in remembered(names):
                    self._pins.put(_key(group, kind, name), attempt.deployment.id, self._wanted.seconds(kind))

    def _ties(self, call: Call, request: Request) -> Iterator[Tie]:
        owner = call.principal.id
        session = call.options.metadata.get("session_id")
        if SESSION in self._all and isinstance(session, str) and session:
            yield SESSION, (_digest(owner, session),)
        if KEY in self._all:
            yield KEY, (_digest(owner, ""),)
        if PREFIX in self._all and request.operation == "chat":
            with suppress(msgspec.DecodeError, msgspec.ValidationError):
                if found := prefixes(request, self._wanted.prefix_tokens):
                    yield PREFIX, found

    def _known(self, call: Call, group: str) -> Iterator[tuple[str, str]]:
        if self._pins is None:
            return
        for kind, names in call.stash.get(TIES) or ():
            for name in asked(names):
                id = self._pins.get(_key(group, kind, name))
                if id is not None:
                    yield kind, id
                    break


def _key(group: str, kind: str, name: str) -> str:
    return f"affinity:{kind}:{group}:{name}"


def _digest(owner: str, name: str) -> str:
    return hashlib.sha256(f"{owner}\0{name}".encode()).hexdigest()[:32]
