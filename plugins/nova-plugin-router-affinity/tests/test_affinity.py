"""Calls that belong together, through the whole gateway."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.gateway.options import take_options
from nova_core.stores import MemorySharedState, Reading, View
from nova_core.testing.caller import GatewayCaller, GatewayFactory
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.principal import Principal
from nova_core.types.routing import Catalog, Snapshot
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_plugin_router_affinity import RouterAffinity
from nova_plugin_router_affinity.adapters import loaded_adapters
from nova_plugin_router_affinity.pins import Pins
from nova_plugin_router_affinity.prefixes import prefixes

LONG = "You are a careful assistant. " * 200
NAMES = "abcdef"


def entry(model: str, group: str = "m", info: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    given = {"model": f"scripted/{model}", "api_base": "{upstream}/v1", **params}
    return {"model_name": group, "params": given, "model_info": {"id": model, **(info or {})}}


def config(*checks: str, **router: Any) -> dict[str, Any]:
    settings = {"optional_pre_call_checks": list(checks), "num_retries": 1, **router}
    return {"model_list": [entry(name) for name in NAMES], "router_settings": settings}


def said(*texts: str, **first: Any) -> list[dict[str, Any]]:
    roles = ("system", *("user", "assistant") * len(texts))
    messages: list[dict[str, Any]] = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    messages[0].update(first)
    return messages


def chosen(caller: GatewayCaller) -> str:
    assert caller.last is not None
    assert caller.last.deployment is not None
    return caller.last.deployment.id


async def ask(caller: GatewayCaller, session: str, **call: Any) -> str:
    body = {"model": "m", "messages": said("Hi")}
    await caller.answer(body, options=CallOptions(metadata={"session_id": session}), **call)
    await asyncio.sleep(0.001)
    return chosen(caller)


async def test_a_session_stays_where_it_began_and_others_are_spread(gateway: GatewayFactory) -> None:
    caller = await gateway(config("session_affinity"))
    where = {session: await ask(caller, session) for session in map(str, range(20))}
    assert len(set(where.values())) > 2
    for session, deployment in where.items():
        assert await ask(caller, session) == deployment


async def test_the_session_may_come_in_a_header_or_as_a_member_of_its_own(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config("session_affinity"))
    first = await ask(caller, "s1")
    for _ in range(4):
        _, options, _ = take_options({}, {"x-litellm-session-id": "s1"}, dialect="openai_chat")
        await caller.answer({"model": "m", "messages": said("Hi")}, options=options)
        assert chosen(caller) == first
        await caller.gateway.completion("m", said("Hi"), litellm_session_id="s1")
        assert upstream.asked[-1] == first


async def test_sessions_of_different_callers_are_different_sessions(gateway: GatewayFactory) -> None:
    caller = await gateway(config("session_affinity"))
    where = [await ask(caller, "same", principal=Principal(id=str(number))) for number in range(20)]
    assert len(set(where)) > 2


async def test_a_key_stays_where_it_began(gateway: GatewayFactory) -> None:
    caller = await gateway(config("deployment_affinity"))
    for number in range(8):
        principal = Principal(id=f"key-{number}")
        where = {await ask(caller, str(turn), principal=principal) for turn in range(4)}
        assert len(where) == 1


async def test_a_session_moves_on_when_its_deployment_fails_and_stays_there(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config("session_affinity", cooldown_time=0))
    first = await ask(caller, "s")
    upstream.script(first, status=500).script(first, "well again")
    second = await ask(caller, "s")
    assert second != first
    assert [await ask(caller, "s") for _ in range(5)] == [second] * 5


async def test_a_conversation_goes_where_its_prompt_is_cached(gateway: GatewayFactory) -> None:
    caller = await gateway(config("prompt_caching"))
    for number in range(6):
        talk = [f"{number}. {LONG}", "first question"]
        await caller.chat("m", said(*talk))
        await asyncio.sleep(0.001)
        first = chosen(caller)
        for turn in range(4):
            talk += [f"answer {turn}", f"question {turn}"]
            await caller.chat("m", said(*talk))
            await asyncio.sleep(0.001)
            assert chosen(caller) == first


async def test_short_prompts_are_not_tied_unless_they_are_marked(gateway: GatewayFactory) -> None:
    caller = await gateway(config("prompt_caching"))
    where = set()
    for _ in range(12):
        await caller.chat("m", said("Be brief.", "Hi"))
        await asyncio.sleep(0.001)
        where.add(chosen(caller))
    assert len(where) > 1
    marked = set()
    for turn in range(6):
        system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
        await caller.chat("m", said("", f"question {turn}", content=system))
        await asyncio.sleep(0.001)
        marked.add(chosen(caller))
    assert len(marked) == 1


async def test_a_prefix_is_forgotten_when_the_cache_is_gone(gateway: GatewayFactory) -> None:
    caller = await gateway(config("prompt_caching", prompt_cache_ttl_seconds=0.01))
    where = set()
    for _ in range(12):
        await caller.chat("m", said(LONG, "Hi"))
        await asyncio.sleep(0.02)
        where.add(chosen(caller))
    assert len(where) > 1


async def test_a_model_group_may_have_its_own_affinity(gateway: GatewayFactory) -> None:
    caller = await gateway(config("session_affinity", model_group_affinity_config={"m": []}))
    assert len({await ask(caller, "s") for _ in range(20)}) > 1


async def test_embeddings_go_where_the_adapter_is_loaded(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    metrics = b'# TYPE x gauge\nvllm:lora_requests_info{max_lora="4",running_lora_adapters="other, code"} 1.0\n'
    upstream.script("/metrics/warm", body=metrics).script("/metrics/cold", body=b"up 1\n")
    entries = []
    for name, number in (("warm", 1), ("cold", 1), ("warm", 2), ("cold", 2)):
        info = {"mode": "embedding", "base_model": "x", "metrics_url": f"{{upstream}}/metrics/{name}"}
        entries.append(entry(f"{name}{number}", "e", info, adapter="code"))
    router = {"optional_pre_call_checks": ["adapter_affinity"], "adapter_poll_seconds": 30}
    caller = await gateway({"model_list": entries, "router_settings": router})
    await upstream.until(lambda each: len(each.requests) == 2)
    await asyncio.sleep(0.02)
    where = set()
    for _ in range(20):
        await caller.embed("e", "text")
        where.add(chosen(caller))
    assert where == {"warm1", "warm2"}


def test_a_servers_metrics_say_which_adapters_are_loaded() -> None:
    text = (
        'vllm:lora_requests_info{max_lora="2",running_lora_adapters="a,b",waiting_lora_adapters="w"} 1\n'
        'lora_adapter_loaded{adapter="c"} 1\nlora_adapter_loaded{adapter="d"} 0\n# running_lora_adapters="e"\n'
    )
    assert loaded_adapters(text) == {"a", "b", "c"}


class Shared(MemorySharedState):
    """A state that others see too; counts what it is asked."""

    is_shared = True
    looks = 0

    async def look(self, reading: Reading, *, max_age: float = 0.0) -> View:
        self.looks += 1
        return await super().look(reading)


async def test_another_replica_finds_a_session_by_one_question() -> None:
    state = Shared()
    here, there = Pins(state), Pins(state)
    here.put("affinity:s", "b", 60.0)
    await there.look(["affinity:s", "affinity:t"])
    await there.look(["affinity:s"])
    assert there.get("affinity:s") == "b"
    assert state.looks == 1


@given(
    st.lists(st.tuples(st.sampled_from(["session_affinity", "prompt_caching"]), st.sampled_from("abcz")), max_size=3),
    st.sets(st.sampled_from("abc")),
    st.integers(0, 2**64 - 1),
)
def test_a_decision_is_the_same_twice_and_loses_nobody(
    pins: list[tuple[str, str]], loaded: set[str], seed: int
) -> None:
    candidates = tuple(Deployment(id=name, group="m", provider="echo", model=name) for name in "abc")
    state = {"router-affinity": {"pins": [list(pin) for pin in pins], "loaded": sorted(loaded)}}
    snapshot = Snapshot("m", 0.0, Catalog(), seed=seed, state=state)
    call = Call(Request("chat", OPENAI_CHAT, {"model": "m", "messages": []}))
    once, twice = (RouterAffinity().route_rank(call, candidates, snapshot) for _ in range(2))
    assert once == twice
    known = [id for _, id in pins if id in "abc"]
    if known:
        assert once is not None
        assert once[0].id == known[0]
    if once is not None:
        assert sorted(each.id for each in once) == ["a", "b", "c"]


@pytest.mark.parametrize("marks", [False, True])
def test_a_longer_conversation_begins_with_all_prefixes_of_the_shorter(marks: bool) -> None:
    def of(*texts: str) -> tuple[str, ...]:
        messages = said(*texts)
        if marks:
            messages[-1]["cache_control"] = {"type": "ephemeral"}
        return prefixes(Request("chat", OPENAI_CHAT, {"model": "m", "messages": messages}), 1024)

    shorter, longer = of(LONG, "one"), of(LONG, "one", "two", "three")
    assert shorter
    assert longer[-len(shorter) :] == shorter
    assert not set(of(LONG + "!", "one")) & set(shorter)
