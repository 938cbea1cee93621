"""Requests, tokens and calls at a time of deployments: exact whatever happens to the calls."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_core.errors import BadRequestError, InternalServerError, NoDeploymentError, NovaError
from nova_core.gateway.admission import Admission, estimated_tokens
from nova_core.gateway.attempts import Attempts
from nova_core.gateway.cooldowns import Cooldowns
from nova_core.gateway.limits import DeploymentLimits, LimitSettings, limits_for
from nova_core.gateway.policy import Policy
from nova_core.stores import MemorySharedState, Reading
from nova_core.testing.caller import GatewayFactory
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.events import Chunk
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.usage import Usage
from nova_core.wire.body import parse_members
from nova_core.wire.openai_chat import OPENAI_CHAT

USED = Usage(input=5, output=6)
FINE = Reply("chat", OPENAI_CHAT, {"choices": []}, usage=USED)


def deployment(name: str, parallel: int | None = None, **fields: Any) -> Deployment:
    given = {"max_parallel_requests": parallel} if parallel else {}
    return Deployment(id=name, group="gpt", provider="echo", model=name, settings=given, **fields)


class Bench:
    """Deployments with limits, in a state that can be looked into."""

    def __init__(self, *deployments: Deployment, queue: float = 5.0) -> None:
        self.deployments = deployments
        self.state = MemorySharedState()
        limits = limits_for(deployments, LimitSettings(queue=queue))
        assert limits is not None
        self.limits: DeploymentLimits = limits
        self.limits.bind(self.state)
        self.running = dict.fromkeys((each.id for each in deployments), 0)
        self.most = dict(self.running)
        self.sent = 0

    async def call(self, outcome: Reply | Stream | BaseException, seconds: float = 0.0, **options: Any) -> Any:
        """One call that is answered like this after so many seconds."""
        request = Request("chat", OPENAI_CHAT, {"model": "gpt", "messages": [], "max_tokens": 10})
        call = Call(request, options=CallOptions(num_retries=0, **options))

        async def try_one(deployment: Deployment) -> Reply | Stream:
            self.sent += 1
            call.upstream_seconds += 1
            self.running[deployment.id] += 1
            self.most[deployment.id] = max(self.most[deployment.id], self.running[deployment.id])
            try:
                await asyncio.sleep(seconds)
            finally:
                self.running[deployment.id] -= 1
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        attempts = Attempts(call, Policy(), Cooldowns())
        attempts.queue = admission = Admission(self.limits, call, request, try_one, account=call)
        return await attempts.run((self.deployments,), admission.try_one, group="gpt")

    def held(self, *names: str) -> dict[str, int]:
        return dict(self.state.look_now(Reading(leases=tuple(f"runs:{name}" for name in names))).leases)

    def counted(self, key: str) -> int:
        return self.state.look_now(Reading(windows=(key,))).windows.get(key, 0)


async def chunks() -> Any:
    yield Chunk(())


def a_stream() -> Stream:
    return Stream(OPENAI_CHAT, chunks=chunks())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_what_runs_at_a_time_is_exact_under_any_interleaving(seed: int, sizes: list[int]) -> None:
    """Calls that answer, stream, fail and are cancelled at random moments: never too many, and nothing is kept."""
    bench, failures = asyncio.run(_interleaving(Random(seed), sizes))
    assert all(isinstance(each, NovaError) for each in failures)
    assert not any(isinstance(each, NoDeploymentError) for each in failures), "all that waited had their turn"
    assert all(bench.most[f"d{number}"] <= size for number, size in enumerate(sizes))
    assert bench.held(*bench.most) == {}


async def _interleaving(random: Random, sizes: list[int]) -> tuple[Bench, list[BaseException]]:
    names = [f"d{number}" for number in range(len(sizes))]
    bench = Bench(*(deployment(name, size) for name, size in zip(names, sizes, strict=True)))

    async def one() -> None:
        outcome = random.choice([FINE, a_stream(), InternalServerError("x"), BadRequestError("x")])
        answer = await bench.call(outcome, seconds=random.choice([0, 0, 0.001, 0.002]))
        if isinstance(answer, Stream):
            try:
                await asyncio.sleep(random.choice([0, 0.001]))
            finally:
                await answer.aclose()

    tasks = [asyncio.create_task(one()) for _ in range(25)]
    for task in random.sample(tasks, 10):
        await asyncio.sleep(random.choice([0, 0, 0.001]))
        task.cancel()
    await asyncio.wait(tasks)
    ended = [task.exception() for task in tasks if not task.cancelled()]
    return bench, [error for error in ended if error is not None]


async def test_twenty_of_a_hundred_calls_at_once_get_through() -> None:
    bench = Bench(deployment("a", rpm=15), deployment("b", rpm=5))
    answers = await asyncio.gather(*(bench.call(FINE, 0.001) for _ in range(100)), return_exceptions=True)
    assert sum(isinstance(answer, Reply) for answer in answers) == bench.sent == 20
    refused = next(answer for answer in answers if isinstance(answer, NoDeploymentError))
    assert refused.status == 429 and 0 < (refused.retry_after or 0) <= 60


async def test_tokens_are_reserved_before_and_settled_after() -> None:
    bench = Bench(deployment("a", tpm=100))
    running = asyncio.create_task(bench.call(FINE, 0.01))
    await asyncio.sleep(0)
    assert bench.counted("tpm:a") == 11
    await running
    assert bench.counted("tpm:a") == USED.total == 11
    with pytest.raises(InternalServerError):
        await bench.call(InternalServerError("x"))
    assert bench.counted("tpm:a") == 11
    for _ in range(8):
        await bench.call(FINE)
    with pytest.raises(NoDeploymentError):
        await bench.call(FINE)


async def test_the_usage_of_a_stream_is_settled_when_it_is_closed() -> None:
    bench = Bench(deployment("a", 1, tpm=100))
    stream = await bench.call(a_stream())
    assert bench.held("a") == {"runs:a": 1} and bench.counted("tpm:a") == 11
    await stream.aclose()
    assert bench.held("a") == {} and bench.counted("tpm:a") == 11


async def test_a_stream_gives_back_what_it_holds_although_another_closer_fails() -> None:
    bench = Bench(deployment("a", 1))
    stream = await bench.call(a_stream())

    async def fail() -> None:
        raise asyncio.CancelledError

    stream._closers.insert(0, fail)
    with pytest.raises(asyncio.CancelledError):
        await stream.aclose()
    assert bench.held("a") == {}


async def test_a_call_waits_for_its_turn_and_no_longer_than_it_may() -> None:
    bench = Bench(deployment("a", 1), queue=0.3)
    slow = asyncio.create_task(bench.call(FINE, 0.02))
    await asyncio.sleep(0)
    assert await bench.call(FINE) is FINE
    await slow
    endless = asyncio.create_task(bench.call(FINE, 5))
    await asyncio.sleep(0)
    with pytest.raises(NoDeploymentError):
        await bench.call(FINE)
    endless.cancel()
    await asyncio.wait((endless,))
    assert await bench.call(FINE) is FINE


async def test_calls_that_wait_are_served_in_the_order_they_came() -> None:
    bench = Bench(deployment("a", 1))
    order: list[int] = []

    async def one(number: int) -> None:
        await bench.call(FINE, 0.001)
        order.append(number)

    await asyncio.gather(*map(one, range(10)))
    assert order == list(range(10))


def test_an_estimate_counts_the_prompt_and_the_output_asked_for() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 400 + b'"}],"max_tokens":50}'
    request = Request("chat", OPENAI_CHAT, parse_members(body))
    assert 150 <= estimated_tokens(request) <= 170


def test_without_limits_there_is_nothing_to_ask() -> None:
    assert limits_for([deployment("a")], LimitSettings()) is None
    assert limits_for([deployment("a", rpm=5)], LimitSettings(weigh_only=True)) is None
    assert limits_for([deployment("a")], LimitSettings(parallel=2)) is not None


def config(*params: dict[str, Any], **sections: Any) -> dict[str, Any]:
    models = [
        {
            "model_name": "gpt",
            "params": {"model": f"scripted/{name}", "api_base": "{upstream}/v1", **each},
            "model_info": {"id": name},
        }
        for name, each in zip("abc", params, strict=False)
    ]
    return {"model_list": models, **sections}


async def test_a_busy_deployment_is_left_for_one_with_room(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    upstream.script("a", delay=0.2)
    caller = await gateway(config({"max_parallel_requests": 1, "order": 1}, {"order": 2}))
    await asyncio.gather(caller.chat("gpt"), caller.chat("gpt"), caller.chat("gpt"))
    assert sorted(upstream.asked) == ["a", "b", "b"]


async def test_old_behaviour_refuses_at_once(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    upstream.script("a", delay=0.1)
    rejecting = config({"max_parallel_requests": 1}, compat={"reject_when_busy": True})
    caller = await gateway(rejecting)
    answers = await asyncio.gather(*(caller.chat("gpt") for _ in range(4)), return_exceptions=True)
    assert [type(answer) for answer in answers].count(NoDeploymentError) == 3
    queued = await gateway(config({}, router_settings={"default_max_parallel_requests": 1}))
    await asyncio.gather(*(queued.chat("gpt") for _ in range(4)))


async def test_a_window_is_as_long_as_the_operator_says(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    caller = await gateway(config({"rpm": 1}, router_settings={"limit_window": 0.6}))
    await caller.chat("gpt")
    with pytest.raises(NoDeploymentError, match="at the limit"):
        await caller.chat("gpt")
    await asyncio.sleep(0.61)
    await caller.chat("gpt")
    assert upstream.asked == ["a", "a"]


async def test_a_caller_who_leaves_a_stream_gives_its_place_back(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stream=["one ", "two ", "three"], gap=0.3)
    caller = await gateway(config({"max_parallel_requests": 1}, compat={"reject_when_busy": True}))
    stream = caller.stream("gpt")
    await anext(stream)
    with pytest.raises(NoDeploymentError):
        await caller.chat("gpt")
    await stream.aclose()
    upstream.forget()
    assert (await caller.chat("gpt")).text == "Hello from a."


async def test_limits_outlive_a_reload(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    caller = await gateway(config({"rpm": 1}))
    await caller.chat("gpt")
    again = await gateway(config({"rpm": 1}))
    await caller.gateway.reload(again.gateway.runtime)
    with pytest.raises(NoDeploymentError):
        await caller.chat("gpt")


async def test_a_stream_is_asked_for_its_usage_and_settled_with_it(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", text="short", usage=(70, 20))
    caller = await gateway(config({"tpm": 100}))
    data = b"".join([piece async for piece in caller.stream("gpt")])
    assert upstream.last.json["stream_options"]["include_usage"] is True
    assert b"prompt_tokens" not in data, "the caller did not ask"
    state = caller.gateway.shared_state
    assert (await state.look(Reading(windows=("tpm:a",)))).windows == {"tpm:a": 90}
    with pytest.raises(NoDeploymentError):
        await caller.chat("gpt", "x" * 400)
