"""Background checks and canaries, through the whole gateway and its server."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import ConfigurationError, NoDeploymentError
from nova_core.server.app import create_app
from nova_core.stores import MemorySharedState
from nova_core.testing.caller import GatewayCaller, GatewayFactory
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.wire.probing import PROMPT
from nova_plugin_health.canary import TEXTS, Pinned, cosine, difference
from nova_plugin_health.rounds import CANARY, CHECK


def entry(model: str, group: str = "m", **info: Any) -> dict[str, Any]:
    params = {"model": f"scripted/{model}", "api_base": "{upstream}/v1"}
    return {"model_name": group, "params": params, "model_info": {"id": model, **info}}


def config(*entries: dict[str, Any], **general: Any) -> dict[str, Any]:
    settings = {
        "background_health_checks": True,
        "health_check_interval": 0.05,
        "enable_health_check_routing": True,
        **general,
    }
    return {
        "model_list": list(entries),
        "general_settings": settings,
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }


async def until(condition: Callable[[], object], seconds: float = 2.0) -> None:
    for _ in range(round(seconds / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


def problem(caller: GatewayCaller, id: str, by: str = CHECK) -> str | None:
    finding = caller.gateway.health.findings(id).get(by)
    return None if finding is None else finding.problem


async def served(caller: GatewayCaller, times: int = 8) -> set[str]:
    found = set()
    for _ in range(times):
        await caller.chat("m")
        assert caller.last is not None
        assert caller.last.deployment is not None
        found.add(caller.last.deployment.id)
    return found


async def health(caller: GatewayCaller, path: str = "/health") -> Any:
    app = create_app(caller.gateway)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://nova") as client:
        answer = await client.get(path)
    return answer.json() if path == "/health" else answer.text


async def test_calls_go_around_a_deployment_that_is_ill_until_it_is_well_again(
    gateway: GatewayFactory, upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.script("a", status=500, message="out of order")
    caller = await gateway(config(entry("a"), entry("b")))
    await until(lambda: problem(caller, "a"))
    assert await served(caller) == {"b"}
    assert caller.last is not None
    note = next(note for note in caller.last.notes if note.step == "health")
    assert note.what == "left out a"
    assert "out of order" in note.why
    told = await health(caller)
    assert [each["model_id"] for each in told["healthy_endpoints"]] == ["b"]
    assert "out of order" in told["unhealthy_endpoints"][0]["error"]
    assert 'nova_deployment_ill{by="check",deployment="a",model_group="m",provider="scripted"} 1.0' in await health(
        caller, "/metrics"
    )
    assert [record.message.split(":")[0] for record in caplog.records if "fails its check" in record.message] == [
        "deployment 'a' of 'm' fails its check"
    ]
    upstream.forget()
    await until(lambda: problem(caller, "a") is None)
    assert await served(caller, 20) == {"a", "b"}


async def test_when_all_are_ill_all_are_tried(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    caller = await gateway(config(entry("a"), entry("b"), health_check_interval=60))
    upstream.script("a", status=500).script("b", status=500)
    await until(lambda: problem(caller, "a") and problem(caller, "b"))
    upstream.forget()
    assert await served(caller, 20) == {"a", "b"}


async def test_old_findings_and_transient_errors_are_no_illness(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", status=429).script("b", status=500)
    general = {"health_check_ignore_transient_errors": True, "health_check_staleness_threshold": 0.1}
    caller = await gateway(config(entry("a"), entry("b"), health_check_interval=60, **general))
    await until(lambda: problem(caller, "b"))
    assert problem(caller, "a") is None
    upstream.forget()
    await asyncio.sleep(0.12)
    assert await served(caller, 20) == {"a", "b"}


async def test_checks_are_few_at_a_time_cheap_and_leave_some_alone(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    names = [f"d{number}" for number in range(6)]
    for name in names:
        upstream.script(name, "ok", delay=0.02)
    left = entry("left", disable_background_health_check=True)
    entries = [entry(name, health_check_max_tokens=2) for name in names]
    general = {"health_check_concurrency": 2, "health_check_interval": 60}
    caller = await gateway(config(*entries, left, entry("vectors", "e", mode="embedding"), **general))
    most = 0
    while len(upstream.asked) < 7:
        most = max(most, caller.gateway.in_flight)
        await asyncio.sleep(0.002)
    assert most == 2
    bodies = {received.model: received.json for received in upstream.requests}
    assert "left" not in bodies
    assert bodies["vectors"]["input"] == [PROMPT]
    assert {bodies[name]["max_tokens"] for name in names} == {2}


async def test_rerankers_and_moderators_are_asked_what_they_are_there_for(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    at = {"api_base": "{upstream}/v1", "api_key": "k"}
    entries = [
        {
            "model_name": mode,
            "params": {"model": f"custom_openai/{mode}", **at},
            "model_info": {"id": mode, "mode": mode},
        }
        for mode in ("rerank", "moderation", "image_generation")
    ]
    caller = await gateway(config(*entries, health_check_interval=60))
    await upstream.until(lambda it: len(it.asked) == 2)
    assert {received.route for received in upstream.requests} == {"/v1/rerank", "/v1/moderations"}
    await until(lambda: all(problem(caller, mode) is None for mode in ("rerank", "moderation")))


async def test_a_pattern_is_asked_for_its_health_check_model(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    pattern = {
        "model_name": "any/*",
        "params": {"model": "scripted/*", "api_base": "{upstream}/v1"},
        "model_info": {"id": "p", "health_check_model": "any/small"},
    }
    caller = await gateway(config(pattern, health_check_interval=60))
    await until(lambda: caller.gateway.health.findings("p"))
    assert upstream.asked == ["small"]
    assert problem(caller, "p") is None


class Shared(MemorySharedState):
    """A state that others see too."""

    is_shared = True


async def test_of_those_who_share_state_one_checks_and_all_know(
    upstream: ScriptedUpstream, gateway: GatewayFactory
) -> None:
    from nova_core.config.check import read_settings
    from nova_core.config.loader import from_mapping
    from nova_core.gateway.gateway import Gateway
    from nova_core.gateway.runtime import build_runtime
    from nova_core.plugins.discovery import PROVIDERS, Installed, InstalledPlugin, discover

    state = Shared()
    upstream.script("a", status=500)
    whole = msgspec.json.encode(config(entry("a"), entry("b"), health_check_interval=60)).decode()
    settings = read_settings(from_mapping(msgspec.json.decode(whole.replace("{upstream}", upstream.url))))
    provider = InstalledPlugin("scripted", PROVIDERS, "the test", "0", "nova_core.testing.provider:plugin")
    installed = Installed((*discover().plugins, provider))
    async with Gateway(build_runtime(settings, installed=installed), shared_state=state) as one:
        await until(lambda: one.health.findings("a") and one.health.findings("b"))
        async with Gateway(build_runtime(settings, installed=installed), shared_state=state) as other:
            await until(lambda: other.health.findings("a"))
            assert await served(GatewayCaller(other)) == {"b"}
    assert upstream.asked.count("a") == 1


def turned(text: str, angle: float) -> list[float]:
    start = TEXTS.index(text) * 0.7
    return [math.cos(start + angle), math.sin(start + angle), 0.0]


def embedder(angle: float) -> Callable[[Any], dict[str, Any]]:
    def answer(received: Any) -> dict[str, Any]:
        vectors = [turned(text, angle) if text in TEXTS else [1.0, 0.0, 0.0] for text in received.json["input"]]
        data = [{"object": "embedding", "index": place, "embedding": each} for place, each in enumerate(vectors)]
        return {"object": "list", "model": "e", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}}

    return answer


def embedding_config(file: Path) -> dict[str, Any]:
    entries = [entry(name, "e", mode="embedding", base_model="x", canary=str(file)) for name in ("a", "b")]
    return config(*entries, background_health_checks=False, enable_health_check_routing=False)


async def test_a_deployment_whose_vectors_change_is_taken_out_and_named(
    gateway: GatewayFactory, upstream: ScriptedUpstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "canary.json"
    upstream.script("a", json=embedder(0.0)).script("b", json=embedder(0.02))
    caller = await gateway(embedding_config(file))
    await until(lambda: all(caller.gateway.health.findings(id) for id in "ab"))
    assert problem(caller, "b", CANARY) is None
    assert msgspec.json.decode(file.read_bytes(), type=Pinned).texts == TEXTS
    upstream.forget().script("a", json=embedder(0.0)).script("b", json=embedder(0.2))
    await until(lambda: problem(caller, "b", CANARY))
    upstream.requests.clear()
    for _ in range(10):
        await caller.embed("e", ["text"])
        assert caller.last is not None
        assert caller.last.deployment is not None
        assert caller.last.deployment.id == "a"
    (ill,) = (await health(caller))["unhealthy_endpoints"]
    assert ill["model_id"] == "b"
    assert "canary: its vectors have changed: a cosine of 0.98" in ill["error"]
    assert 'by="canary",deployment="b",model_group="e",provider="scripted"} 1.0' in await health(caller, "/metrics")
    assert any("'b' of 'e' fails its canary" in record.message for record in caplog.records)


async def test_the_last_deployment_is_taken_out_too_since_wrong_vectors_are_worse_than_none(
    gateway: GatewayFactory, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    file = tmp_path / "canary.json"
    vectors = tuple((float(place), 1.0, 0.0) for place in range(len(TEXTS)))
    file.write_bytes(msgspec.json.encode(Pinned(TEXTS, vectors)))
    upstream.script("a", json=embedder(0.0)).script("b", json=embedder(0.0))
    caller = await gateway(embedding_config(file))
    await until(lambda: problem(caller, "a", CANARY) and problem(caller, "b", CANARY))
    with pytest.raises(NoDeploymentError, match="the embeddings of all have changed"):
        await caller.embed("e", ["text"])


async def test_a_canary_file_that_is_none_stops_the_start(gateway: GatewayFactory, tmp_path: Path) -> None:
    file = tmp_path / "canary.json"
    file.write_text('{"texts": ["a"], "vectors": []}')
    with pytest.raises(ConfigurationError, match="as many vectors as texts"):
        await gateway(embedding_config(file))


@given(st.floats(0, 3.1), st.floats(0.1, 100))
def test_a_vector_passes_by_its_direction_alone(angle: float, length: float) -> None:
    pinned = Pinned(("t",), ((1.0, 0.0),))
    vector = (length * math.cos(angle), length * math.sin(angle))
    assert cosine(vector, (1.0, 0.0)) == pytest.approx(math.cos(angle), abs=1e-9)
    assert (difference(pinned, [vector]) is None) == (cosine(vector, (1.0, 0.0)) >= 0.999)


@pytest.mark.parametrize("vectors", [[], [(1.0,)], [(0.0, 0.0)], [(math.nan, 1.0)], [(math.inf, 1.0)]])
def test_no_vectors_no_numbers_and_other_widths_fail(vectors: list[tuple[float, ...]]) -> None:
    assert difference(Pinned(("t",), ((1.0, 0.0),)), vectors)


async def test_a_check_has_a_deadline_and_details_may_be_kept_back(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stall=True).script("b", stall=True)
    general = {
        "health_check_timeout": 0.05,
        "health_check_details": False,
        "health_check_skip_disabled_background_models": True,
    }
    left = entry("left", disable_background_health_check=True)
    caller = await gateway(config(entry("a"), entry("b", health_check_timeout=0.02), left, **general))
    await until(lambda: problem(caller, "a") and problem(caller, "b"))
    within = {id: float(str(problem(caller, id)).split()[-2]) for id in "ab"}
    assert 0.02 < within["a"] <= 0.05
    assert within["b"] <= 0.02
    told = await health(caller)
    assert {each["model_id"] for each in told["unhealthy_endpoints"]} == {"a", "b"}
    assert not any("error" in each for each in told["unhealthy_endpoints"])
    assert told["healthy_endpoints"] == []


async def test_only_the_groups_that_are_named_are_checked(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    caller = await gateway(config(entry("a"), entry("b", "other"), background_health_check_model_groups=["other"]))
    await until(lambda: caller.gateway.health.findings("b"))
    assert "a" not in upstream.asked
