"""Who may use a management route: dependencies that authenticate its caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request

from nova_core.errors import PermissionDeniedError
from nova_core.gateway.runtime import Runtime
from nova_core.server.auth import with_key_of_query
from nova_core.server.scope import headers_of, route_path
from nova_core.server.serving import Serving
from nova_core.server.spoken import GOOGLES_PATH
from nova_core.types.principal import Principal


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller, and the generation of configuration that answers it."""

    principal: Principal
    runtime: Runtime


Authenticated = Callable[[Request], Awaitable[Caller]]


def key_needed(serving: Serving) -> Authenticated:
    """Any valid key; Google's clients may send it in the query."""

    async def authenticated(request: Request) -> Caller:
        edge = serving.edge()
        headers = headers_of(request.scope)
        if route_path(request.scope).startswith(GOOGLES_PATH):
            headers = with_key_of_query(headers, request.scope["query_string"])
        principal = await edge.authenticate(request.scope, headers)
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
