"""What plugins are handed at start-up, and what they declare."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from nova_core.types.call import Call
from nova_core.types.message import Reply, Stream
from nova_core.types.routing import Catalog
from nova_core.types.upstream import UpstreamResponse

Routes = Any
"""The FastAPI application under assembly (`add_api_route`, `include_router`, …)."""


@dataclass(frozen=True, slots=True)
class ConfigSection:
    """Keys of the configuration that a plugin honours.

    `path` is the section (`("router_settings",)`, `("cache_params",)`), `keys` the key names in it; `check`
    answers problems (plain sentences) of the section's value, empty when it is fine.
    """

    path: tuple[str, ...]
    keys: tuple[str, ...]
    check: Callable[[Any], list[str]] | None = None


class Health(Protocol):
    """What is known of the deployments' health."""

    is_watched: bool
    """Whether deployments are checked in the background; then `/health` tells what was found."""

    def report(self, id: str, problem: str | None, *, by: str, seconds: float = 0.0) -> object | None:
        """Write down what is wrong with a deployment, None when it is well; `by` names the kind of check.

        The answer is None when this is its first finding.
        """
        ...


class GatewayView(Protocol):
    """What a plugin may use of a running gateway."""

    @property
    def catalog(self) -> Catalog:
        """The deployments of the current configuration."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """The whole configuration as resolved plain data; sections keep the names of the file."""
        ...

    def plugin_settings(self, name: str) -> Mapping[str, Any]:
        """The mapping under `plugins: {name: …}`, empty when there is none."""
        ...

    def store(self, kind: str, settings: Mapping[str, Any] | None = None) -> object:
        """A store with the protocol of `kind` in `nova_core.stores` (`key_value`, `counters`, `shared_state`).

        The first that a plugin's `provide_store` answers for `settings`, else one in this process's memory; the
        `shared_state` of a gateway is one for all, and with several workers their parent's.
        Raises ConfigurationError for a kind that nobody provides.
        """
        ...

    @property
    def health(self) -> Health:
        """Where checks of deployments are written down; listings and metrics show it."""
        ...

    def spawn(self, work: Awaitable[object], *, name: str) -> None:
        """Run background work that the gateway owns: cancelled and awaited at shutdown, errors logged."""
        ...

    async def fetch(self, url: str, *, seconds: float) -> UpstreamResponse:
        """GET an address (metrics, a document) within `seconds`, without credentials; at most 8 MiB.

        Raises APIConnectionError, RequestTimeoutError and BadGatewayError.
        """
        ...

    async def run(self, call: Call) -> Reply | Stream:
        """Run a call of the plugin's own."""
        ...
