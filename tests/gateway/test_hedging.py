"""A second attempt when the first is slow: who wins, what becomes of the other, and how many there may be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import InternalServerError
from nova_core.gateway.hedging import HedgeSettings, Hedging, may_be_sent_twice
from nova_core.testing.caller import GatewayCaller, GatewayFactory
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.call import CallOptions
from nova_core.types.message import Request
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS


def chat(**members: Any) -> Request:
    return Request("chat", OPENAI_CHAT, {"model": "gpt", "messages": [], **members})


def config(hedging: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    models = [
        {
            "model_name": "gpt",
            "params": {"model": f"scripted/{name}", "api_base": "{upstream}/v1", "weight": weight, **params},
            "model_info": {"id": name},
        }
        for name, weight in (("a", 1), ("b", 0))
    ]
    return {"model_list": models, "router_settings": {"hedging": {"max_share": 1, "after": 0.05, **(hedging or {})}}}


def attempts(caller: GatewayCaller) -> list[tuple[str, str | None]]:
    assert caller.last is not None
    return [(each.deployment.id, each.error.code if each.error else None) for each in caller.last.attempts]


@given(share=st.floats(0.01, 1.0), calls=st.lists(st.booleans(), max_size=300))
def test_second_attempts_never_exceed_their_share(share: float, calls: list[bool]) -> None:
    hedging = Hedging(HedgeSettings(share=share))
    spent = 0
    for number, is_slow in enumerate(calls, 1):
        assert hedging.covers("gpt", chat())
        spent += is_slow and hedging.spend()
        assert spent <= share * number + 1e-6


def test_slow_is_what_takes_longer_than_most_of_the_latest_answers() -> None:
    hedging = Hedging(HedgeSettings(min_samples=20))
    for number in range(19):
        hedging.learn("gpt", number / 100)
    assert hedging.patience("gpt") is None and hedging.patience("other") is None
    hedging.learn("gpt", 99.0)
    assert hedging.patience("gpt") == 0.18


@pytest.mark.parametrize("member", ["tools", "functions", "store", "previous_response_id", "background"])
def test_what_may_act_twice_is_not_sent_twice(member: str) -> None:
    assert may_be_sent_twice(chat()) and may_be_sent_twice(chat(**{member: None}))
    assert not may_be_sent_twice(chat(**{member: ["x"]}))


def test_embeddings_are_hedged_and_only_the_groups_that_are_named() -> None:
    hedging = Hedging(HedgeSettings(groups=frozenset({"gpt"})))
    assert hedging.covers("gpt", Request("embedding", OPENAI_EMBEDDINGS, {"model": "gpt", "input": "x"}))
    assert not hedging.covers("other", chat())
    assert not hedging.covers("gpt", Request("count_tokens", OPENAI_CHAT, {"model": "gpt", "messages": []}))


async def test_the_second_attempt_wins_and_the_first_is_cancelled_and_accounted(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", delay=5).script("b", text="quick")
    caller = await gateway(config())
    assert (await caller.chat("gpt")).text == "quick"
    assert attempts(caller) == [("a", "hedge_lost"), ("b", None)]
    assert caller.last is not None and caller.last.deployment is not None and caller.last.deployment.id == "b"
    assert caller.last.usage is not None
    await upstream.until(lambda seen: [each.model for each in seen.disconnects] == ["a"])
    assert not caller.gateway.cooldowns.cooling()


async def test_the_first_attempt_wins_when_it_is_quicker_after_all(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", delay=0.1, text="slow and steady").script("b", delay=5)
    caller = await gateway(config())
    assert (await caller.chat("gpt")).text == "slow and steady"
    assert attempts(caller) == [("b", "hedge_lost"), ("a", None)]


async def test_the_first_token_decides_about_streams(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    upstream.script("a", delay=5).script("b", stream=["first", " and rest"], gap=0.1)
    caller = await gateway(config())
    text = b"".join([piece async for piece in caller.stream("gpt")])
    assert b"first" in text and b" and rest" in text and text.endswith(b"data: [DONE]\n\n")
    assert attempts(caller) == [("a", "hedge_lost"), ("b", None)]


async def test_a_quick_answer_and_a_call_with_tools_are_asked_once(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a").script("a", delay=0.2)
    caller = await gateway(config())
    await caller.chat("gpt")
    await caller.chat("gpt", tools=[{"type": "function", "function": {"name": "pay", "parameters": {}}}])
    assert upstream.asked == ["a", "a"]


async def test_a_second_attempt_that_fails_leaves_the_first_running(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", delay=0.2, text="fine").script("b", status=500)
    caller = await gateway(config())
    assert (await caller.chat("gpt")).text == "fine"
    assert attempts(caller) == [("b", "500"), ("a", None)]


async def test_a_first_attempt_that_fails_leaves_the_second_running(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", delay=0.1, status=500).script("b", delay=0.2, text="saved")
    caller = await gateway(config())
    assert (await caller.chat("gpt")).text == "saved"
    assert attempts(caller) == [("a", "500"), ("b", None)]


async def test_when_both_fail_the_call_fails_with_the_first_ones_error(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", delay=0.1, status=500, message="of a").script("b", status=500, message="of b")
    caller = await gateway(config())
    with pytest.raises(InternalServerError, match="of a"):
        await caller.chat("gpt", options=CallOptions(num_retries=0))
    assert {name for name, _ in attempts(caller)} == {"a", "b"}


async def test_a_caller_who_leaves_cancels_both(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    upstream.script("a", delay=5).script("b", delay=5)
    caller = await gateway(config())
    call = asyncio.create_task(caller.chat("gpt"))
    await upstream.until(lambda seen: len(seen.asked) == 2)
    call.cancel()
    await asyncio.wait((call,))
    await upstream.until(lambda seen: len(seen.disconnects) == 2)
    assert {name for name, _ in attempts(caller)} == {"a", "b"}, "both are written down"


async def test_both_attempts_count_against_limits_and_give_back(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", delay=5).script("b", text="quick")
    caller = await gateway(config(max_parallel_requests=1))
    for _ in range(3):
        assert (await caller.chat("gpt")).text == "quick"
    guards = caller.gateway.runtime.guards
    assert guards is not None and guards.limits is not None
    assert upstream.asked == ["a", "b"] * 3
