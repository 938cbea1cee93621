"""The models that a caller may see: groups, aliases, what plugins add, and what wildcards stand for."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from nova_core.config.redact import redacted
from nova_core.config.values import is_price_key
from nova_core.gateway.facts import SUPPORTS, written
from nova_core.gateway.runtime import Runtime
from nova_core.gateway.summary import bare_address
from nova_core.types.deployment import Deployment
from nova_core.types.principal import Principal
from nova_core.types.routing import ModelCard

logger = logging.getLogger("nova.server")

SIZES = ("max_input_tokens", "max_output_tokens", "max_tokens")


def visible_models(runtime: Runtime, principal: Principal) -> list[ModelCard]:
    """One card for each name this principal can call, in the order of the configuration; patterns are expanded."""
    found: dict[str, ModelCard] = {}
    for card in (*_groups(runtime), *_aliases(runtime), *_from_plugins(runtime, principal), *_patterns(runtime)):
        if principal.may_call(card.id):
            found.setdefault(card.id, card)
    return list(found.values())


def _groups(runtime: Runtime) -> Iterator[ModelCard]:
    for name, members in runtime.catalog.groups.items():
        served = [deployment for deployment in members if deployment.id not in runtime.catalog.unserved]
        if served and "*" not in name:
            yield _card(name, served)


def _aliases(runtime: Runtime) -> Iterator[ModelCard]:
    catalog = runtime.catalog
    for alias, group in catalog.aliases.items():
        served = [d for d in catalog.groups.get(group, ()) if d.id not in catalog.unserved]
        if served and alias not in catalog.hidden:
            yield _card(alias, served)


def _from_plugins(runtime: Runtime, principal: Principal) -> Iterator[ModelCard]:
    for step in runtime.pipeline.list_models:
        try:
            cards: Sequence[ModelCard] = tuple(step.call(principal, runtime.catalog) or ())
        except Exception:
            logger.exception("plugin '%s': list_models raised; its models are not listed", step.plugin)
            continue
        yield from cards


def _patterns(runtime: Runtime) -> Iterator[ModelCard]:
    """What the providers behind `prefix/*` say they serve, under the names that reach them."""
    catalog = runtime.catalog
    for name, members in catalog.groups.items():
        if "*" not in name:
            continue
        head, _, tail = name.partition("*")
        for deployment in members:
            provider = runtime.pipeline.providers.get(deployment.provider)
            if deployment.id in catalog.unserved or provider is None or tail or "*" not in deployment.model:
                continue
            for card in _offered(provider):
                known = card.id.removeprefix(f"{deployment.provider}/")
                shown = card.id if not head else f"{head}{known}"
                yield ModelCard(shown, card.owned_by, card.mode, card.info)


def _offered(provider: object) -> Iterable[ModelCard]:
    models = getattr(provider, "models", None)
    return models() if callable(models) else ()


def _card(name: str, members: Sequence[Deployment]) -> ModelCard:
    modes = {deployment.mode for deployment in members}
    sizes = {size: value for size in SIZES if (value := _shared(members, size)) is not None}
    return ModelCard(name, mode=modes.pop() if len(modes) == 1 else None, info=sizes)


def _shared(members: Sequence[Deployment], key: str) -> Any:
    """The least of a size, since any of the members may serve; None as soon as one does not say."""
    values = [getattr(deployment.facts, key, None) or deployment.info.get(key) for deployment in members]
    numbers = [value for value in values if isinstance(value, int)]
    return min(numbers) if numbers and len(numbers) == len(values) else None


def group_facts(runtime: Runtime, name: str, members: Sequence[Deployment]) -> dict[str, Any]:
    """A line of `/model_group/info`: what all deployments of a group have in common."""
    card = _card(name, members)
    known = [written(deployment.facts) for deployment in members]
    capable = sorted({key for facts in known for key, value in facts.items() if key.startswith(SUPPORTS) and value})
    costs = {key: value for key, value in known[0].items() if is_price_key(key)}
    return {
        "model_group": name,
        "providers": sorted({deployment.provider for deployment in members}),
        "mode": card.mode,
        **{size: card.info.get(size) for size in SIZES[:2]},
        "input_cost_per_token": None,
        "output_cost_per_token": None,
        **{key: value for key, value in costs.items() if all(facts.get(key) == value for facts in known)},
        "rpm": _total(members, "rpm"),
        "tpm": _total(members, "tpm"),
        "tags": sorted({tag for deployment in members for tag in deployment.tags}),
        **{key: all(facts.get(key) is True for facts in known) for key in capable},
    }


def _total(members: Sequence[Deployment], key: str) -> int | None:
    values = [getattr(deployment, key) for deployment in members]
    return sum(values) if values and None not in values else None


def deployment_facts(deployment: Deployment, unserved: str | None) -> dict[str, Any]:
    """What a deployment is made of, in the words of the file, without anything secret."""
    params: dict[str, Any] = {
        "model": f"{deployment.provider}/{deployment.model}" if deployment.provider else deployment.model,
        "custom_llm_provider": deployment.provider or None,
        "api_base": bare_address(deployment.api_base) if deployment.api_base else None,
        "tags": list(deployment.tags) or None,
        "weight": deployment.weight,
        "order": deployment.order,
        "rpm": deployment.rpm,
        "tpm": deployment.tpm,
        "timeout": deployment.timeout,
        "stream_timeout": deployment.stream_timeout,
        "num_retries": deployment.num_retries,
        **redacted(dict(deployment.defaults)),
    }
    info = {
        **redacted(dict(deployment.info)),
        "id": deployment.id,
        "db_model": False,
        **written(deployment.facts),
        "mode": deployment.mode,
        "sources": list(deployment.facts.sources) or None,
        "served": unserved is None,
        "reason": unserved,
    }
    return {
        "model_name": deployment.group,
        "litellm_params": {key: value for key, value in params.items() if value is not None},
        "model_info": {key: value for key, value in info.items() if value is not None},
    }
