"""What is known of a deployment's model: its configuration first, then registered models, then plugins' catalogs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from nova_core.config.values import is_price_key
from nova_core.errors import ConfigurationError
from nova_core.plugins.steps import Step
from nova_core.types.deployment import Deployment
from nova_core.types.facts import NO_FACTS, ModelFacts
from nova_core.types.prices import UNPRICED, PriceCase, Prices

logger = logging.getLogger("nova.gateway")

PRICE_KEYS: Mapping[str, str] = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write_5m",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "input_audio",
    "output_cost_per_audio_token": "output_audio",
    "output_cost_per_reasoning_token": "reasoning",
    "cost_per_request": "per_request",
    "input_cost_per_image_token": "input_image",
    "output_cost_per_image_token": "output_image",
    "input_cost_per_character": "per_character",
    "output_cost_per_image": "per_image",
    "input_cost_per_second": "per_input_second",
    "output_cost_per_second": "per_output_second",
    "input_cost_per_query": "per_query",
}
"""Keys of the configuration → prices. `_above_200k_tokens` behind one says what it costs in longer prompts, and
`_flex`, `_priority` or `_batches` behind that in another service tier."""

OTHER_PRICE_KEYS: Mapping[str, str] = {"input_cost_per_image": "output_cost_per_image"}
"""Keys that say the same as another: an image is paid for when it is made, whatever the key calls that."""

TIER_KEYS: Mapping[str, str] = {"flex": "flex", "priority": "priority", "fast": "priority", "batches": "batch"}
"""What stands behind a price's key → the service tier (`Usage.tier`)."""
TIER_SUFFIXES: Mapping[str, str] = {"": "", "flex": "_flex", "priority": "_priority", "batch": "_batches"}
CASE = re.compile(rf"(?P<key>\w+?)(?:_above_(?P<thousands>\d+)k_tokens)?(?:_(?P<tier>{'|'.join(TIER_KEYS)}))?")
SUPPORTS = "supports_"
MODALITY_NAMES: Mapping[str, str] = {"pdf": "file"}

Registered = Mapping[str, ModelFacts]
"""Facts by `provider/model`, or by `model` for every provider of it."""


def with_facts(deployment: Deployment, registered: Registered, steps: Sequence[Step]) -> Deployment:
    """The deployment with what is known of its model laid under what its own configuration says."""
    base = deployment.info.get("base_model")
    model = base if isinstance(base, str) and base else deployment.model
    if not deployment.provider or "*" in model:
        return deployment
    known = _known(deployment.provider, model, registered, steps)
    prefix, slash, rest = model.partition("/")
    if known == NO_FACTS and model == base and slash:
        known = _known(prefix, rest, registered, steps)
    return deployment if known == NO_FACTS else replace(deployment, facts=deployment.facts.over(known))


def _known(provider: str, model: str, registered: Registered, steps: Iterable[Step]) -> ModelFacts:
    facts = registered.get(f"{provider}/{model}", NO_FACTS).over(registered.get(model, NO_FACTS))
    for step in steps:
        try:
            said: ModelFacts | None = step.call(provider, model)
        except Exception:
            logger.exception("plugin '%s': describe_model raised; nothing is known from it", step.plugin)
            continue
        if said is not None:
            facts = facts.over(said)
    return facts


def registered_facts(models: Mapping[str, Mapping[str, Any]]) -> Registered:
    """The facts of `register_model`: model name → keys of `model_info`. Raises ConfigurationError naming the model."""
    found: dict[str, ModelFacts] = {}
    for name, values in models.items():
        try:
            found[name] = facts_from(values, "register_model")
        except ConfigurationError as error:
            raise ConfigurationError(f"register_model of '{name}': {error.message}") from error
    return found


