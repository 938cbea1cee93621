"""One generation of configuration, compiled: everything a call needs, immutable once built."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_core.config import key_names, protective_refusals
from nova_core.config.explain import ConfigError
from nova_core.config.schema import Settings
from nova_core.errors import ConfigurationError
from nova_core.gateway.catalog import build_catalog
from nova_core.gateway.naming import REQUIRED_BY_USE, named_plugins, with_providers
from nova_core.gateway.policy import GENERIC, Policy
from nova_core.plugins.compiler import Pipeline, compile_pipeline
from nova_core.plugins.discovery import Installed, discover
from nova_core.plugins.loaded import BrokenPlugin, Loaded, Named
from nova_core.plugins.manager import load_plugins
from nova_core.stores import MemoryCounterStore, MemoryKeyValueStore
from nova_core.types.call import Call
from nova_core.types.message import Reply, Stream
from nova_core.types.plugin import ConfigSection
from nova_core.types.routing import Catalog

if TYPE_CHECKING:
    from nova_core.gateway.gateway import Gateway


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


def build_runtime(
    settings: Settings,
    *,
    environ: Mapping[str, str] | None = None,
    installed: Installed | None = None,
    extra: Sequence[Named] = (),
) -> Runtime:
    """Find, import, check and compile what the settings name.

    Raises ConfigError for protective keys that nothing honours, ConfigurationError when a plugin that must not be
    missing is missing or broken, or when two distributions own a name that is used. `extra` names more plugins.
    """
    runtime = unchecked_runtime(settings, environ=environ, installed=installed, extra=extra)
    runtime.loaded.refuse_fatal()
    _refuse_open(runtime)
    refusals = protective_refusals(runtime.settings, supported=runtime.declared)
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
        (*named_plugins(settings), *extra),
        auto=settings.plugins.auto,
        base_dir=_folder(settings),
    )
    pipeline = compile_pipeline(loaded.active)
    declared = declared_keys(pipeline)
    missing = {broken.name: f"{broken.reason}; {broken.mend}" for broken in loaded.broken if broken.kind == "provider"}
    catalog = build_catalog(settings, pipeline, environ, missing)
    return Runtime(settings, loaded, pipeline, catalog, policy_of(settings), declared, environ)


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
    fallbacks = {name: tuple(groups) for name, groups in router.fallbacks.items()}
    if router.default_fallbacks:
        fallbacks[GENERIC] = (*fallbacks.get(GENERIC, ()), *router.default_fallbacks)
    return Policy(
        num_retries=router.num_retries,
        retry_after=router.retry_after,
        timeout=router.timeout,
        stream_timeout=router.stream_timeout,
        request_timeout=settings.nova.request_timeout,
        fallbacks=fallbacks,
        max_fallbacks=router.max_fallbacks,
        cooldown_time=router.cooldown_time,
        disable_cooldowns=router.disable_cooldowns,
        allowed_fails=router.allowed_fails,
        always_include_stream_usage=settings.general.always_include_stream_usage,
    )


def _refuse_open(runtime: Runtime) -> None:
    """A missing plugin that would leave something open stops the start."""
    closed = [each for each in runtime.loaded.broken if is_protective(each, runtime.settings)]
    if closed:
        raise ConfigurationError("\n".join(str(each) for each in closed), hint="; ".join(each.mend for each in closed))


def is_protective(broken: BrokenPlugin, settings: Settings) -> bool:
    """Whether the gateway would be more open without this plugin than its configuration says, and means it."""
    if broken.why.startswith("guardrail"):
        return "guardrails" not in settings.ignore_unsupported
    return broken.name in REQUIRED_BY_USE and "enable_tag_filtering" in broken.why


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
        """A store of `kind`: the first that a plugin provides, else one in this process's memory."""
        for step in self._runtime.pipeline.provide_store:
            provided: object | None = step.call(kind, settings or {})
            if provided is not None:
                return provided
        if kind not in MEMORY_STORES:
            raise ConfigurationError(
                f"no plugin provides a store of kind '{kind}'; built in: {', '.join(MEMORY_STORES)}"
            )
        return MEMORY_STORES[kind]()

    def spawn(self, work: Awaitable[object], *, name: str) -> None:
        """Owned background work."""
        self._gateway.background.spawn(work, name=name)

    async def run(self, call: Call) -> Reply | Stream:
        """Run a call on this generation."""
        return await self._gateway.run_on(self._runtime, call)
