"""Fault drills: upstreams fail in every way, and each test says what the caller sees and what the state is after."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest

from nova_core.errors import (
    APIConnectionError,
    BadRequestError,
    ContentPolicyViolationError,
    InternalServerError,
    NoDeploymentError,
    NovaError,
    RateLimitedError,
    RequestTimeoutError,
)
from nova_core.gateway import sharing
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.options import take_options
from nova_core.server.shared_store import ParentLink, SharedStore
from nova_core.stores import RemoteState
from nova_core.testing.caller import GatewayCaller, GatewayFactory
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.call import CallOptions
from nova_core.types.principal import Principal
from tests.stores.waiting import until

TOO_LONG = {"status": 400, "code": "context_length_exceeded", "message": "too long"}


def entry(group: str, name: str, **params: Any) -> dict[str, Any]:
    base = {"model": f"scripted/{name}", "api_base": "{upstream}/v1"}
    return {"model_name": group, "params": {**base, **params}, "model_info": {"id": name}}


def two(**router: Any) -> dict[str, Any]:
    """A group of two deployments, of which `a` is always the first choice."""
    return {"model_list": [entry("gpt", "a", weight=1), entry("gpt", "b", weight=0)], "router_settings": router}


def resting(caller: GatewayCaller) -> list[str]:
    return sorted(caller.gateway.cooldowns.cooling())


def attempted(caller: GatewayCaller) -> list[tuple[str, int]]:
    assert caller.last is not None
    return [(each.deployment.id, each.error.status if each.error else 200) for each in caller.last.attempts]


async def streamed(caller: GatewayCaller, **members: Any) -> bytes:
    return b"".join([piece async for piece in caller.stream("gpt", **members)])


async def test_a_rate_limit_goes_to_the_other_deployment_at_once_and_is_kept_for_as_long_as_it_said(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", status=429, headers={"retry-after": "30"}).script("b", text="here")
    caller = await gateway(two())
    began = time.monotonic()
    assert (await caller.chat("gpt")).text == "here"
    assert attempted(caller) == [("a", 429), ("b", 200)] and time.monotonic() - began < 0.5
    left = caller.gateway.cooldowns.cooling()["a"] - time.monotonic()
    assert 28 < left <= 30
    await caller.chat("gpt")
    assert upstream.asked == ["a", "b", "b"]


async def test_the_only_deployment_is_asked_again_after_its_retry_after_and_never_rests(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", status=429, headers={"retry-after": "0.1"}).script("a", text="now")
    caller = await gateway({"model_list": [entry("gpt", "a")]})
    began = time.monotonic()
    assert (await caller.chat("gpt")).text == "now"
    assert time.monotonic() - began >= 0.1 and resting(caller) == []


async def test_server_errors_move_on_and_rest_once_they_are_many(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", status=500).script("b", text="fine")
    caller = await gateway(two(cooldown_min_requests=3))
    for number in range(3):
        assert (await caller.chat("gpt")).text == "fine"
        assert attempted(caller) == [("a", 500), ("b", 200)]
        assert resting(caller) == (["a"] if number == 2 else [])
    await caller.chat("gpt")
    assert attempted(caller) == [("b", 200)]


async def test_a_refused_connection_moves_on_and_is_no_reason_to_rest(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    config = two()
    config["model_list"][0]["params"]["api_base"] = nobody
    caller = await gateway(config)
    for _ in range(6):
        await caller.chat("gpt")
        assert attempted(caller) == [("a", 500), ("b", 200)]
    assert resting(caller) == []
    with pytest.raises(APIConnectionError):
        await caller.chat("gpt", options=CallOptions(num_retries=0))


async def test_a_stall_before_the_first_chunk_moves_on_after_the_deadline(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stall=True).script("b", text="awake")
    caller = await gateway(two(stream_timeout=0.5, allowed_fails_policy={"TimeoutErrorAllowedFails": 0}))
    assert b"awake" in await streamed(caller)
    assert attempted(caller) == [("a", 408), ("b", 200)] and resting(caller) == ["a"]
    await upstream.until(lambda seen: len(seen.disconnects) == 1)


async def test_a_stall_after_the_first_chunk_is_an_error_event_and_never_said_twice(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stream=["one ", "two ", "three ", "four"], stall="body")
    config = two()
    config["model_list"][0]["params"]["timeout"] = 0.5
    caller = await gateway(config)
    data = await streamed(caller)
    assert b"one " in data and b'"error"' in data and b"[DONE]" not in data.split(b'"error"')[0]
    assert upstream.asked == ["a"] and resting(caller) == []
    await upstream.until(lambda seen: len(seen.disconnects) == 1)


async def test_a_reset_before_content_moves_on_and_one_after_it_does_not(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", reset=True).script("a", stream=["one ", "two ", "three ", "four"], reset="body")
    upstream.script("b", text="whole")
    caller = await gateway(two())
    assert b"whole" in await streamed(caller)
    data = await streamed(caller)
    assert b"one " in data and b'"error"' in data and b"whole" not in data
    assert upstream.asked == ["a", "b", "a"] and resting(caller) == []


async def test_a_flapping_deployment_gets_one_trial_call_after_each_rest(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", status=429).script("a", status=429, delay=0.1).script("a", text="back")
    caller = await gateway(two(cooldown_time=0.4))
    await caller.chat("gpt")
    assert resting(caller) == ["a"]
    await asyncio.sleep(0.4)
    await asyncio.gather(*(caller.chat("gpt") for _ in range(5)))
    assert upstream.asked.count("a") == 2, "one of five calls tried it"
    assert resting(caller) == ["a"]
    await asyncio.sleep(0.4)
    assert (await caller.chat("gpt")).text == "back" and resting(caller) == []
    await asyncio.gather(*(caller.chat("gpt") for _ in range(5)))
    assert upstream.asked.count("a") == 8, "it has its share again"


async def test_with_all_down_the_caller_gets_the_first_groups_error_and_then_a_429_with_a_wait(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", status=503, message="of a").script("b", status=503, message="of b")
    upstream.script("c", status=500, message="of c")
    config = two(num_retries=1, fallbacks=[{"gpt": ["spare"]}], allowed_fails=0)
    config["model_list"].append(entry("spare", "c"))
    caller = await gateway(config)
    with pytest.raises(NovaError, match="of b") as caught:
        await caller.chat("gpt")
    assert caught.value.status == 503
    assert attempted(caller)[:2] == [("a", 503), ("b", 503)] and attempted(caller)[2][0] == "c"
    assert resting(caller) == ["a", "b"], "the only one of its group never rests"
    with pytest.raises(NoDeploymentError) as refused:
        await caller.chat("gpt", options=CallOptions(disable_fallbacks=True))
    assert refused.value.status == 429 and 1 <= (refused.value.retry_after or 0) <= 5


async def test_a_rate_limited_group_falls_back_at_once_rather_than_wait(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", status=429, headers={"retry-after": "20"})
    caller = await gateway(
        {
            "model_list": [entry("gpt", "a"), entry("spare", "c")],
            "router_settings": {"fallbacks": [{"gpt": ["spare"]}]},
        }
    )
    began = time.monotonic()
    await caller.chat("gpt")
    assert attempted(caller) == [("a", 429), ("c", 200)] and time.monotonic() - began < 1


async def test_a_call_has_one_budget_of_attempts(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    upstream.script("*", status=500)
    config = two(num_retries=1, max_attempts=3, fallbacks=[{"gpt": ["spare"]}, {"spare": ["last"]}])
    config["model_list"] += [entry("spare", "c"), entry("last", "d")]
    caller = await gateway(config)
    with pytest.raises(InternalServerError):
        await caller.chat("gpt")
    assert upstream.asked == ["a", "b", "c"]


async def test_a_call_has_one_deadline_for_all_its_attempts(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stall=True).script("b", stall=True)
    caller = await gateway(two(call_timeout=0.3, timeout=0.2, stream_timeout=0.2))
    for ask in (caller.chat("gpt"), streamed(caller)):
        began = time.monotonic()
        with pytest.raises(RequestTimeoutError):
            await ask
        assert 0.25 < time.monotonic() - began < 0.8


async def test_a_retry_policy_says_how_often_which_error_is_tried_again(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", status=400).script("a", status=400).script("a", text="third time")
    upstream.script("c", status=500)
    caller = await gateway(
        {
            "model_list": [entry("gpt", "a"), entry("own", "c")],
            "router_settings": {
                "retry_policy": {"BadRequestErrorRetries": 2},
                "model_group_retry_policy": {"own": {"InternalServerErrorRetries": 0}},
            },
        }
    )
    assert (await caller.chat("gpt")).text == "third time"
    with pytest.raises(InternalServerError):
        await caller.chat("own")
    assert upstream.asked == ["a", "a", "a", "c"]


async def test_a_prompt_that_is_too_long_goes_to_the_group_for_long_prompts(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", **TOO_LONG).script("c", text="long enough")
    config = {
        "model_list": [entry("gpt", "a"), entry("long", "c"), entry("spare", "d")],
        "router_settings": {"context_window_fallbacks": [{"gpt": ["long"]}], "fallbacks": [{"gpt": ["spare"]}]},
    }
    caller = await gateway(config)
    assert (await caller.chat("gpt")).text == "long enough"
    assert attempted(caller) == [("a", 400), ("c", 200)] and caller.last is not None and caller.last.fallbacks == 1


async def test_a_prompt_that_a_check_finds_too_long_goes_there_without_being_sent(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    config = {
        "model_list": [entry("gpt", "a"), entry("long", "c")],
        "router_settings": {"context_window_fallbacks": [{"gpt": ["long"]}], "enable_pre_call_checks": True},
    }
    config["model_list"][0]["model_info"]["max_input_tokens"] = 10  # type: ignore[index]
    caller = await gateway(config)
    await caller.chat("gpt", "far too many words " * 20)
    assert upstream.asked == ["c"]


async def test_a_filtered_answer_goes_to_the_group_for_refusals(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    message = {"role": "assistant", "content": ""}
    filtered = {"id": "x", "object": "chat.completion", "created": 1, "model": "a",
                "choices": [{"index": 0, "finish_reason": "content_filter", "message": message}]}  # fmt: skip
    upstream.script("a", json=filtered).script("c", text="mild")
    config = {
        "model_list": [entry("gpt", "a"), entry("mild", "c"), entry("other", "a2")],
        "router_settings": {"content_policy_fallbacks": [{"gpt": ["mild"]}]},
    }
    caller = await gateway(config)
    assert (await caller.chat("gpt")).text == "mild"
    assert (await caller.chat("gpt", options=CallOptions(disable_fallbacks=True))).choices[0].finish == "content_filter"
    upstream.forget().script("a", json=filtered).script("c", status=500)
    with pytest.raises(ContentPolicyViolationError):
        await caller.chat("gpt", options=CallOptions(num_retries=0))


async def test_a_callers_fallback_may_change_the_request_but_not_the_credentials(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", status=500)
    caller = await gateway({"model_list": [entry("gpt", "a"), entry("spare", "c")]})
    changed = {"messages": [{"role": "user", "content": "shorter"}], "temperature": 0}
    options = CallOptions(num_retries=0, fallbacks=("spare",), fallback_members={"spare": changed})
    await caller.chat("gpt", options=options)
    assert upstream.last.json["messages"][0]["content"] == "shorter" and upstream.last.json["temperature"] == 0
    stolen = {"spare": {"api_base": "http://127.0.0.1:1"}}
    with pytest.raises(InternalServerError):
        await caller.chat("gpt", options=CallOptions(num_retries=0, fallbacks=("spare",), fallback_members=stolen))
    assert upstream.asked == ["a", "c", "a"]
    assert caller.last is not None and any("400" in note.why for note in caller.last.notes)


async def test_a_fallback_that_the_key_may_not_call_is_never_asked(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", status=500)
    caller = await gateway({"model_list": [entry("gpt", "a"), entry("secret", "c")]})
    options = CallOptions(num_retries=0, fallbacks=("secret",), context_window_fallbacks={"gpt": ("secret",)})
    body = {"model": "gpt", "messages": [{"role": "user", "content": "Hi"}]}
    with pytest.raises(InternalServerError):
        await caller.answer(body, options=options, principal=Principal(id="k", models=("gpt",)))
    upstream.forget().script("a", **TOO_LONG)
    with pytest.raises(BadRequestError):
        await caller.answer(body, options=options, principal=Principal(id="k", models=("gpt",)))
    assert upstream.asked == ["a"]


async def test_who_rests_goes_on_resting_after_a_reload_unless_it_is_another_now(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", status=429)
    caller = await gateway(two(cooldown_time=60))
    await caller.chat("gpt")
    await caller.gateway.reload((await gateway(two(cooldown_time=60))).gateway.runtime)
    assert resting(caller) == ["a"]
    mended = two(cooldown_time=60)
    mended["model_list"][0]["params"]["api_key"] = "sk-another"
    await caller.gateway.reload((await gateway(mended)).gateway.runtime)
    assert resting(caller) == []


async def test_replicas_tell_each_other_who_rests_and_share_limits(
    gateway: GatewayFactory, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "POLL_SECONDS", 0.02)
    upstream.script("a", status=429)
    config = two(cooldown_time=60)
    config["model_list"].append(entry("limited", "c", rpm=20))
    store = SharedStore()
    states = [RemoteState(ParentLink(await store.connect()), budget=2.0) for _ in range(2)]
    runtimes = [(await gateway(config)).gateway.runtime for _ in range(2)]
    async with (
        Gateway(runtimes[0], shared_state=states[0]) as one,
        Gateway(runtimes[1], shared_state=states[1]) as two_,
    ):
        callers = GatewayCaller(one), GatewayCaller(two_)
        await callers[0].chat("gpt")
        await until(lambda: resting(callers[1]) == ["a"])
        calls = (callers[number % 2].chat("limited") for number in range(100))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(not isinstance(answer, Exception) for answer in answers) == 20
        assert {type(answer) for answer in answers if isinstance(answer, Exception)} == {NoDeploymentError}
        one.cooldowns.recovering["a"] = 1.0
        one.cooldowns.succeeded(one.runtime.catalog.by_id["a"])
        await until(lambda: resting(callers[1]) == [])
    await store.aclose()


async def test_a_rate_limit_of_the_last_error_is_what_the_caller_sees(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", status=429, headers={"retry-after": "7"}, message="slow down")
    caller = await gateway({"model_list": [entry("gpt", "a")]})
    with pytest.raises(RateLimitedError, match="slow down") as caught:
        await caller.chat("gpt", options=CallOptions(num_retries=0))
    assert caught.value.retry_after == 7


async def test_cooldowns_can_be_switched_off(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    upstream.script("a", status=429)
    caller = await gateway(two(disable_cooldowns=True))
    for _ in range(2):
        await caller.chat("gpt")
        assert attempted(caller) == [("a", 429), ("b", 200)]


async def test_the_only_deployment_that_fits_never_rests_and_the_last_one_awake_not_for_a_404(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", status=429)
    tagged = {"model_list": [entry("gpt", "a", tags=["x"]), entry("gpt", "b", tags=["y"])],
              "router_settings": {"enable_tag_filtering": True}}  # fmt: skip
    caller = await gateway(tagged)
    body = {"model": "gpt", "messages": [{"role": "user", "content": "Hi"}]}
    once = CallOptions(num_retries=0)
    with pytest.raises(RateLimitedError):
        await caller.answer(body, tags=("x",), options=once)
    assert resting(caller) == []
    plain = await gateway(two(cooldown_time=60))
    with pytest.raises(RateLimitedError):
        await plain.chat("gpt", options=once)
    assert resting(plain) == ["a"]
    upstream.forget().script("b", status=404).script("b", status=429)
    for _ in range(2):
        assert resting(plain) == ["a"]
        with pytest.raises(NovaError):
            await plain.chat("gpt", options=once)
    assert resting(plain) == ["a", "b"]


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("mock_testing_fallbacks", "spare"),
        ("mock_testing_rate_limit_error", "spare"),
        ("mock_testing_context_fallbacks", "long"),
        ("mock_testing_content_policy_fallbacks", "mild"),
    ],
)
async def test_fallbacks_can_be_watched_without_a_fault_and_nobody_rests_for_it(
    gateway: GatewayFactory, upstream: ScriptedUpstream, flag: str, expected: str
) -> None:
    config = two(
        num_retries=0,
        allowed_fails=0,
        fallbacks=[{"gpt": ["spare"]}],
        context_window_fallbacks=[{"gpt": ["long"]}],
        content_policy_fallbacks=[{"gpt": ["mild"]}],
    )
    config["model_list"] += [entry(name, name) for name in ("spare", "long", "mild")]
    caller = await gateway(config)
    _, options, _ = take_options({flag: True}, {}, dialect="openai_chat")
    for _ in range(3):
        await caller.chat("gpt", options=options)
    assert upstream.asked == [expected] * 3 and resting(caller) == []
