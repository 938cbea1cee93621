"""What all routes share: the gateway, the server settings of its current generation, and the state of the process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from nova_core.gateway.decisions import DecisionStore
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.runtime import Runtime
from nova_core.server.auth import Keyring, credential_of, keyring_of
from nova_core.server.headers import Headers
from nova_core.server.scope import Proxies, Scope, proxies_of, route_path
from nova_core.types.principal import Principal

Reload = Callable[[], Awaitable[list[str]]]
"""Reads the configuration anew and swaps it in; answers its notes. Raises ConfigurationError, then nothing changed."""

AskOthers = Callable[[str, Principal], Awaitable[bytes | None]]
"""Asks the other workers for the decision record of a call, by its id and who wants it; None when nobody has it."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Server settings of one generation, compiled. Sizes in bytes, times in seconds."""

    runtime: Runtime
    keyring: Keyring
    headers: Headers
    proxies: Proxies
    body_limit: int
    body_seconds: float
    json_depth: int
    access_log: bool

    def at_once(self, headers: Mapping[str, str]) -> Principal | None:
        """Who is calling, where nobody has to be asked for it, else None. Raises AuthenticationError."""
        return self.keyring.at_once(headers)

    async def authenticate(self, scope: Scope, headers: Mapping[str, str]) -> Principal:
        """Who is calling. Raises AuthenticationError or PermissionDeniedError."""
        client = self.proxies.client(scope, headers)
        return await self.keyring.authenticate(credential_of(headers, client_host=client, path=route_path(scope)))


def compile_edge(runtime: Runtime) -> Edge:
    """The server's part of a generation. Raises ConfigurationError."""
    general = runtime.settings.general
    trusted = general.trusted_proxy_ranges if general.use_x_forwarded_for else ()
    return Edge(
        runtime=runtime,
        keyring=keyring_of(general, runtime.pipeline.authenticate),
        headers=Headers(general.header_prefix),
        proxies=proxies_of(trusted),
        body_limit=general.body_limit_bytes,
        body_seconds=general.limits.body_read_seconds,
        json_depth=general.limits.json_depth,
        access_log=general.log.access,
    )


class Serving:
    """One process's view of what it serves. `draining` is set when it is about to stop."""

    def __init__(self, gateway: Gateway, *, reload: Reload | None = None, ask_others: AskOthers | None = None) -> None:
        self.gateway = gateway
        self.reload = reload
        self.ask_others = ask_others
        self.decisions = DecisionStore(gateway.runtime.settings.general.limits.decisions)
        self.draining = False
        self._edge = compile_edge(gateway.runtime)

    def edge(self) -> Edge:
        """The settings of the generation that new calls are served with."""
        if self._edge.runtime is not self.gateway.runtime:
            self._edge = compile_edge(self.gateway.runtime)
        return self._edge
