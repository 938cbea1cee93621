"""Prices of service tiers: what each costs, who says which one it was, and what a call in it is paid for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nova_core.gateway.accounting import cost_of
from nova_core.gateway.facts import prices_of, written
from nova_core.gateway.relay import CallerStream
from nova_core.testing.caller import GatewayFactory
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.dialect import Dialect
from nova_core.types.facts import ModelFacts
from nova_core.types.usage import Usage
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.gemini import GEMINI_GENERATE
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_responses import OPENAI_RESPONSES

TOLD = ("default", None, "flex", "priority", "fast", "batch", "scale")
CHAT_USAGE = {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
COUNTED = {"input_tokens": 2, "output_tokens": 1}
GEMINI_USAGE = {"promptTokenCount": 2, "candidatesTokenCount": 1}
TIERED: list[tuple[Dialect, dict[str, Any]]] = [
    (OPENAI_CHAT, {"usage": CHAT_USAGE, "service_tier": "TIER"}),
    (OPENAI_RESPONSES, {"usage": COUNTED, "service_tier": "TIER"}),
    (ANTHROPIC_MESSAGES, {"usage": {**COUNTED, "service_tier": "TIER"}}),
    (GEMINI_GENERATE, {"usageMetadata": {**GEMINI_USAGE, "serviceTier": "TIER"}}),
    (GEMINI_GENERATE, {"usageMetadata": {**GEMINI_USAGE, "trafficType": "ON_DEMAND_TIER"}}),
]


def test_service_tiers_have_prices_of_their_own_and_say_the_rest_as_the_plain_one_does() -> None:
    prices = prices_of(
        {
            "input_cost_per_token": 4,
            "output_cost_per_token": 10,
            "cache_read_input_token_cost": 1,
            "input_cost_per_token_flex": 2,
            "output_cost_per_token_flex": 5,
            "input_cost_per_token_priority": 8,
            "cache_read_input_token_cost_priority": 3,
            "input_cost_per_token_batches": 1,
            "input_cost_per_token_above_1k_tokens": 40,
            "output_cost_per_token_above_1k_tokens": 100,
            "input_cost_per_token_above_1k_tokens_priority": 80,
        }
    )
    few, many = Usage(input=100, cache_read=10, output=1), Usage(input=2000, output=1)
    costs = {tier: (prices.cost(few.served_in(tier)), prices.cost(many.served_in(tier))) for tier in TOLD}
    assert costs == {
        "default": (420, 80_100),
        None: (420, 80_100),
        "flex": (215, 80_100),
        "priority": (840, 160_100),
        "fast": (840, 160_100),
        "batch": (120, 80_100),
        "scale": (420, 80_100),
    }
    shown = written(ModelFacts(prices))
    assert prices_of(shown) == prices
    assert (shown["input_cost_per_token_batches"], shown["output_cost_per_token_above_1k_tokens_flex"]) == (1.0, 100.0)


def test_a_tiers_own_price_leaves_the_vendors_other_prices_alone() -> None:
    vendors = prices_of(
        {
            "input_cost_per_token": 4,
            "output_cost_per_token": 10,
            "input_cost_per_token_above_1k_tokens": 40,
            "input_cost_per_token_priority": 8,
        }
    )
    laid = prices_of({"input_cost_per_token_flex": 1}).over(vendors)
    few, many = Usage(input=10, output=1), Usage(input=2000, output=1)
    assert (laid.cost(few), laid.cost(many)) == (50, 80_010)
    assert (laid.cost(few.served_in("flex")), laid.cost(few.served_in("priority"))) == (20, 90)


@pytest.mark.parametrize(("dialect", "reply"), TIERED)
def test_a_reply_says_which_tier_served_it(dialect: Dialect, reply: dict[str, Any]) -> None:
    for said, tier in (("flex", "flex"), ("priority", "priority"), ("default", "")):
        text = msgspec.json.encode(reply).replace(b"TIER", said.encode())
        usage = dialect.usage_of(msgspec.json.decode(text, type=dict[str, msgspec.Raw]))
        assert usage is not None
        assert (usage.tier, usage.total) == (tier, 3)


@pytest.mark.parametrize("dialect", [OPENAI_CHAT, ANTHROPIC_MESSAGES], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_a_call_is_paid_for_at_the_prices_of_the_tier_that_served_it(
    gateway: GatewayFactory, upstream: ScriptedUpstream, stream: bool, dialect: Dialect
) -> None:
    prices = {"input_cost_per_token": 2, "output_cost_per_token": 4}
    prices |= {"input_cost_per_token_flex": 1, "output_cost_per_token_flex": 2}
    params = {"model": "scripted/new", "api_base": "{upstream}/v1", **prices}
    caller = await gateway({"model_list": [{"model_name": "new", "params": params}]})
    choice = {"index": 0, "finish_reason": "stop"}
    whole = {"id": "1", "object": "chat.completion", "model": "new", "service_tier": "flex", "usage": CHAT_USAGE}
    piece = {**whole, "object": "chat.completion.chunk", "choices": [{**choice, "delta": {"content": "Hi"}}]}
    del piece["usage"]
    last = {**piece, "choices": [], "usage": CHAT_USAGE}
    upstream.script(
        "new",
        json={**whole, "choices": [{**choice, "message": {"role": "assistant", "content": "Hi"}}]},
        sse=[*(b"data: %b\n\n" % msgspec.json.encode(each) for each in (piece, last)), b"data: [DONE]\n\n"],
    )
    asked = {"model": "new", "stream": stream, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}
    answer = await caller.answer(asked, dialect=dialect)
    if isinstance(answer, CallerStream):
        assert [piece async for piece in answer]
        await answer.aclose()
    assert caller.last is not None
    assert cost_of(caller.last) == 4
