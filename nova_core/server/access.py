"""Who may use a management route: dependencies that authenticate its caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request

from nova_core.errors import PermissionDeniedError
from nova_core.gateway.runtime import Runtime
from nova_core.server.scope import headers_of
from nova_core.server.serving import Serving
from nova_core.types.principal import Principal


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller, and the generation of configuration that answers it."""

    principal: Principal
    runtime: Runtime


Authenticated = Callable[[Request], Awaitable[Caller]]


def key_needed(serving: Serving) -> Authenticated:
    """Any valid key."""

    async def authenticated(request: Request) -> Caller:
        edge = serving.edge()
        principal = await edge.authenticate(request.scope, headers_of(request.scope))
        return Caller(principal, edge.runtime)

    return authenticated


def admin_needed(serving: Serving) -> Authenticated:
    """The master key, or a principal that a plugin calls an administrator."""
    authenticated = key_needed(serving)

    async def administrator(request: Request) -> Caller:
        caller = await authenticated(request)
        if not caller.principal.admin:
            raise PermissionDeniedError("This route needs the master key.")
        return caller

    return administrator
