"""Which deployments a name stands for, and who may call it."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.errors import ModelNotFoundError, PermissionDeniedError
from nova_core.testing.caller import GatewayCaller, GatewayFactory
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.principal import Principal

HI = [{"role": "user", "content": "Hi"}]


def entry(group: str, model: str, **info: Any) -> dict[str, Any]:
    params = {"model": f"scripted/{model}", "api_base": "{upstream}/v1"}
    return {"model_name": group, "params": params, "model_info": info}


def config(compat: dict[str, Any] | None = None) -> dict[str, Any]:
    entries = [entry("gpt-exact", "exact", id="the-id"), entry("gpt-*", "wild-*"), entry("other", "other")]
    aliases = {
        "plain": "gpt-exact",
        "secret": {"model": "gpt-exact", "hidden": True},
        "by-pattern": "gpt-anything",
        "by-id": "the-id",
        "gpt-taken": "other",
    }
    return {"model_list": entries, "router_settings": {"model_group_alias": aliases}, "compat": compat or {}}


async def ask(caller: GatewayCaller, model: str, *allowed: str) -> None:
    await caller.answer({"model": model, "messages": HI}, principal=Principal(id="k", models=allowed))


@pytest.mark.parametrize(
    ("name", "served"),
    [
        ("gpt-exact", "exact"),
        ("gpt-exactly", "wild-exactly"),
        ("the-id", "exact"),
        ("plain", "exact"),
        ("secret", "exact"),
        ("by-pattern", "wild-anything"),
        ("by-id", "exact"),
        ("gpt-taken", "other"),
    ],
)
async def test_a_name_is_an_alias_else_a_group_else_an_id_else_a_pattern(
    gateway: GatewayFactory, upstream: ScriptedUpstream, name: str, served: str
) -> None:
    caller = await gateway(config())
    await ask(caller, name)
    assert upstream.asked == [served]


@pytest.mark.parametrize("name", ["scripted/exact", "exact", "scripted/other"])
async def test_an_upstream_name_is_callable_only_where_the_operator_allows_it(
    gateway: GatewayFactory, upstream: ScriptedUpstream, name: str
) -> None:
    with pytest.raises(ModelNotFoundError):
        await ask(await gateway(config()), name)
    caller = await gateway(config({"call_upstream_names": True}))
    await ask(caller, name)
    assert upstream.asked == [name.removeprefix("scripted/")]
    with pytest.raises(PermissionDeniedError):
        await ask(caller, name, "gpt-*")


async def test_a_key_for_an_alias_needs_no_more_unless_old_behaviour_is_asked_for(gateway: GatewayFactory) -> None:
    caller = await gateway(config())
    await ask(caller, "plain", "plain")
    with pytest.raises(PermissionDeniedError, match="'gpt-exact'"):
        await ask(caller, "gpt-exact", "plain")
    strict = await gateway(config({"alias_needs_target": True}))
    with pytest.raises(PermissionDeniedError, match="'gpt-exact'"):
        await ask(strict, "plain", "plain")
    await ask(strict, "plain", "plain", "gpt-exact")
