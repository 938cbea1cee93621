"""Costs of what is counted in other units than tokens."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nova_core.gateway.facts import prices_of, written
from nova_core.types.facts import ModelFacts
from nova_core.types.prices import UNPRICED, Prices
from nova_core.types.usage import Units, Usage, counted


def price(**keys: float) -> Prices:
    return prices_of(keys)


@pytest.mark.parametrize(
    ("prices", "usage", "cost"),
    [
        (price(output_cost_per_image=0.04), Usage(units=Units(images=2)), "0.08"),
        (price(input_cost_per_image=0.04), Usage(input=9, units=Units(images=2)), "0.08"),
        (price(input_cost_per_character=0.000015), Usage(units=Units(characters=100)), "0.0015"),
        (price(input_cost_per_second=0.0001), Usage(units=Units(input_seconds=1.5)), "0.00015"),
        (price(output_cost_per_second=0.25), Usage(units=Units(output_seconds=2)), "0.5"),
        (price(input_cost_per_query=0.002), Usage(input=50, units=Units(queries=3)), "0.006"),
        (price(cost_per_request=0.5), Usage(units=Units(queries=1)), "0.5"),
        (price(input_cost_per_query=0), Usage(units=Units(queries=1)), "0"),
        # sold by token: units are told, and not paid for
        (price(input_cost_per_token=1, output_cost_per_token=2), Usage(input=2, units=Units(queries=1)), "2"),
        (
            price(input_cost_per_token=1, input_cost_per_image_token=2, output_cost_per_image_token=8),
            Usage(input=3, input_image=2, output_image=4, units=Units(images=1)),
            "39",
        ),
        # sold by both
        (price(input_cost_per_token=1, output_cost_per_image=5), Usage(input=2, units=Units(images=2)), "12"),
    ],
)
def test_a_model_is_paid_for_in_what_it_has_prices_for(prices: Prices, usage: Usage, cost: str) -> None:
    found = prices.cost(usage)
    assert found is not None
    assert found == Decimal(cost)


@pytest.mark.parametrize(
    ("prices", "usage"),
    [
        (UNPRICED, Usage(units=Units(images=1))),
        (price(input_cost_per_token=1, output_cost_per_token=1), Usage(units=Units(characters=5))),
        (price(input_cost_per_query=0.002), Usage(units=Units(images=1))),
        (price(input_cost_per_token=1, output_cost_per_image=1), Usage(output=5, units=Units(images=1))),
    ],
)
def test_what_has_no_price_costs_nobody_knows_what(prices: Prices, usage: Usage) -> None:
    assert prices.cost(usage) is None


def test_prices_of_units_are_shown_as_they_were_written() -> None:
    keys = {"output_cost_per_image": 0.04, "input_cost_per_character": 0.5, "input_cost_per_query": 0.25}
    assert written(ModelFacts(prices=prices_of(keys))) == keys
    assert written(ModelFacts(prices=price(input_cost_per_image=2))) == {"output_cost_per_image": 2}


def test_usages_add_up_and_are_counts_and_back() -> None:
    one = Usage(input=1, output_image=2, units=Units(images=1, queries=0.5))
    assert one + Usage(input=2) == Usage(input=3, output_image=2, units=Units(images=1, queries=0.5))
    both = one + one
    assert both.units == Units(images=2, queries=1.0)
    assert both.counts == {"input": 2, "output_image": 4, "images": 2, "queries": 1.0}
    assert counted(both.counts) == both
    assert (one.input_total, one.output_total, one.is_plain) == (1, 2, False)
    assert (Usage(input=1) + Usage(output=1)).units is None
