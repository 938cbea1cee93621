"""One generation of configuration, compiled: everything a call needs, immutable once built."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from nova_core.config import key_names, protective_refusals
from nova_core.config.explain import ConfigError
from nova_core.config.schema import Settings
from nova_core.errors import ConfigurationError
from nova_core.gateway.by_error import Counts, counts_of
from nova_core.gateway.catalog import build_catalog
from nova_core.gateway.check_http2 import http2_problems
from nova_core.gateway.cooldowns import ALLOWED_FAILS, Rule
from nova_core.gateway.guards import Guards, guards_of
from nova_core.gateway.health import HealthBoard
from nova_core.gateway.layers import wait_for_nothing
from nova_core.gateway.naming import REQUIRED_BY_USE, named_plugins, with_providers
from nova_core.gateway.policy import GENERIC, Policy
from nova_core.gateway.retrying import RETRIES
from nova_core.gateway.routing import Resolved
from nova_core.gateway.transport import TransportOptions
from nova_core.plugins.compiler import Pipeline, compile_pipeline
from nova_core.plugins.discovery import Installed, discover
from nova_core.plugins.loaded import BrokenPlugin, Loaded, Named
from nova_core.plugins.manager import load_plugins
from nova_core.stores import SHARED_STATE, MemoryCounterStore, MemoryKeyValueStore
from nova_core.types.call import Call
from nova_core.types.decision import NO_GENERATION, Generation
from nova_core.types.message import Reply, Stream
from nova_core.types.plugin import ConfigSection
from nova_core.types.routing import Catalog
from nova_core.types.upstream import UpstreamRequest, UpstreamResponse

if TYPE_CHECKING:
    from nova_core.gateway.gateway import Gateway


MOST_FETCHED = 8 << 20
MEMORY_STORES: Mapping[str, Callable[[], object]] = {"key_value": MemoryKeyValueStore, "counters": MemoryCounterStore}


@dataclass(frozen=True, slots=True)
class Runtime:
    """Settings, plugins, pipeline, catalog and policy that belong together. Calls keep the one they began with."""

    settings: Settings
    loaded: Loaded
    pipeline: Pipeline
    catalog: Catalog
    policy: Policy
    declared: frozenset[str] = frozenset()
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    resolved: dict[str, Resolved] = field(default_factory=dict, repr=False, compare=False)
    """What `routing.resolve` has found for names that the configuration holds."""
    generation: Generation = NO_GENERATION
    guards: Guards | None = None
    at_once: bool = False
    """Whether nothing in here makes every call wait for something; see `underway`."""


def build_runtime(
    settings: Settings,
    *,
    environ: Mapping[str, str] | None = None,
    installed: Installed | None = None,
    extra: Sequence[Named] = (),
) -> Runtime:
    """Find, import, check and compile what the settings name.

    Raises ConfigError for protective keys that nothing honours and parts of the core that are not installed,
    ConfigurationError when a plugin that must not be missing is missing or broken, or when two distributions own a name
    that is used. `extra` names more plugins.
    """
    runtime = unchecked_runtime(settings, environ=environ, installed=installed, extra=extra)
    runtime.loaded.refuse_fatal()
    _refuse_open(runtime)
    refusals = [
        *protective_refusals(runtime.settings, supported=runtime.declared),
        *http2_problems(runtime.settings),
    ]
    if refusals:
        raise ConfigError(refusals)
    return runtime


def unchecked_runtime(
    settings: Settings,
    *,
    environ: Mapping[str, str] | None = None,
    installed: Installed | None = None,
    extra: Sequence[Named] = (),
) -> Runtime:
    """What `build_runtime` compiles, whether or not it may be served: for reports on what is wrong with it."""
    environ = os.environ if environ is None else environ
    installed = discover() if installed is None else installed
    settings = with_providers(settings, installed)
    loaded = load_plugins(
        installed,
        (*named_plugins(settings, installed), *extra),
        auto=settings.plugins.auto,
        base_dir=_folder(settings),
    )
    pipeline = compile_pipeline(loaded.active)
    declared = declared_keys(pipeline)
    missing = {broken.name: f"{broken.reason}; {broken.mend}" for broken in loaded.broken if broken.kind == "provider"}
    catalog = build_catalog(settings, pipeline, environ, missing)
    versions = {each.distribution or each.name: each.version for each in loaded.active}
    generation = Generation(settings.raw, versions, catalog)
    policy, guards = policy_of(settings), guards_of(settings, catalog.by_id.values())
    at_once = guards is None and policy.call_timeout is None and wait_for_nothing(pipeline)
    return Runtime(
        settings,
        loaded,
        pipeline,
        catalog,
        policy,
        declared,
        environ,
        generation=generation,
        guards=guards,
        at_once=at_once,
    )


def declared_keys(pipeline: Pipeline) -> frozenset[str]:
    """The configuration keys that active plugins honour, as dotted names."""
    found: set[str] = set()
    for step in pipeline.register_config:
        sections: Sequence[ConfigSection] = step.call() or ()
        for section in sections:
            found.update(key_names(section.path, section.keys))
    return frozenset(found)


def policy_of(settings: Settings) -> Policy:
    """The rules for calls that the settings set."""
    router = settings.router
    fallbacks = dict(router.fallbacks)
    if router.default_fallbacks:
        fallbacks[GENERIC] = (*fallbacks.get(GENERIC, ()), *router.default_fallbacks)
    return Policy(
        num_retries=router.num_retries,
        retry_after=router.retry_after,
        retry_policy=_counts(router.retry_policy, RETRIES),
        group_retry_policies={
            group: _counts(policy, RETRIES) for group, policy in router.model_group_retry_policy.items()
        },
        max_attempts=router.max_attempts,
        timeout=router.timeout,
        stream_timeout=router.stream_timeout,
        request_timeout=settings.nova.request_timeout,
        call_timeout=router.call_timeout,
        fallbacks=fallbacks,
        context_window_fallbacks=router.context_window_fallbacks,
        content_policy_fallbacks=router.content_policy_fallbacks,
        special_fallbacks_only=settings.compat.special_fallbacks_only,
        max_fallbacks=router.max_fallbacks,
        cooldowns=Rule(
            seconds=router.cooldown_time,
            allowed=router.allowed_fails,
            by_kind=_counts(router.allowed_fails_policy, ALLOWED_FAILS),
            share=router.cooldown_failure_percent / 100,
            least=router.cooldown_min_requests,
        ),
        disable_cooldowns=router.disable_cooldowns,
        always_include_stream_usage=settings.general.always_include_stream_usage,
    )


def _counts(policy: BaseModel | None, ending: str) -> Counts:
    return {} if policy is None else counts_of(policy.model_dump(), ending)


def _refuse_open(runtime: Runtime) -> None:
    """A missing plugin that would leave something open stops the start."""
    closed = [each for each in runtime.loaded.broken if is_protective(each, runtime.settings)]
    if closed:
        raise ConfigurationError("\n".join(str(each) for each in closed), hint="; ".join(each.mend for each in closed))


def is_protective(broken: BrokenPlugin, settings: Settings) -> bool:
    """Whether the gateway would be more open without this plugin than its configuration says, and means it."""
    if broken.why.startswith("guardrail"):
        return "guardrails" not in settings.ignore_unsupported
    setting = REQUIRED_BY_USE.get(broken.name)
    return setting is not None and setting in broken.why


def _folder(settings: Settings) -> Path | None:
    return Path(settings.source.folder).resolve() if settings.source is not None else None


class RuntimeView:
    """What the plugins of one generation see of the gateway (`GatewayView`)."""

    def __init__(self, gateway: Gateway, runtime: Runtime) -> None:
        self._gateway = gateway
        self._runtime = runtime

    @property
    def catalog(self) -> Catalog:
        """The deployments of this generation."""
        return self._runtime.catalog

    @property
    def settings(self) -> Mapping[str, Any]:
        """The resolved configuration as plain data."""
        return self._runtime.settings.raw

    def plugin_settings(self, name: str) -> Mapping[str, Any]:
        """The mapping under `plugins: {name: …}`."""
        return self._runtime.settings.plugins.settings.get(name, {})

    def store(self, kind: str, settings: Mapping[str, Any] | None = None) -> object:
        """A store of `kind`: the first that a plugin provides, else the gateway's own, else one in memory."""
        for step in self._runtime.pipeline.provide_store:
            provided: object | None = step.call(kind, settings or {})
            if provided is not None:
                return provided
        if kind == SHARED_STATE:
            return self._gateway.shared_state
        if kind not in MEMORY_STORES:
            built_in = ", ".join((*MEMORY_STORES, SHARED_STATE))
            raise ConfigurationError(f"no plugin provides a store of kind '{kind}'; built in: {built_in}")
        return MEMORY_STORES[kind]()

    @property
    def health(self) -> HealthBoard:
        """What is known of the deployments' health."""
        return self._gateway.health

    def spawn(self, work: Awaitable[object], *, name: str) -> None:
        """Owned background work."""
        self._gateway.background.spawn(work, name=name)

    async def fetch(self, url: str, *, seconds: float) -> UpstreamResponse:
        """GET an address."""
        by = time.monotonic() + seconds
        opened = await self._gateway.transport.open(
            UpstreamRequest(url, method="GET"), first_byte_timeout=seconds, connect_timeout=seconds
        )
        try:
            body = await opened.read(limit=MOST_FETCHED, deadline=by)
        finally:
            await opened.aclose()
        return UpstreamResponse(opened.status, opened.headers, body)

    async def run(self, call: Call) -> Reply | Stream:
        """Run a call on this generation."""
        return await self._gateway.run_on(self._runtime, call)


def transport_options(runtime: Runtime) -> TransportOptions:
    """How connections to upstreams are made."""
    nova = runtime.settings.nova
    return TransportOptions(
        connect_timeout=runtime.policy.connect_timeout,
        lenient_hosts=nova.lenient_hosts,
        http2_hosts=nova.http2_hosts,
        ssl_verify=nova.ssl_verify,
        ssl_certificate=nova.ssl_certificate,
    )
