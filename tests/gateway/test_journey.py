"""A call's journey through plugins, routing and a real upstream on the loopback."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nova_core.errors import (
    APIConnectionError,
    BadGatewayError,
    BadRequestError,
    ConfigurationError,
    InternalServerError,
    ModelNotFoundError,
    NovaError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    RequestTimeoutError,
)
from nova_core.stores import MemoryCounterStore
from nova_core.testing.caller import GatewayFactory
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.call import CallOptions
from nova_core.types.principal import Principal
from nova_core.wire.body import parse_members
from tests.gateway.probes import Keeping, Probe

PROBES = "tests.gateway.probes"


def config(*models: str, **sections: Any) -> dict[str, Any]:
    entries = [
        {
            "model_name": "gpt",
            "params": {"model": f"scripted/{name}", "api_base": "{upstream}/v1"},
            "model_info": {"id": name},
        }
        for name in models or ("a",)
    ]
    return {"model_list": entries, **sections}


def plugins(*names: str) -> dict[str, str]:
    return {name.lower(): f"{PROBES}:{name}" for name in names}


@pytest.fixture(autouse=True)
def _forget() -> None:
    Probe.seen.clear()
    Probe.records.clear()


async def test_falls_back_to_the_next_deployment_when_the_first_is_down(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", status=503).script("b", text="hi")
    assert (await gateway.chat("gpt")).text == "hi"
    assert upstream.asked == ["a", "b"]


async def test_plugins_see_the_call_inward_and_outward_in_reverse(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config(), plugins=plugins("Inner", "Outer"))
    reply = await caller.chat("gpt")
    assert Probe.seen == ["startup", "outer in", "inner in", "inner out", "outer out"]
    assert reply.id == "changed-by-inner"
    assert upstream.last.json["temperature"] == 0.5


async def test_shutdown_runs_when_the_gateway_stops(upstream: ScriptedUpstream) -> None:
    async with GatewayFactory(upstream) as factory:
        await factory(config(), plugins=plugins("Outer"))
    assert Probe.seen == ["startup", "shutdown"]


async def test_an_observer_that_fails_changes_nothing(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    upstream.script("a", text="fine", usage=(3, 4))
    caller = await gateway(config(), plugins=plugins("Outer"))
    assert (await caller.chat("gpt")).text == "fine"
    await caller.gateway.background.drain(1)
    (record,) = Probe.records
    assert (record.status, record.usage.total if record.usage else None, record.streamed) == (200, 7, False)


async def test_a_plugin_that_answers_skips_what_is_inside_it(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config(), plugins=plugins("Outer", "Answering"))
    assert (await caller.chat("gpt")).text == "from memory"
    assert Probe.seen == ["startup", "outer in", "answering in", "outer out"]
    assert upstream.asked == []


async def test_a_whole_answer_is_streamed_to_a_caller_who_asked_for_a_stream(gateway: GatewayFactory) -> None:
    caller = await gateway(config(), plugins=plugins("Answering"))
    text = b"".join([piece async for piece in caller.stream("gpt")])
    assert b"from memory" in text and text.endswith(b"data: [DONE]\n\n")


async def test_a_hook_that_raises_stops_the_call_before_any_upstream(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config(), plugins=plugins("Inner", "Outer"))
    with pytest.raises(RejectedError, match="not you"):
        await caller.chat("gpt", user="blocked")
    assert upstream.asked == []
    await caller.gateway.background.drain(1)
    assert Probe.records[0].status == 400


async def test_a_bug_in_a_plugin_is_a_500_without_its_details(gateway: GatewayFactory) -> None:
    caller = await gateway(config(), plugins=plugins("Buggy"))
    with pytest.raises(InternalServerError) as caught:
        await caller.chat("gpt")
    assert "secret detail" not in str(caught.value)


async def test_a_plugin_may_answer_another_error(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    upstream.script("a", status=400)
    caller = await gateway(config(), plugins=plugins("Consoling"))
    with pytest.raises(RateLimitedError, match="come back later"):
        await caller.chat("gpt")


async def test_child_calls_take_the_same_journey_and_are_accounted_under_their_parent(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config(), plugins=plugins("Splitting", "Outer"))
    await caller.chat("gpt")
    await caller.gateway.background.drain(1)
    assert upstream.asked == ["a", "a"]
    parents = [record.call.parent for record in Probe.records]
    assert parents.count(caller.last) == 2 and parents.count(None) == 1


async def test_wrapped_streams_are_changed_and_every_layer_is_closed(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stream=["hel", "lo"])
    caller = await gateway(config(), plugins=plugins("Shouting", "Watching"))
    text = b"".join([piece async for piece in caller.stream("gpt")])
    assert b"HEL" in text and b"LO" in text and text.endswith(b"data: [DONE]\n\n")
    assert sorted(Probe.seen) == ["shouting closed", "watching closed"]


async def test_a_stream_that_no_plugin_changes_keeps_its_bytes(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    sse = [
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"gpt","x_unknown":[1.50],'
        b'"choices":[{"index":0,"delta":{"role":"assistant","content":"hi"},"finish_reason":null}]}\n\n',
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"gpt",'
        b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        b"data: [DONE]\n\n",
    ]
    upstream.script("a", sse=sse)
    plain = await gateway(config())
    watched = await gateway(config(), plugins=plugins("Watching"))
    for caller in (plain, watched):
        assert b"".join([piece async for piece in caller.stream("gpt")]) == b"".join(sse)


async def test_leaving_a_stream_early_closes_all_layers_and_the_upstream(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stream=["one "] * 200, gap=0.05)
    caller = await gateway(config(), plugins=plugins("Watching", "Outer"))
    stream = caller.stream("gpt")
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    await upstream.until(lambda it: it.disconnects)
    assert "watching closed" in Probe.seen
    await caller.gateway.background.drain(1)
    assert Probe.records[0].status == 499
    assert caller.gateway.in_flight == 0


async def test_a_cancelled_call_cancels_the_upstream_and_is_accounted(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stall=True)
    caller = await gateway(config(), plugins=plugins("Outer"))
    task = asyncio.ensure_future(caller.chat("gpt"))
    await upstream.until(lambda it: it.requests)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await upstream.until(lambda it: it.disconnects)
    await caller.gateway.background.drain(1)
    assert Probe.records[0].status == 499


async def test_a_stream_that_fails_before_its_first_chunk_falls_back(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", sse=[b'data: {"error":{"message":"overloaded","code":503}}\n\n']).script("b", stream=["hi"])
    text = b"".join([piece async for piece in gateway.stream("gpt")])
    assert b'"hi"' in text
    assert upstream.asked == ["a", "b"]


@pytest.mark.parametrize("watched", [(), ("Watching",)])
async def test_half_a_stream_ends_with_an_error_event(
    gateway: GatewayFactory, upstream: ScriptedUpstream, watched: tuple[str, ...]
) -> None:
    upstream.script("a", stream=["partly"], half_stream=True)
    caller = await gateway(config(), plugins=plugins(*watched))
    text = b"".join([piece async for piece in caller.stream("gpt")])
    assert b"partly" in text and b'"error"' in text
    assert b"[DONE]" not in text and b'"finish_reason":"stop"' not in text


async def test_the_model_is_the_callers_in_replies_and_the_upstreams_upstream(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    assert (await gateway.chat("gpt")).model == "gpt"
    assert upstream.last.json["model"] == "a"


async def test_group_fallbacks_are_tried_and_counted(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    setup = config("a", router_settings={"fallbacks": [{"gpt": ["spare"]}], "num_retries": 0})
    setup["model_list"].append(
        {
            "model_name": "spare",
            "params": {"model": "scripted/s", "api_base": "{upstream}/v1"},
            "model_info": {"id": "s"},
        }
    )
    upstream.script("a", status=500).script("s", text="spare here")
    caller = await gateway(setup)
    reply = await caller.chat("gpt")
    assert reply.text == "spare here" and reply.model == "gpt"
    assert caller.last is not None
    assert (caller.last.fallbacks, caller.last.group) == (1, "spare")


async def test_when_everything_fails_the_first_error_is_answered(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    setup = config("a", router_settings={"fallbacks": [{"gpt": ["spare"]}], "num_retries": 0})
    setup["model_list"].append({"model_name": "spare", "params": {"model": "scripted/s", "api_base": "{upstream}/v1"}})
    upstream.script("a", status=500, message="first").script("s", status=401, message="second")
    caller = await gateway(setup)
    with pytest.raises(InternalServerError, match="first"):
        await caller.chat("gpt")


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ({"reset": True}, APIConnectionError),
        ({"html": True}, BadGatewayError),
        ({"json": []}, BadGatewayError),
        ({"json": {"id": "x", "object": "chat.completion", "choices": []}}, BadGatewayError),
        ({"json": {"error": {"message": "busy"}}}, NovaError),
        ({"status": 302}, BadGatewayError),
    ],
)
async def test_an_answer_that_is_no_reply_is_an_error(
    gateway: GatewayFactory, upstream: ScriptedUpstream, script: dict[str, Any], error: type[NovaError]
) -> None:
    upstream.script("a", **script)
    caller = await gateway(config("a", router_settings={"num_retries": 0}))
    with pytest.raises(error):
        await caller.chat("gpt")


async def test_a_stalling_upstream_is_a_timeout_that_says_how_long_it_waited(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stall=True)
    caller = await gateway(config("a", router_settings={"num_retries": 0, "timeout": 0.2}))
    with pytest.raises(RequestTimeoutError, match=r"0\.2 seconds"):
        await caller.chat("gpt")
    await upstream.until(lambda it: it.disconnects)


async def test_an_unknown_model_is_not_found_and_asks_nobody(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    with pytest.raises(ModelNotFoundError, match="nope"):
        await gateway.chat("nope")
    assert upstream.asked == []


async def test_a_deployment_id_is_callable_and_an_upstream_name_is_not(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config("alpha"))
    await caller.chat("alpha")
    entry = {"model_name": "public", "params": {"model": "scripted/hidden", "api_base": "{upstream}/v1"}}
    closed = await gateway({"model_list": [entry]})
    opened = await gateway({"model_list": [entry], "compat": {"call_upstream_names": True}})
    for name in ("hidden", "scripted/hidden"):
        with pytest.raises(ModelNotFoundError):
            await closed.chat(name)
        await opened.chat(name)
    assert upstream.asked == ["alpha", "hidden", "hidden"]


async def test_an_alias_stands_for_its_group(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    caller = await gateway(config("a", router_settings={"model_group_alias": {"nick": "gpt"}}))
    assert (await caller.chat("nick")).model == "nick"
    assert upstream.asked == ["a"]


async def test_deployment_defaults_are_added_and_the_caller_wins(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    setup = config("a")
    setup["model_list"][0]["params"] |= {"temperature": 0.1, "max_tokens": 5, "extra_headers": {"X-Team": "blue"}}
    caller = await gateway(setup)
    await caller.chat("gpt", temperature=0.9)
    assert (upstream.last.json["temperature"], upstream.last.json["max_tokens"]) == (0.9, 5)
    assert upstream.last.header("x-team") == "blue"


async def test_a_callers_base_is_refused_unless_the_operator_allows_it(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    options = CallOptions(overrides={"api_base": upstream.url + "/other"})
    with pytest.raises(BadRequestError, match="api_base"):
        await gateway.chat("gpt", options=options)
    assert upstream.asked == []
    setup = config("a", general_settings={"allow_client_side_credentials": True})
    setup["model_list"][0]["params"] |= {"api_key": "sk-operator", "extra_headers": {"X-Secret": "s"}}
    caller = await gateway(setup)
    await caller.chat("gpt", options=options)
    assert upstream.last.path.startswith("/other")
    assert "sk-operator" not in str(upstream.last.headers) and upstream.last.header("x-secret") is None


async def test_configured_prices_give_a_cost_and_unknown_stays_unknown(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", usage=(10, 2))
    setup = config("a")
    setup["model_list"][0]["params"] |= {"input_cost_per_token": 1e-6, "output_cost_per_token": 3e-6}
    priced = await gateway(setup)
    assert (await priced.gateway.chat("gpt")).headers["response-cost"] == "0.000016"
    unpriced = await gateway(config("a"))
    assert "response-cost" not in (await unpriced.gateway.chat("gpt")).headers


async def test_a_mocked_answer_asks_nobody(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    setup = config("a")
    setup["model_list"][0]["params"]["mock_response"] = "scripted words"
    caller = await gateway(setup)
    reply = await caller.chat("gpt")
    assert reply.text == "scripted words" and reply.usage is not None and reply.usage.total == 30
    with pytest.raises(RateLimitedError):
        await caller.chat("gpt", options=CallOptions(mock_response="litellm.RateLimitError"))
    assert upstream.asked == []


async def test_calls_in_flight_finish_on_the_configuration_they_began_with(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", text="old", delay=0.3).script("b", text="new")
    caller = await gateway(config("a"), plugins=plugins("Outer"))
    other = await gateway(config("b"))
    slow = asyncio.ensure_future(caller.chat("gpt"))
    await upstream.until(lambda it: it.requests)
    await caller.gateway.reload(other.gateway.runtime)
    assert (await caller.chat("gpt")).text == "new"
    assert "shutdown" not in Probe.seen
    assert (await slow).text == "old"
    await caller.gateway.background.drain(1)
    assert "shutdown" in Probe.seen


async def test_a_number_that_nothing_can_hold_is_a_bad_request(gateway: GatewayFactory) -> None:
    caller = await gateway(config("a"), plugins=plugins("Inner"))
    members = parse_members(b'{"model": "gpt", "messages": [{"role": "user", "content": "x"}], "user": 1e999}')
    with pytest.raises(BadRequestError, match="user"):
        await caller.answer(members)


async def test_an_observer_of_attempts_that_is_slow_holds_up_no_caller(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config("a"), plugins=plugins("SlowObserver"))
    async with asyncio.timeout(1.9):
        await caller.chat("gpt")
    assert Probe.seen == []
    await caller.gateway.background.drain(5)
    assert Probe.seen == ["attempt 1"]


async def test_an_error_is_not_its_own_cause(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    upstream.script("a", status=400)
    with pytest.raises(BadRequestError) as caught:
        await (await gateway(config("a"))).chat("gpt")
    assert caught.value.__cause__ is not caught.value


async def test_embeddings_never_fall_back_to_another_space_also_when_a_plugin_left_no_deployment(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    setup = config("a", router_settings={"num_retries": 0, "fallbacks": [{"gpt": ["other", "same"]}]})
    for name, model in (("other", "b"), ("same", "a")):
        entry = {"model_name": name, "params": {"model": f"scripted/{model}", "api_base": "{upstream}/v1"}}
        setup["model_list"].append(entry)
    caller = await gateway(setup, plugins=plugins("Emptying"))
    await caller.embed("gpt", "hello")
    assert upstream.asked == ["a"] and caller.last is not None and caller.last.group == "same"
    setup["model_list"].append({**setup["model_list"][1], "model_name": "gpt"})
    both = await gateway(setup, plugins=plugins("Emptying"))
    with pytest.raises(NovaError, match="none fits this request"):
        await both.embed("gpt", "hello")
    assert upstream.asked == ["a"]


async def test_when_a_plugin_refuses_the_start_those_before_it_are_stopped_again(gateway: GatewayFactory) -> None:
    with pytest.raises(ConfigurationError, match="not with this"):
        await gateway(config("a"), plugins=plugins("Outer", "Refusing", "Counting"))
    assert Probe.seen == ["startup", "shutdown"]


async def test_a_plugin_object_that_two_configurations_share_is_stopped_with_the_last(gateway: GatewayFactory) -> None:
    shared = {"counting": f"{PROBES}:COUNTING"}
    caller = await gateway(config("a"), plugins=shared)
    other = await gateway(config("b"), plugins=shared)
    Probe.seen.clear()
    await caller.gateway.reload(other.gateway.runtime)
    await caller.gateway.background.drain(1)
    assert Probe.seen == ["counting startup"]
    await caller.gateway.stop()
    assert Probe.seen == ["counting startup", "counting shutdown"]


async def test_a_plugin_that_fails_to_wrap_a_stream_leaves_no_upstream_open(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stream=["word "] * 100, gap=0.05)
    caller = await gateway(config("a"), plugins=plugins("Clumsy"))
    with pytest.raises(InternalServerError):
        await anext(aiter(caller.stream("gpt")))
    await upstream.until(lambda it: len(it.disconnects) == 1)


async def test_a_start_that_fails_names_the_plugin(gateway: GatewayFactory) -> None:
    with pytest.raises(ConfigurationError, match="plugin 'answering' could not start: KeyError"):
        await gateway(config("a"), plugins={"answering": f"{PROBES}:Forgetful"})


async def test_no_plugin_answers_a_call_of_a_model_that_the_key_may_not_call(gateway: GatewayFactory) -> None:
    caller = await gateway(config("a"), plugins=plugins("Answering"))
    body = {"model": "gpt", "messages": [{"role": "user", "content": "Hi"}]}
    with pytest.raises(PermissionDeniedError):
        await caller.answer(body, principal=Principal("someone", models=("other",)))
    assert Probe.seen == []


async def test_a_plugin_gets_its_store_from_whoever_provides_one_and_else_in_memory(gateway: GatewayFactory) -> None:
    await gateway(config("a"), plugins=plugins("Keeping"))
    provided, own = Keeping.asked
    assert provided == ("shelf", {"size": 1})
    assert isinstance(own, MemoryCounterStore)


@pytest.mark.parametrize("usage", ["1e999", '{"prompt_tokens":1e999}', '{"prompt_tokens":1' + "0" * 5000 + "}"])
async def test_usage_in_numbers_that_nothing_can_hold_is_unknown(
    gateway: GatewayFactory, upstream: ScriptedUpstream, usage: str
) -> None:
    message = '{"index":0,"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}'
    body = f'{{"id":"x","object":"chat.completion","created":1,"model":"a","choices":[{message}],"usage":{usage}}}'
    upstream.script("a", body=body.encode())
    caller = await gateway(config("a"))
    answer = await caller.answer({"model": "gpt", "messages": [{"role": "user", "content": "hi"}]})
    assert b"fine" in answer.encode()
    assert caller.last is not None and caller.last.usage is None
