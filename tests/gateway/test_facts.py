"""What is known of models: who counts before whom, what it costs, and that unknown stays unknown."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from nova_core.errors import ConfigurationError
from nova_core.gateway.facts import facts_from, prices_of, written
from nova_core.hookspecs import hookimpl
from nova_core.testing.caller import GatewayCaller, GatewayFactory
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.facts import ModelFacts
from nova_core.types.prices import PriceCase, Prices
from nova_core.types.usage import Usage

HERE = "tests.gateway.test_facts"
KNOWING = {"knowing": f"{HERE}:Knowing"}
LIST = Prices(input=Decimal("0.003"), output=Decimal("0.015"), cache_read=Decimal("0.0003"))
LONG = Prices(input=Decimal("0.006"), output=Decimal("0.03"), cache_read=Decimal("0.0006"))


class Knowing:
    """A catalog that knows the models `known…` of one provider."""

    @hookimpl
    def describe_model(self, provider: str, model: str) -> ModelFacts | None:
        if model == "broken":
            raise RuntimeError("the catalog is broken")
        if provider != "scripted" or not model.startswith("known"):
            return None
        prices = Prices(LIST.input, LIST.output, LIST.cache_read, cases=(PriceCase(LONG, above=1000),))
        return ModelFacts(prices, max_input_tokens=8000, supports={"vision": True}, sources=("knowing",))


def entry(model: str, info: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    return {
        "model_name": model,
        "params": {"model": f"scripted/{model}", "api_base": "{upstream}/v1", **params},
        "model_info": {"id": model, **(info or {})},
    }


async def known(gateway: GatewayFactory, one: dict[str, Any], **settings: Any) -> ModelFacts:
    caller = await gateway({"model_list": [one], "nova_settings": settings}, plugins=KNOWING)
    (deployment,) = caller.gateway.runtime.catalog.by_id.values()
    return deployment.facts


def cost(caller: GatewayCaller) -> str | None:
    from nova_core.gateway.summary import summary

    assert caller.last is not None
    return summary(caller.last).get("response-cost")


async def test_a_call_costs_what_the_catalog_says(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    upstream.script("known", usage=(10, 2))
    caller = await gateway({"model_list": [entry("known")]}, plugins=KNOWING)
    await caller.chat("known")
    assert cost(caller) == "0.060"


async def test_a_model_that_nobody_knows_has_no_cost(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    upstream.script("strange", usage=(10, 2))
    caller = await gateway({"model_list": [entry("strange"), entry("broken")]}, plugins=KNOWING)
    for name in ("strange", "broken"):
        await caller.chat(name)
        assert cost(caller) is None


async def test_models_that_a_wildcard_stands_for_are_known_too(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("known-2", usage=(10, 0)).script("strange", usage=(10, 0))
    every = {"model_name": "all/*", "params": {"model": "scripted/*", "api_base": "{upstream}/v1"}}
    caller = await gateway({"model_list": [every]}, plugins=KNOWING)
    await caller.chat("all/known-2")
    assert cost(caller) == "0.030"
    await caller.chat("all/strange")
    assert cost(caller) is None


async def test_the_deployment_counts_before_what_is_registered_and_that_before_catalogs(
    gateway: GatewayFactory,
) -> None:
    registered = {
        "scripted/known": {"max_input_tokens": 700, "max_output_tokens": 70, "output_cost_per_token": 2},
        "known": {"max_input_tokens": 600, "mode": "chat"},
    }
    facts = await known(gateway, entry("known", {"max_output_tokens": 7}), register_model=registered)
    assert (facts.max_output_tokens, facts.max_input_tokens, facts.mode) == (7, 700, "chat")
    assert (facts.prices.output, facts.prices.input) == (Decimal(2), LIST.input)
    assert facts.takes("image") is True
    assert facts.sources == ("model_info", "register_model", "register_model", "knowing")


async def test_a_price_of_ones_own_replaces_the_vendors_and_its_discounts(gateway: GatewayFactory) -> None:
    facts = await known(gateway, entry("known", input_cost_per_token=0.001))
    long = Usage(input=1500, cache_read=100, output=1)
    assert facts.prices.cost(long) == Decimal("1.6") + Decimal("0.03")
    assert facts.prices.cost(Usage(input=1, output=1)) == Decimal("0.016")
    read = await known(gateway, entry("known", cache_read_input_token_cost=0))
    assert read.prices.cost(Usage(input=1, cache_read=5)) == Decimal("0.003")


async def test_free_is_a_price_and_differs_from_unknown(gateway: GatewayFactory) -> None:
    free = await known(gateway, entry("ours", input_cost_per_token=0, output_cost_per_token=0))
    assert free.prices.cost(Usage(input=5, output=5)) == 0
    assert (await known(gateway, entry("ours"))).prices.cost(Usage(input=5)) is None
    assert (await known(gateway, entry("ours", input_cost_per_token=1))).prices.cost(Usage(input=5, output=1)) is None


@pytest.mark.parametrize("base", ["known", "scripted/known"])
async def test_the_base_model_says_what_a_private_name_is(gateway: GatewayFactory, base: str) -> None:
    assert (await known(gateway, entry("my-deployment", {"base_model": base}))).max_input_tokens == 8000


async def test_prices_never_go_upstream(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    priced = entry(
        "x", input_cost_per_token_above_200k_tokens=1, cache_read_input_token_cost=1, input_cost_per_second=1
    )
    caller = await gateway({"model_list": [priced]})
    await caller.chat("x")
    assert not [name for name in upstream.last.json if "cost" in name]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"max_input_tokens": "many"}, "max_input_tokens must be a whole number"),
        ({"input_cost_per_token": "cheap"}, "input_cost_per_token must be a number of dollars"),
        ({"input_cost_per_token": -1}, "input_cost_per_token must be a number of dollars"),
        ({"supported_openai_params": 5}, "supported_openai_params must be a list"),
    ],
)
async def test_what_is_registered_wrongly_is_refused_by_name(
    gateway: GatewayFactory, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"register_model of 'a/b': {said}"):
        await known(gateway, entry("known"), register_model={"a/b": values})


def test_prices_above_a_length_hold_for_the_whole_prompt() -> None:
    prices = prices_of(
        {
            "input_cost_per_token": 2.5e-06,
            "output_cost_per_token": 1e-05,
            "cache_read_input_token_cost": 1e-06,
            "input_cost_per_token_above_200k_tokens": 5e-06,
            "output_cost_per_token_above_512k_tokens": 2e-05,
            "input_cost_per_image": 3,
        }
    )
    assert prices.cost(Usage(input=200_000, output=10)) == Decimal("0.5001")
    assert prices.cost(Usage(input=200_000, cache_read=1, output=10)) == Decimal("1.000101")
    assert prices.cost(Usage(input=600_000, output=10)) == Decimal("3.0002")


def test_unknown_prices_and_no_usage_cost_differ() -> None:
    assert Prices().cost(Usage()) is None
    assert Prices(input=Decimal(1)).cost(Usage()) == 0
    assert Prices(per_request=Decimal("0.1"), input=Decimal(1)).cost(Usage(input=1)) == Decimal("1.1")


def test_what_is_written_reads_back_the_same() -> None:
    values = {
        "input_cost_per_token": 2.5e-06,
        "cache_creation_input_token_cost_above_1hr": 0.0,
        "input_cost_per_token_above_200k_tokens": 5e-06,
        "max_input_tokens": 128000,
        "max_batch_size": 7,
        "mode": "chat",
        "supported_modalities": ["image", "text"],
        "supported_openai_params": ["n", "seed"],
        "supports_vision": True,
        "supports_pdf_input": False,
    }
    facts = facts_from(values, "test")
    assert written(facts).items() >= values.items()
    assert facts_from(written(facts), "test") == facts
