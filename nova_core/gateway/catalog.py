"""Builds the catalog: every configured deployment, completed by its provider, and what cannot be served and why."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from nova_core.config.schema import ModelEntry, Settings
from nova_core.config.values import is_price_key
from nova_core.errors import ConfigurationError, ModelNotFoundError
from nova_core.gateway.facts import facts_from, registered_facts, with_facts
from nova_core.gateway.naming import provider_and_model
from nova_core.plugins.compiler import Pipeline
from nova_core.types.deployment import Deployment
from nova_core.types.facts import ModelFacts
from nova_core.types.routing import Catalog
from nova_core.types.secret import Secret
from nova_core.wire.capabilities import capabilities_of

ROUTING_KEYS = frozenset(
    [
        "model",
        "custom_llm_provider",
        "api_base",
        "base_url",
        "api_key",
        "litellm_credential_name",
        "weight",
        "rpm",
        "tpm",
        "order",
        "timeout",
        "stream_timeout",
        "num_retries",
        "max_retries",
        "cooldown_time",
        "tags",
        "extra_headers",
        "drop_params",
        "allowed_openai_params",
        "additional_drop_params",
        "mock_response",
    ]
)
"""Keys of `params` that the gateway itself reads: neither call defaults nor provider settings."""

SETTINGS_KEYS = frozenset(
    [
        "api_version",
        "organization",
        "project",
        "region_name",
        "tenant_id",
        "client_id",
        "client_secret",
        "azure_ad_token",
        "azure_username",
        "azure_password",
        "azure_scope",
        "ssl_verify",
        "use_in_pass_through",
        "merge_reasoning_content_in_choices",
        "hf_model_name",
        "roles",
        "initial_prompt_value",
        "final_prompt_value",
        "bos_token",
        "eos_token",
        "supports_system_message",
        "tag_regex",
        "silent_model",
        "silent_share",
        "max_parallel_requests",
        "max_budget",
        "budget_duration",
        "itpm",
        "otpm",
        "model_info",
        "cache_control_injection_points",
        "keepalive_seconds",
        "model_path",
        "configurable_clientside_auth_params",
    ]
)
"""Keys that describe the deployment; a provider adds its own with a `settings_keys` attribute."""


def build_catalog(
    settings: Settings, pipeline: Pipeline, environ: Mapping[str, str], missing: Mapping[str, str]
) -> Catalog:
    """The catalog of these settings. `missing` maps a provider name to why its plugin is not there and the mend.

    A deployment that cannot be served stays in its group and is listed in `unserved`. Two deployments with one
    `model_info.id` are a ConfigurationError.
    """
    groups: dict[str, list[Deployment]] = {}
    by_id: dict[str, Deployment] = {}
    unserved: dict[str, str] = {}
    registered = registered_facts(settings.nova.register_model)
    for entry in settings.models:
        for deployment in _deployments(entry, settings, pipeline):
            deployment = _with_free_id(deployment, by_id, entry)
            reason = missing.get(deployment.provider)
            if not deployment.provider and "*" in deployment.model:
                reason = None  # the name that a caller asks for will say which provider
            elif not deployment.provider:
                reason = f"its model '{entry.model}' has no provider: write it as provider/model"
            elif reason is None:
                try:
                    deployment = _completed(deployment, pipeline, environ)
                    reason = _lost_base(deployment, entry, settings, pipeline)
                except ConfigurationError as error:
                    reason = error.message
            deployment = with_facts(deployment, registered, pipeline.describe_model)
            by_id[deployment.id] = deployment
            groups.setdefault(deployment.group, []).append(deployment)
            if reason is not None:
                unserved[deployment.id] = reason
    aliases = {name: alias.model for name, alias in settings.router.model_group_alias.items()}
    return Catalog(
        groups={name: tuple(members) for name, members in groups.items()},
        by_id=by_id,
        aliases={**settings.nova.model_alias_map, **aliases},
        hidden=frozenset(name for name, alias in settings.router.model_group_alias.items() if alias.hidden),
        by_upstream=_by_upstream(by_id) if settings.compat.call_upstream_names else {},
        unserved=unserved,
        registered=registered,
    )


def _by_upstream(by_id: Mapping[str, Deployment]) -> dict[str, tuple[Deployment, ...]]:
    found: dict[str, tuple[Deployment, ...]] = {}
    for deployment in by_id.values():
        for name in (f"{deployment.provider}/{deployment.model}", deployment.model):
            found[name] = (*found.get(name, ()), deployment)
    return found


def named_late(deployment: Deployment, pipeline: Pipeline, environ: Mapping[str, str]) -> Deployment:
    """A deployment whose provider came with the name that a caller asked for, completed by that provider.

    Raises ModelNotFoundError when no active plugin serves the provider, or it lacks what the operator must give.
    """
    if deployment.provider not in pipeline.providers:
        raise ModelNotFoundError(
            f"The model '{deployment.provider}/{deployment.model}' cannot be served: no plugin for the provider "
            f"'{deployment.provider}' is in use here.",
            param="model",
            hint=f"install the plugin, and name it under `plugins` or in a model_list entry {deployment.provider}/…",
        )
    try:
        return _completed(deployment, pipeline, environ)
    except ConfigurationError as error:
        raise ModelNotFoundError(
            f"The model '{deployment.provider}/{deployment.model}' cannot be served: {error.message}", param="model"
        ) from error


def _completed(deployment: Deployment, pipeline: Pipeline, environ: Mapping[str, str]) -> Deployment:
    provider = pipeline.providers.get(deployment.provider)
    complete = getattr(provider, "complete", None)
    completed: Deployment = deployment if complete is None else complete(deployment, environ)
    return replace(completed, capabilities=capabilities_of(provider, completed))


def _lost_base(deployment: Deployment, entry: ModelEntry, settings: Settings, pipeline: Pipeline) -> str | None:
    """A base that was configured and not found must not become the vendor's own: the key would go elsewhere."""
    vendor = getattr(pipeline.providers.get(deployment.provider), "base_url", None)
    if settings.source is None or deployment.api_base != vendor:
        return None
    sections, keys = ("params", "litellm_params"), ("api_base", "base_url")
    places = {(*entry.path, section, key) for section in sections for key in keys}
    lost = next((each for each in settings.source.unresolved if each.path in places), None)
    return f"its api_base refers to {lost.name}, which is not set; set the variable" if lost else None


