"""Wildcards and tags through the whole gateway."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.errors import AuthenticationError, BadRequestError, ModelNotFoundError
from nova_core.gateway.options import take_options


def entry(name: str, model: str, tags: tuple[str, ...] = (), **info: Any) -> dict[str, Any]:
    params = {"model": model, "api_base": "{upstream}/v1", "tags": list(tags)}
    return {"model_name": name, "params": params, "model_info": info}


TAGGED = {
    "model_list": [entry("m", "scripted/eu", ("eu",)), entry("m", "scripted/us", ("us",))],
    "router_settings": {"enable_tag_filtering": True},
}


async def test_a_wildcard_reaches_the_name_that_was_asked_for(gateway, upstream):
    caller = await gateway({"model_list": [entry("v/*", "scripted/*"), entry("v/exact", "scripted/fixed")]})
    for name in ("v/some-model", "v/exact", "v/a/b"):
        await caller.chat(name)
    assert upstream.asked == ["some-model", "fixed", "a/b"]
    with pytest.raises(ModelNotFoundError):
        await caller.chat("w/some-model")


async def test_a_catch_all_takes_the_provider_from_the_name(gateway, upstream):
    caller = await gateway({"model_list": [entry("*", "*"), entry("known", "scripted/known")]})
    await caller.chat("scripted/anything")
    await caller.chat("known")
    assert upstream.asked == ["anything", "known"]
    with pytest.raises(ModelNotFoundError, match="no plugin for the provider 'elsewhere'") as unknown:
        await caller.chat("elsewhere/model")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(ModelNotFoundError, match="does not exist here"):
        await caller.chat("bare-name")


async def test_a_catch_all_completes_the_deployment_as_its_provider_would(gateway, upstream):
    base = {"model_name": "*", "params": {"model": "*"}}
    caller = await gateway({"model_list": [base, entry("known", "scripted/known")]})
    with pytest.raises(ModelNotFoundError, match="api_base"):
        await caller.chat("scripted/anything")


async def test_tags_of_body_and_header_choose(gateway, upstream):
    caller = await gateway(TAGGED)
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    for given, headers in (
        ({"tags": ["us"]}, {}),
        ({"metadata": {"tags": ["eu"]}}, {}),
        ({}, {"x-nova-tags": "us, x"}),
    ):
        members, options, tags = take_options({**body, **given}, headers, dialect="openai_chat")
        await caller.answer(members, options=options, tags=tags)
    assert upstream.asked == ["us", "eu", "us"]


async def test_tags_that_fit_nothing_are_refused_before_anything_is_asked(gateway, upstream):
    caller, old = await gateway(TAGGED), await gateway({**TAGGED, "compat": {"tag_error_401": True}})
    with pytest.raises(BadRequestError, match="Tags of this model: eu, us"):
        await caller.answer({"model": "m", "messages": []}, tags=("typo",))
    with pytest.raises(AuthenticationError):
        await old.answer({"model": "m", "messages": []}, tags=("typo",))
    assert upstream.asked == []


async def test_one_deployment_can_switch_its_group_on(gateway, upstream):
    models = [entry("m", "scripted/eu", ("eu",), enable_tag_filtering=True), entry("m", "scripted/us", ("us",))]
    caller = await gateway({"model_list": models})
    for _ in range(5):
        await caller.answer({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}, tags=("eu",))
    assert set(upstream.asked) == {"eu"}