def facts_from(values: Mapping[str, Any], source: str) -> ModelFacts:
    """The facts among the keys of `model_info`. Raises ConfigurationError for a value of the wrong kind."""
    output = _count(values, "max_output_tokens")
    mode = values.get("mode")
    facts = ModelFacts(
        prices=prices_of(values),
        max_input_tokens=_count(values, "max_input_tokens"),
        max_output_tokens=_count(values, "max_tokens") if output is None else output,
        max_batch=_count(values, "max_batch_size"),
        mode=mode if isinstance(mode, str) else None,
        modalities=_names(values, "supported_modalities", MODALITY_NAMES),
        parameters=_names(values, "supported_openai_params", {}),
        supports={
            name.removeprefix(SUPPORTS): value
            for name, value in values.items()
            if name.startswith(SUPPORTS) and isinstance(value, bool)
        },
    )
    return facts if facts == NO_FACTS else replace(facts, sources=(source,))


def prices_of(values: Mapping[str, Any]) -> Prices:
    """Configured prices in dollars; exact decimals of what was written. Raises ConfigurationError."""
    given: dict[tuple[str, int], dict[str, Any]] = {}
    for name, value in values.items():
        case = CASE.fullmatch(name) if value is not None and is_price_key(name) else None
        field = PRICE_KEYS.get(OTHER_PRICE_KEYS.get(case["key"], case["key"])) if case is not None else None
        if case is not None and field is not None:
            where = TIER_KEYS.get(case["tier"], ""), int(case["thousands"] or 0) * 1000
            given.setdefault(where, {})[field] = _dollars(name, value)
    plain = Prices(**given.pop(("", 0), {}))
    return replace(plain, cases=tuple(_cases(plain, {where: Prices(**each) for where, each in given.items()})))


def _cases(plain: Prices, given: Mapping[tuple[str, int], Prices]) -> Iterator[PriceCase]:
    """Prices by service tier and length. What a tier does not say costs what it does without one."""
    lengths = sorted({above for _, above in given})
    for tier in sorted({"", *(tier for tier, _ in given)}):
        prices = plain
        for above in lengths:
            own, shared = given.get((tier, above)), given.get(("", above))
            if own is not None or shared is not None:
                prices = (own or UNPRICED).filled(shared or UNPRICED).filled(prices)
                yield PriceCase(prices, above=above, tier=tier)


def written(facts: ModelFacts) -> dict[str, Any]:
    """What is known under the keys of `model_info`, as JSON data; prices are numbers of dollars."""
    supports = {f"{SUPPORTS}{ability}": value for ability, value in sorted(facts.supports.items())}
    known = {
        **_written_prices(facts.prices, ""),
        "max_input_tokens": facts.max_input_tokens,
        "max_output_tokens": facts.max_output_tokens,
        "max_batch_size": facts.max_batch,
        "mode": facts.mode,
        "supported_modalities": None if facts.modalities is None else sorted(facts.modalities),
        "supported_openai_params": None if facts.parameters is None else sorted(facts.parameters),
        **supports,
    }
    for case in facts.prices.cases:
        if case.since is None and case.daily is None:
            length = f"_above_{case.above // 1000}k_tokens" if case.above else ""
            known |= _written_prices(case.prices, length + TIER_SUFFIXES[case.tier])
    return {name: value for name, value in known.items() if value is not None}


def _written_prices(prices: Prices, suffix: str) -> dict[str, float]:
    given = {f"{key}{suffix}": getattr(prices, field) for key, field in PRICE_KEYS.items()}
    return {key: float(price) for key, price in given.items() if price is not None}


def _dollars(name: str, value: Any) -> Decimal:
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        price = Decimal("NaN")
    if isinstance(value, bool) or not price.is_finite() or price < 0:
        raise ConfigurationError(f"{name} must be a number of dollars, not {value!r}")
    return price


def _count(values: Mapping[str, Any], name: str) -> int | None:
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < 0:
        raise ConfigurationError(f"{name} must be a whole number, not {value!r}")
    return int(value)


def _names(values: Mapping[str, Any], name: str, renamed: Mapping[str, str]) -> frozenset[str] | None:
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise ConfigurationError(f"{name} must be a list of names, not {value!r}")
    return frozenset(renamed.get(each, each) for each in value)