def _deployments(entry: ModelEntry, settings: Settings, pipeline: Pipeline) -> Iterator[Deployment]:
    organizations = entry.params.get("organization")
    if not isinstance(organizations, list):
        yield _deployment(entry, entry.params, settings, pipeline)
        return
    for organization in organizations:
        yield _deployment(entry, {**entry.params, "organization": organization}, settings, pipeline)


def _deployment(entry: ModelEntry, params: Mapping[str, Any], settings: Settings, pipeline: Pipeline) -> Deployment:
    provider, model = provider_and_model(entry)
    own = SETTINGS_KEYS | frozenset(getattr(pipeline.providers.get(provider or ""), "settings_keys", ()))
    # What is known and not honoured is no parameter of calls either: it must not reach an upstream.
    own |= {path[-1] for path in settings.unsupported if path[-2:-1] in (("params",), ("litellm_params",))}
    kept = {key: value for key, value in params.items() if key not in ROUTING_KEYS and not is_price_key(key)}
    key = params.get("api_key")
    retries = params.get("num_retries", params.get("max_retries"))
    drop = params.get("drop_params")
    return Deployment(
        id=str(entry.info.get("id") or _stable_id(entry.model_name, params)),
        group=entry.model_name,
        provider=provider or "",
        model=model,
        api_base=params.get("api_base") or params.get("base_url"),
        api_key=Secret(str(key)) if key else None,
        tags=tuple(params.get("tags") or ()),
        weight=params.get("weight"),
        order=params.get("order"),
        rpm=params.get("rpm"),
        tpm=params.get("tpm"),
        timeout=params.get("timeout"),
        stream_timeout=params.get("stream_timeout"),
        num_retries=retries,
        cooldown_time=entry.info.get("cooldown_time", params.get("cooldown_time")),
        extra_headers=dict(params.get("extra_headers") or {}),
        defaults={name: value for name, value in kept.items() if name not in own},
        settings={name: value for name, value in kept.items() if name in own},
        drop_params=settings.nova.drop_params if drop is None else drop,
        additional_drop_params=tuple(params.get("additional_drop_params") or ()),
        allowed_params=tuple(params.get("allowed_openai_params") or ()),
        mock_response=params.get("mock_response"),
        facts=_own_facts(entry, params),
        info=dict(entry.info),
        origin=str(entry.position) if entry.position else None,
    )


def _own_facts(entry: ModelEntry, params: Mapping[str, Any]) -> ModelFacts:
    """What the entry itself says: `model_info`, and prices among the params."""
    prices = {key: value for key, value in params.items() if is_price_key(key)}
    try:
        return facts_from({**entry.info, **prices}, "model_info")
    except ConfigurationError as error:
        raise ConfigurationError(f"{entry.position or entry.model_name}: {error.message}") from error


def _stable_id(group: str, params: Mapping[str, Any]) -> str:
    """The same for the same entry across restarts; made without the credential."""
    visible = {key: value for key, value in params.items() if key != "api_key"}
    text = msgspec.json.encode([group, visible], order="sorted", enc_hook=str)
    return hashlib.sha256(text).hexdigest()[:32]


def _with_free_id(deployment: Deployment, taken: Mapping[str, Deployment], entry: ModelEntry) -> Deployment:
    if deployment.id not in taken:
        return deployment
    if entry.info.get("id") and not isinstance(entry.params.get("organization"), list):
        raise ConfigurationError(f"{entry.position or entry.model_name}: two deployments have the id '{deployment.id}'")
    number = 2
    while f"{deployment.id}-{number}" in taken:
        number += 1
    return replace(deployment, id=f"{deployment.id}-{number}")
