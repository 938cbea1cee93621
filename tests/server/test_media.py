"""Rerank, moderation, images and speech through a real server."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from nova_core.server.access_log import FIELDS
from nova_core.testing import ScriptedUpstream
from nova_core.testing.upstream_media import wav
from tests.server.conftest import MASTER
from tests.server.live import Live, live

RERANK = {"query": "red tomato", "documents": ["green grass", "a red tomato", "red"]}
ROUTES: dict[str, tuple[str, dict[str, Any]]] = {
    "rerank": ("/v1/rerank", RERANK),
    "moderation": ("/v1/moderations", {"input": "violence"}),
    "images": ("/v1/images/generations", {"prompt": "a lighthouse"}),
    "speech": ("/v1/audio/speech", {"input": "hello there", "voice": "alloy"}),
}
EVERY_ROUTE = pytest.mark.parametrize("route", ROUTES)


def served_by(name: str, model: str, url: str, **info: Any) -> dict[str, Any]:
    params = {"model": model, "api_base": f"{url}/v1", "api_key": "upstream-key"}
    return {"model_name": name, "litellm_params": params, "model_info": {"id": f"id-{name}", **info}}


@pytest.fixture
def config(upstream: ScriptedUpstream) -> dict[str, Any]:
    url = upstream.url
    return {
        "model_list": [
            served_by("rerank", "hosted_vllm/up", url, input_cost_per_query=0.002),
            served_by("cohere-like", "remodlai/up", url),
            served_by("ranking", "nvidia_nim/up", url),
            served_by("moderation", "openai/up", url),
            served_by("images", "openai/up", url, output_cost_per_image=0.04),
            served_by("speech", "openai/up", url, input_cost_per_character=0.001),
            served_by("chat-only", "anthropic/up", url),
            *({"model_name": f"echo-{name}", "litellm_params": {"model": f"echo/{name}"}} for name in ROUTES),
        ],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "nova_settings": {"request_timeout": 0.5, "fallbacks": [{name: [f"echo-{name}"]} for name in ROUTES]},
    }


@pytest.fixture
async def served(config: dict[str, Any]) -> AsyncIterator[Live]:
    async with live(config) as gateway:
        yield gateway


@pytest.fixture(params=["direct", "application"])
async def either(config: dict[str, Any], request: pytest.FixtureRequest) -> AsyncIterator[Live]:
    """The gateway with calls served by the connection itself, and by the application."""
    general = {"direct_calls": request.param == "direct"}
    async with live({**config, "general_settings": general}) as gateway:
        yield gateway


async def post(served: Live, path: str, **body: Any) -> httpx.Response:
    async with served.http() as http:
        return await http.post(path, json=body)


def ask(route: str, **more: Any) -> dict[str, Any]:
    return {"model": route, **ROUTES[route][1], **more}


@EVERY_ROUTE
async def test_an_answer_passes_under_the_callers_name_and_is_accounted(
    served: Live, upstream: ScriptedUpstream, route: str
) -> None:
    reply = await post(served, ROUTES[route][0], **ask(route))
    assert reply.status_code == 200
    assert upstream.last.model == "up"
    assert upstream.last.route == ROUTES[route][0]
    assert {name: value for name, value in upstream.last.json.items() if name != "model"} == ROUTES[route][1]
    assert reply.headers["x-nova-model-id"] == f"id-{route}"
    assert "upstream-key" not in reply.text
    if "json" in reply.headers["content-type"]:
        assert reply.json().get("model", route) == route
    costs = {"rerank": "0.002", "images": "0.04", "speech": "0.011"}
    assert reply.headers.get("x-nova-response-cost") == costs.get(route)
    metrics = (await _metrics(served)).splitlines()
    operation = {"images": "image_generation"}.get(route, route)
    assert any(f'operation="{operation}"' in line and 'status="200"' in line for line in metrics)
    found = [line.rpartition(" ")[2] for line in metrics if line.startswith("nova_spend_usd_total{")]
    assert found == ([costs[route]] if route in costs else [])


async def _metrics(served: Live) -> str:
    async with served.http() as http:
        return (await http.get("/metrics")).text


@pytest.mark.parametrize(
    ("route", "counts"), [("rerank", {"queries": 1.0}), ("images", {"images": 1}), ("speech", {"characters": 11})]
)
async def test_the_access_log_counts_what_was_used(
    served: Live, caplog: pytest.LogCaptureFixture, route: str, counts: dict[str, float]
) -> None:
    caplog.set_level(logging.INFO, logger="nova.access")
    await post(served, ROUTES[route][0], **ask(route))
    (line,) = [getattr(record, FIELDS) for record in caplog.records if record.name == "nova.access"]
    assert {name: line[name] for name in counts} == counts
    assert (line["status"], line["deployment"]) == (200, f"id-{route}")
    assert line["cost"]
    assert "hello there" not in str(line)


@EVERY_ROUTE
async def test_an_upstreams_error_keeps_its_status_and_words(
    served: Live, upstream: ScriptedUpstream, route: str
) -> None:
    upstream.script("up", status=422, message="cannot do that")
    reply = await post(served, ROUTES[route][0], **ask(route, disable_fallbacks=True))
    assert reply.status_code == 422
    assert "cannot do that" in reply.json()["error"]["message"]


@EVERY_ROUTE
async def test_a_group_that_fails_gives_way_to_its_fallback(
    served: Live, upstream: ScriptedUpstream, route: str
) -> None:
    upstream.script("up", status=503)
    reply = await post(served, ROUTES[route][0], **ask(route))
    assert reply.status_code == 200
    assert reply.headers["x-nova-model-group"] == f"echo-{route}"


@EVERY_ROUTE
async def test_what_is_missing_is_said_before_an_upstream_is_asked(
    served: Live, upstream: ScriptedUpstream, route: str
) -> None:
    for name in ROUTES[route][1]:
        body = {key: value for key, value in ask(route).items() if key != name}
        reply = await post(served, ROUTES[route][0], **body)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, name)
    assert upstream.asked == []


@EVERY_ROUTE
async def test_a_page_instead_of_an_answer_is_an_error(served: Live, upstream: ScriptedUpstream, route: str) -> None:
    upstream.script("up", html=True)
    reply = await post(served, ROUTES[route][0], **ask(route, disable_fallbacks=True))
    assert reply.status_code == 502


@EVERY_ROUTE
async def test_a_silent_upstream_runs_into_the_deadline(served: Live, upstream: ScriptedUpstream, route: str) -> None:
    upstream.script("up", stall=True)
    reply = await post(served, ROUTES[route][0], **ask(route, disable_fallbacks=True))
    assert reply.status_code == 408


@EVERY_ROUTE
async def test_a_provider_that_does_not_serve_it_says_so(served: Live, upstream: ScriptedUpstream, route: str) -> None:
    reply = await post(served, ROUTES[route][0], **{**ask(route), "model": "chat-only"})
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "unsupported_operation"
    assert upstream.asked == []


@EVERY_ROUTE
async def test_a_key_may_call_its_own_models_alone(config: dict[str, Any], route: str) -> None:
    keys = [{"key": "sk-limited", "models": ["chat-only"]}, {"key": "sk-all", "models": [route]}]
    general = {"master_key": MASTER, "keys": keys}
    async with live({**config, "general_settings": general}) as served, served.http() as http:
        path, body = ROUTES[route][0], ask(route)
        refused = await http.post(path, json=body, headers={"authorization": "Bearer sk-limited"})
        unknown = await http.post(path, json=body)
        allowed = await http.post(path, json=body, headers={"authorization": "Bearer sk-all"})
    assert (refused.status_code, unknown.status_code, allowed.status_code) == (403, 401, 200)


async def test_either_rerank_format_is_answered_whatever_the_upstream_speaks(
    served: Live, upstream: ScriptedUpstream
) -> None:
    for name in ("rerank", "cohere-like", "ranking"):
        body = {**RERANK, "model": name, "top_n": 2}
        cohere = (await post(served, "/v2/rerank", **body)).json()
        jina = (await post(served, "/rerank", **body)).json()
        assert [each["index"] for each in cohere["results"]] == [1, 2]
        assert [each["document"]["text"] for each in jina["results"]] == ["a red tomato", "red"]
        assert jina["model"] == name
        if name == "ranking":
            assert upstream.last.json["passages"] == [{"text": text} for text in RERANK["documents"]]
            assert cohere["id"]
            assert "document" not in cohere["results"][0]


async def test_an_error_of_v2_has_the_words_that_coheres_client_looks_for(served: Live) -> None:
    reply = await post(served, "/v2/rerank", model="rerank", documents=["a"])
    assert reply.json()["message"] == "`query` is required"


async def test_what_cannot_be_expressed_is_refused_by_name_or_dropped_and_named(
    served: Live, upstream: ScriptedUpstream
) -> None:
    body = {**RERANK, "model": "cohere-like", "truncation": True}
    refused = await post(served, "/v1/rerank", **body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "truncation")
    assert upstream.asked == []
    dropped = await post(served, "/v1/rerank", **body, drop_params=True)
    assert dropped.headers["x-nova-dropped-params"] == "truncation"
    assert "truncation" not in upstream.last.json


async def test_a_model_may_be_left_out_where_the_api_has_one_by_default(config: dict[str, Any]) -> None:
    config["model_list"][3]["model_name"] = "omni-moderation-latest"
    async with live(config) as served:
        assert (await post(served, "/v1/moderations", input="violence")).json()["results"][0]["flagged"] is True


async def test_images_are_streamed_with_usage(served: Live, upstream: ScriptedUpstream) -> None:
    reply = await post(served, "/v1/images/generations", **ask("images", stream=True, partial_images=1))
    assert reply.headers["content-type"].startswith("text/event-stream")
    kinds = [line.removeprefix("event: ") for line in reply.text.splitlines() if line.startswith("event: ")]
    assert kinds == ["image_generation.partial_image", "image_generation.completed"]
    upstream.script("up", half_stream=True)
    broken = await post(served, "/v1/images/generations", **ask("images", stream=True, partial_images=1))
    assert json.loads(broken.text.splitlines()[-2].removeprefix("data: "))["type"] == "error"


async def test_a_whole_reply_becomes_a_stream_for_who_asked_for_one(served: Live) -> None:
    reply = await post(served, "/v1/images/generations", **{**ask("images", stream=True), "model": "echo-images"})
    assert reply.text.startswith("event: image_generation.completed\n")


async def test_speech_reaches_the_caller_as_it_comes(either: Live, upstream: ScriptedUpstream) -> None:
    upstream.script("up", gap=0.1)
    async with either.http() as http, http.stream("POST", "/v1/audio/speech", json=ask("speech")) as reply:
        assert reply.headers["content-type"] == "audio/wav"
        pieces = [piece async for piece in reply.aiter_raw()]
    assert len(pieces) > 2
    assert b"".join(pieces) == wav()


async def test_speech_that_breaks_off_is_cut_and_not_ended(either: Live, upstream: ScriptedUpstream) -> None:
    upstream.script("up", reset="body")
    with pytest.raises(httpx.RemoteProtocolError):
        await post(either, "/v1/audio/speech", **ask("speech"))
    assert "nova_failures_total{" in await _metrics(either)


async def test_a_caller_who_leaves_cancels_the_upstream(either: Live, upstream: ScriptedUpstream) -> None:
    upstream.script("up", stall="body")
    async with either.http() as http, http.stream("POST", "/v1/audio/speech", json=ask("speech")) as reply:
        await anext(reply.aiter_raw())
        assert upstream.open_connections == 1
    await upstream.until(lambda it: it.open_connections == 0)
    for _ in range(100):
        if either.gateway.in_flight == 0:
            break
        await asyncio.sleep(0.01)
    assert either.gateway.in_flight == 0


@pytest.mark.parametrize("model", ["speech", "echo-speech"])
async def test_speech_is_said_in_events_for_who_asks_for_them(served: Live, model: str) -> None:
    reply = await post(served, "/v1/audio/speech", **{**ask("speech", stream_format="sse"), "model": model})
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line]
    assert [each["type"] for each in events[:-1]] == ["speech.audio.delta"] * (len(events) - 1)
    assert events[-1]["type"] == "speech.audio.done"
    assert base64.b64decode(events[0]["audio"]).startswith(b"RIFF")


@pytest.mark.parametrize(
    ("route", "scripted", "path", "found"),
    [
        ("rerank", [0.1, 0.9, 0.5], ("results", 0, "index"), 1),
        ("rerank", {"results": []}, ("results",), []),
        ("moderation", True, ("results", 0, "flagged"), True),
        ("images", "https://images.test/a.png", ("data", 0, "url"), "https://images.test/a.png"),
    ],
)
async def test_answers_can_be_scripted(
    served: Live, upstream: ScriptedUpstream, route: str, scripted: Any, path: tuple[Any, ...], found: Any
) -> None:
    said = (await post(served, ROUTES[route][0], **ask(route, mock_response=scripted))).json()
    for step in path:
        said = said[step]
    assert said == found
    assert upstream.asked == []


async def test_speech_can_be_scripted(served: Live) -> None:
    scripted = base64.b64encode(wav()).decode()
    reply = await post(served, "/v1/audio/speech", **ask("speech", mock_response=scripted))
    assert (reply.content, reply.headers["content-type"]) == (wav(), "audio/wav")
    senseless = await post(served, "/v1/audio/speech", **ask("speech", mock_response="hello!"))
    assert (senseless.status_code, senseless.json()["error"]["param"]) == (400, "mock_response")
