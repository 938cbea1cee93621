"""Requests that do not fit, through the whole gateway."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.config.check import read_settings
from nova_core.config.loader import from_mapping
from nova_core.errors import BadRequestError, ConfigurationError, ContextWindowExceededError, UnsupportedParamsError
from nova_core.gateway.runtime import build_runtime
from nova_core.plugins.discovery import Installed
from nova_core.testing.caller import GatewayFactory
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.call import CallOptions
from nova_core.types.message import Request
from nova_core.types.principal import Principal
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.tokens import count_chat
from nova_plugin_router_checks.counting import at_most

PICTURE = [
    {
        "role": "user",
        "content": [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": "https://host/p.png"}}],
    }
]
SOUND = [
    {
        "role": "user",
        "content": [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}],
    }
]
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
WORDS = "word " * 400


def entry(model: str, info: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    given = {"model": f"scripted/{model}", "api_base": "{upstream}/v1", **params}
    return {"model_name": "m", "params": given, "model_info": {"id": model, **(info or {})}}


def config(*entries: dict[str, Any], on: bool = True) -> dict[str, Any]:
    return {"model_list": list(entries), "router_settings": {"enable_pre_call_checks": on, "num_retries": 0}}


SMALL, LARGE, UNKNOWN = (
    entry("small", {"max_input_tokens": 300}),
    entry("large", {"max_input_tokens": 9000}),
    entry("u"),
)


async def test_a_long_prompt_goes_only_where_it_fits_or_where_the_window_is_unknown(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config(SMALL, LARGE, UNKNOWN))
    for _ in range(12):
        await caller.chat("m", WORDS)
    assert set(upstream.asked) == {"large", "u"}
    assert caller.last is not None
    noted = [(note.what, note.why) for note in caller.last.notes if note.step == "router-checks"]
    assert noted == [("left out small", "its context window is 300 tokens, and the prompt has more")]


async def test_a_prompt_that_is_shorter_than_every_window_is_not_counted_at_all(
    gateway: GatewayFactory, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await gateway(config(SMALL))
    monkeypatch.setattr("nova_plugin_router_checks.counting.count_chat", lambda *_: pytest.fail("counted"))
    await caller.chat("m", "Hi")
    assert upstream.asked == ["small"]


@pytest.mark.parametrize("times", [1, 100])
async def test_a_prompt_too_long_for_all_is_refused_before_anyone_is_asked(
    gateway: GatewayFactory, upstream: ScriptedUpstream, times: int
) -> None:
    caller = await gateway(config(SMALL, entry("other", {"max_input_tokens": 320})))
    with pytest.raises(ContextWindowExceededError, match=r"'m'.*320.*larger window") as refused:
        await caller.chat("m", WORDS * times)
    assert (refused.value.status, refused.value.code) == (400, "context_length_exceeded")
    assert upstream.asked == []


async def test_nothing_is_checked_unless_the_operator_says_so(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config(entry("small", {"max_input_tokens": 3, "supports_vision": False}), on=False))
    await caller.chat("m", PICTURE)
    assert upstream.asked == ["small"]


async def test_pictures_go_to_deployments_that_are_not_known_to_refuse_them(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    blind = entry("blind", {"supports_vision": False})
    texts = entry("texts", {"supported_modalities": ["text", "audio"]})
    caller = await gateway(config(blind, texts, entry("sees", {"supports_vision": True}), UNKNOWN))
    for _ in range(12):
        await caller.chat("m", PICTURE)
    assert set(upstream.asked) == {"sees", "u"}
    alone = await gateway(config(blind, texts))
    await alone.chat("m", "the word image, without one")
    with pytest.raises(UnsupportedParamsError, match="takes image content: leave it out"):
        await alone.chat("m", PICTURE)


async def test_parameters_are_held_against_the_list_and_against_abilities(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    listed = entry("listed", {"supported_openai_params": ["temperature"]})
    clumsy = entry("clumsy", {"supports_function_calling": False, "supports_response_schema": False})
    caller = await gateway(config(listed, clumsy))
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    for _ in range(4):
        await caller.chat("m", seed=1)
    assert set(upstream.asked) == {"clumsy"}
    await caller.chat("m", n=1, temperature=0.5)
    for members, name in (({"tools": TOOLS}, "tools"), ({"response_format": schema}, "response_format")):
        with pytest.raises(UnsupportedParamsError, match=f"supports `{name}`") as refused:
            await caller.chat("m", **members)
        assert refused.value.param == name


async def test_what_may_be_dropped_or_is_allowed_by_name_is_no_reason(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config(entry("a", {"supported_openai_params": []}, allowed_openai_params=["seed"])))
    await caller.chat("m", seed=1)
    await caller.chat("m", top_p=0.5, options=CallOptions(drop_params=True))
    with pytest.raises(UnsupportedParamsError):
        await caller.chat("m", top_p=0.5)
    assert upstream.asked == ["a", "a"]


async def test_a_call_stays_in_its_region_and_unknown_is_no_region(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    paris, ohio = entry("paris", region_name="eu-west-3"), entry("ohio", region_name="us-east-2")
    caller = await gateway(config(paris, ohio, UNKNOWN))
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    key = Principal(id="k", metadata={"allowed_model_region": "us"})
    for _ in range(4):
        await caller.answer({**body, "allowed_model_region": "eu"})
        assert "allowed_model_region" not in upstream.last.json
        await caller.answer(body, options=CallOptions(metadata={"allowed_model_region": "EU"}))
        await caller.answer({**body, "allowed_model_region": "eu"}, principal=key)
    assert upstream.asked == ["paris", "paris", "ohio"] * 4
    with pytest.raises(BadRequestError, match="region 'ap'"):
        await caller.answer({**body, "allowed_model_region": "ap"})
    with pytest.raises(BadRequestError, match="name of a region"):
        await caller.answer({**body, "allowed_model_region": 1})


async def test_embeddings_fit_by_items_and_by_the_longest_item(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    few = entry("few", {"mode": "embedding", "max_batch_size": 2, "embedding_space": "s"})
    short = entry("short", {"mode": "embedding", "max_input_tokens": 300, "embedding_space": "s"})
    caller = await gateway(config(few, short))
    for _ in range(4):
        await caller.embed("m", ["a", "b", "c"])
        await caller.embed("m", ["a", WORDS])
    assert upstream.asked == ["short", "few"] * 4
    only_few, only_short = await gateway(config(few)), await gateway(config(short))
    await only_few.embed("m", [1, 2, 3, 4])
    await only_short.embed("m", ["some words " * 10] * 20)
    with pytest.raises(BadRequestError, match="at most 2 items"):
        await only_few.embed("m", ["a", "b", "c"])
    with pytest.raises(ContextWindowExceededError):
        await only_short.embed("m", [list(range(301)), "b"])


def test_a_gateway_without_the_plugin_does_not_start() -> None:
    settings = read_settings(from_mapping(config(entry("a", region_name="eu"))))
    with pytest.raises(ConfigurationError, match="pip install nova-plugin-router-checks"):
        build_runtime(settings, environ={}, installed=Installed())


async def test_deciding_twice_decides_the_same(gateway: GatewayFactory) -> None:
    caller = await gateway(config(SMALL, LARGE, UNKNOWN))
    await caller.chat("m", WORDS)
    assert caller.last is not None
    runtime = caller.gateway.runtime
    found = runtime.catalog.groups["m"]
    snapshot = caller.gateway.snapshot(runtime, "m", 0)
    step = next(step for step in runtime.pipeline.route_select if step.plugin == "router-checks")
    request = caller.last.original
    answers = [step.call(caller.last, request, found, snapshot) for _ in range(2)]
    assert answers[0] == answers[1] and [each.id for each in answers[0]] == ["large", "u"]


texts = st.text(max_size=60)
parts = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, texts),
    st.builds(lambda url: {"type": "image_url", "image_url": {"url": f"https://h/{url}"}}, st.text("ab/", max_size=5)),
)
messages = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["user", "system"]),
    st.one_of(texts, st.lists(parts, min_size=1, max_size=3)),
)


@given(st.lists(messages, min_size=1, max_size=4), st.booleans())
def test_no_prompt_has_more_tokens_than_the_bound_on_its_body(said: list[dict[str, Any]], tools: bool) -> None:
    members = {"model": "m", "messages": said, **({"tools": TOOLS} if tools else {})}
    request = Request("chat", OPENAI_CHAT, members)
    assert at_most(request.encode()) >= count_chat(request.chat)


def elsewhere(provider: str, model: str) -> dict[str, Any]:
    params = {"model": f"{provider}/{model}", "api_base": "{upstream}/v1", "api_key": "k"}
    return {"model_name": "m", "params": params, "model_info": {"id": model}}


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"messages": SOUND}, "its provider takes no audio"),
        ({"logit_bias": {"50256": -100}}, "its provider refuses logit_bias"),
        ({"n": 2}, "its provider refuses n"),
    ],
    ids=["audio", "logit_bias", "n"],
)
async def test_what_a_provider_has_no_word_for_goes_to_another(
    gateway: GatewayFactory, upstream: ScriptedUpstream, members: dict[str, Any], why: str
) -> None:
    caller = await gateway(config(elsewhere("ollama", "deaf"), entry("hears")))
    for _ in range(8):
        await caller.chat("m", members.get("messages", "Hi"), **{"max_tokens": 5, **without_messages(members)})
    assert set(upstream.asked) == {"hears"}
    assert caller.last is not None
    assert ("left out deaf", why) in [(note.what, note.why) for note in caller.last.notes]


def without_messages(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name != "messages"}


async def test_an_image_goes_to_no_provider_that_has_no_word_for_images(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config(elsewhere("text-completion-openai", "blind"), entry("sees")))
    for _ in range(8):
        await caller.chat("m", PICTURE)
    assert set(upstream.asked) == {"sees"}


async def test_a_parameter_that_may_be_dropped_keeps_nobody_out(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway({**config(elsewhere("ollama", "deaf")), "nova_settings": {"drop_params": True}})
    await caller.chat("m", "Hi", n=2)
    assert upstream.asked == ["deaf"]
