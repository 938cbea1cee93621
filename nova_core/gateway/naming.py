"""Which plugins a configuration names by using them, so that an unchanged file needs no `plugins:` key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from nova_core.config.schema import ModelEntry, Settings
from nova_core.plugins.discovery import PLUGINS, Installed
from nova_core.plugins.manager import Named

TAG_ROUTER = "router-tags"
CACHE_PREFIX = "cache-"
DEFAULT_CACHE = "local"
GUARDRAIL_PREFIX = "guardrail-"
CATALOG_PREFIX = "catalog-"
CHECKS = "router-checks"
STRATEGIES = "router-strategies"
AFFINITY = "router-affinity"
MIRROR = "router-mirror"
HEALTH = "health"
SHUFFLE, CUSTOM = "simple-shuffle", "custom"
SHARED_STORE = "store-redis"
REQUIRED_BY_USE: Mapping[str, str] = {TAG_ROUTER: "enable_tag_filtering", CHECKS: "enable_pre_call_checks"}
"""Plugins without which a configuration would fail open where it has this setting; then the start is refused."""


def with_providers(settings: Settings, installed: Installed) -> Settings:
    """The settings with a provider for every model name that has no prefix and that a distribution claims."""
    models = tuple(_claimed(entry, installed) for entry in settings.models)
    return settings if models == settings.models else replace(settings, models=models)


def _claimed(entry: ModelEntry, installed: Installed) -> ModelEntry:
    provider, model = provider_and_model(entry)
    claimed = installed.provider_for(model) if provider is None else None
    return entry if claimed is None else replace(entry, params={**entry.params, "custom_llm_provider": claimed})


def provider_and_model(entry: ModelEntry) -> tuple[str | None, str]:
    """The provider name and the upstream's model name; None when neither a prefix nor a provider is given."""
    explicit = entry.params.get("custom_llm_provider")
    model = entry.model
    if isinstance(explicit, str) and explicit:
        return explicit, model.removeprefix(f"{explicit}/")
    prefix, slash, rest = model.partition("/")
    return (prefix, rest) if slash and prefix and "*" not in prefix else (None, model)


def named_plugins(settings: Settings, installed: Installed) -> tuple[Named, ...]:
    """Every plugin that the settings name, in the order of the file, each once, with where it is named.

    Model catalogs are named by there being models: whichever are installed.
    """
    found: dict[tuple[str, str], Named] = {}
    for named in (
        *_listed(settings),
        *_by_use(settings),
        *_providers(settings.models),
        *_catalogs(settings, installed),
    ):
        found.setdefault((named.kind, named.name), named)
    return tuple(found.values())


def _listed(settings: Settings) -> Iterator[Named]:
    for name in settings.plugins.names:
        yield Named(name, "plugin", "plugins")
    for name in settings.callbacks:
        yield Named(name, "callback", "callbacks")


def _by_use(settings: Settings) -> Iterator[Named]:
    if settings.router.enable_tag_filtering:
        yield Named(TAG_ROUTER, "plugin", "router_settings.enable_tag_filtering")
    for entry in settings.models:
        if entry.info.get("enable_tag_filtering") is True:
            yield Named(TAG_ROUTER, "plugin", f"enable_tag_filtering in model_info of '{entry.model_name}'")
            break
    for entry in settings.models:
        if "*" in entry.model_name:
            yield Named(TAG_ROUTER, "plugin", f"the wildcard in model_name '{entry.model_name}'")
            break
    if settings.router.enable_pre_call_checks:
        yield Named(CHECKS, "plugin", "router_settings.enable_pre_call_checks")
    yield from _choosing(settings)
    for key in ("redis_url", "redis_host"):
        if getattr(settings.router, key):
            yield Named(SHARED_STORE, "plugin", f"router_settings.{key}")
    if settings.nova.cache:
        yield Named(f"{CACHE_PREFIX}{settings.nova.cache_params.type or DEFAULT_CACHE}", "plugin", "cache: true")
    for guardrail in settings.guardrails:
        yield Named(f"{GUARDRAIL_PREFIX}{guardrail.params.get('guardrail')}", "plugin", f"guardrail '{guardrail.name}'")


def _choosing(settings: Settings) -> Iterator[Named]:
    """What `router_settings` and `general_settings` name about who is chosen."""
    router, general = settings.router, settings.general
    strategy = router.routing_strategy
    if strategy == CUSTOM:
        strategy = router.custom_routing_strategy or SHUFFLE
    if "." in strategy:
        yield Named(strategy, "plugin", "router_settings.routing_strategy")
    elif strategy != SHUFFLE:
        yield Named(STRATEGIES, "plugin", f"router_settings.routing_strategy: {strategy}")
    if router.routing_groups:
        yield Named(STRATEGIES, "plugin", "router_settings.routing_groups")
    for key in ("optional_pre_call_checks", "model_group_affinity_config"):
        if getattr(router, key):
            yield Named(AFFINITY, "plugin", f"router_settings.{key}")
    if general.background_health_checks or general.enable_health_check_routing or router.enable_health_check_routing:
        yield Named(HEALTH, "plugin", "general_settings.background_health_checks")
    for entry in settings.models:
        if entry.info.get("canary"):
            yield Named(HEALTH, "plugin", f"canary in model_info of '{entry.model_name}'")
        if entry.params.get("silent_model"):
            yield Named(MIRROR, "plugin", f"silent_model of '{entry.model_name}'")


def _providers(models: Iterable[ModelEntry]) -> Iterator[Named]:
    for entry in models:
        provider, _ = provider_and_model(entry)
        if provider is not None:
            yield Named(provider, "provider", f"model '{entry.model_name}'")


def _catalogs(settings: Settings, installed: Installed) -> Iterator[Named]:
    for name in installed.names(PLUGINS) if settings.models else ():
        if name.startswith(CATALOG_PREFIX):
            yield Named(name, "plugin", "the models of model_list")
