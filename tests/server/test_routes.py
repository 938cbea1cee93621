"""Lists of models, health, token counting, metrics and documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from nova_core import hookimpl
from nova_core.testing import ScriptedUpstream
from tests.server.bad_input import CHAT
from tests.server.live import HELLO, Live, live, model

GPT = {"model": "gpt", "messages": HELLO}


async def test_models_are_listed_in_openais_and_in_anthropics_shape(served: Live) -> None:
    async with served.openai() as client:
        assert [card.id async for card in client.models.list()] == ["echo", "gpt", "emb", "nova"]
        assert (await client.models.retrieve("gpt")).id == "gpt"
    async with served.anthropic() as client:
        assert [card.id async for card in client.models.list()] == ["echo", "gpt", "emb", "nova"]
        assert (await client.models.retrieve("gpt")).type == "model"
    async with served.http() as http:
        assert (await http.get("/openai/v1/models")).json()["data"][0]["id"] == "echo"


@pytest.mark.parametrize(
    ("path", "headers", "said"),
    [
        ("/v1/messages/batches", {}, {"type": "not_found_error"}),
        ("/v1/models/gone", {"anthropic-version": "2023-06-01"}, {"type": "not_found_error"}),
        ("/v1beta/cachedContents", {}, {"code": 404, "status": "NOT_FOUND"}),
        ("/v1/models/gone", {"x-goog-api-client": "x"}, {"code": 404, "status": "NOT_FOUND"}),
        ("/v1/batches", {}, {"type": "invalid_request_error", "param": None, "code": "not_found"}),
    ],
)
async def test_what_is_not_here_is_said_in_the_clients_shape(
    served: Live, path: str, headers: dict[str, str], said: dict[str, Any]
) -> None:
    async with served.http() as http:
        missing = await http.get(path, headers=headers)
    error = missing.json()["error"]
    assert missing.status_code == 404
    assert {name: value for name, value in error.items() if name != "message"} == said


async def test_names_with_slashes_aliases_and_patterns_are_listed_and_hidden_or_unserved_ones_are_not() -> None:
    config = {
        "model_list": [
            {"model_name": "team/echo", "litellm_params": {"model": "echo/echo"}},
            {"model_name": "echo/*", "litellm_params": {"model": "echo/*"}},
            {"model_name": "gone", "litellm_params": {"model": "no-such-vendor/x"}},
        ],
        "router_settings": {"model_group_alias": {"short": "team/echo", "secret": {"model": "short", "hidden": True}}},
    }
    async with live(config) as gateway, gateway.http() as http:
        listed = [card["id"] for card in (await http.get("/models")).json()["data"]]
        assert (await http.get("/v1/models/team/echo")).json()["id"] == "team/echo"
        missing = await http.get("/v1/models/gone")
    assert listed[:2] == ["team/echo", "short"]
    assert "echo/embed" in listed
    assert not {"gone", "secret", "echo/*"} & set(listed)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


async def test_model_info_shows_deployments_without_secrets(upstream: ScriptedUpstream) -> None:
    entry = model("gpt", "http://user:pass@127.0.0.1:9", input_cost_per_token=0.5, weight=3)
    entry["model_info"] |= {"mode": "chat", "max_input_tokens": 100}
    async with live({"model_list": [entry]}) as gateway, gateway.http() as http:
        response = await http.get("/model/info")
        picked = await http.get("/v1/model/info", params={"litellm_model_id": "id-gpt"})
        group = (await http.get("/model_group/info")).json()["data"][0]
    (found,) = response.json()["data"]
    assert found["model_name"] == "gpt"
    assert found["litellm_params"]["model"] == "openai/gpt"
    assert found["litellm_params"]["api_base"] == "http://127.0.0.1:9/v1"
    assert found["model_info"]["id"] == "id-gpt"
    assert found["model_info"]["input_cost_per_token"] == 0.5
    assert picked.json()["data"] == [found]
    assert "upstream-key" not in response.text
    assert "pass" not in response.text
    assert (group["model_group"], group["providers"], group["max_input_tokens"]) == ("gpt", ["openai"], 100)


async def test_a_group_shows_what_is_known_of_all_its_deployments() -> None:
    facts = [
        {"max_input_tokens": 900, "supports_vision": True, "supports_reasoning": False, "input_cost_per_token": 0.5},
        {"max_input_tokens": 100, "supports_vision": True, "output_cost_per_token": 0.25, "input_cost_per_token": 0.5},
    ]
    entries = [
        {"model_name": "ours", "params": {"model": "echo/echo"}, "model_info": {"id": str(number), **each}}
        for number, each in enumerate(facts)
    ]
    async with live({"model_list": entries}) as gateway, gateway.http() as http:
        (group,) = (await http.get("/model_group/info")).json()["data"]
        shown = [entry["model_info"] for entry in (await http.get("/model/info")).json()["data"]]
        (card,) = (await http.get("/v1/models")).json()["data"]
    assert (group["max_input_tokens"], card["max_input_tokens"]) == (100, 100)
    assert (group["input_cost_per_token"], group["output_cost_per_token"]) == (0.5, None)
    assert group["supports_vision"] is True and "supports_reasoning" not in group
    assert [entry["sources"] for entry in shown] == [["model_info"], ["model_info"]]
    assert shown[0].items() >= facts[0].items()


async def test_health_asks_every_deployment_and_says_which_answered(served: Live, upstream: ScriptedUpstream) -> None:
    upstream.script("gpt", status=401, message="bad key")
    upstream.script("emb", status=400, message="no chat here")
    async with served.http() as http:
        everything = (await http.get("/health")).json()
        one = (await http.get("/health", params={"model": "gpt"})).json()
    assert {entry["model_id"] for entry in everything["healthy_endpoints"]} >= {"id-echo", "id-nova-code"}
    assert (one["healthy_count"], one["unhealthy_count"]) == (0, 1)
    assert "bad key" in one["unhealthy_endpoints"][0]["error"]


async def test_readiness_speaks_of_the_process_and_says_no_while_draining(served: Live) -> None:
    async with served.http() as http:
        assert (await http.get("/health/readiness")).json()["status"] == "healthy"
        assert (await http.get("/health/liveliness")).json() == "I'm alive!"
        served.app.serving.draining = True
        for path in ("/health/readiness", "/health/liveliness", "/health/liveness"):
            assert (await http.get(path)).status_code == 503


@pytest.mark.parametrize(
    "asked",
    [
        {"messages": HELLO},
        {"prompt": "hello"},
        {"prompt": ["hello", "you"]},
        {"contents": [{"parts": [{"text": "x"}]}]},
    ],
)
async def test_tokens_are_counted_offline(asked: dict[str, Any], served: Live) -> None:
    async with served.http() as http:
        answer = (await http.post("/utils/token_counter", json={"model": "gpt", **asked})).json()
        wrong = await http.post("/utils/token_counter", json={"model": "gpt"})
        too_large = await http.post("/utils/token_counter", json={"model": "gpt", "prompt": "x" * 100_000})
    assert answer["total_tokens"] > 0
    assert (answer["request_model"], answer["model_used"]) == ("gpt", "gpt")
    assert (wrong.status_code, wrong.json()["error"]["type"]) == (400, "invalid_request_error")
    assert (too_large.status_code, too_large.json()["error"]["code"]) == (413, "request_too_large")


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(sample.labels.get(key, "") for key in ("model_group", "status", "kind", "state"))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_metrics_count_calls_tokens_cost_and_failures(upstream: ScriptedUpstream) -> None:
    upstream.script("gpt", text="hi", usage=(100, 10)).script("gpt", status=500)
    priced = model("gpt", upstream.url, input_cost_per_token=0.01, output_cost_per_token=0.1)
    config = {"model_list": [priced], "router_settings": {"num_retries": 0}}
    async with live(config) as gateway, gateway.http() as http:
        await http.post(CHAT, json=GPT)
        await http.post(CHAT, json=GPT)
        for number in range(5):
            await http.post(CHAT, json={"model": f"made-up-{number}", "messages": HELLO})
        await http.post(CHAT, content=b"{")
        found = samples((await http.get("/metrics")).text)
    assert found["nova_requests_total", "gpt", "200", "", ""] == 1
    assert found["nova_requests_total", "gpt", "500", "", ""] == 1
    assert found["nova_requests_total", "other", "404", "", ""] == 5
    assert found["nova_requests_total", "other", "400", "", ""] == 1
    assert found["nova_failures_total", "gpt", "500", "", ""] == 1
    assert found["nova_tokens_total", "gpt", "", "input", ""] == 100
    assert found["nova_tokens_total", "gpt", "", "output", ""] == 10
    assert found["nova_spend_usd_total", "gpt", "", "", ""] == 2.0
    assert found["nova_request_seconds_count", "gpt", "", "", ""] == 2
    assert found["nova_upstream_seconds_count", "gpt", "", "", ""] == 2
    assert found["nova_in_flight_requests", "", "", "", ""] == 0
    assert found["nova_upstream_sockets", "", "", "", "open"] >= 0
    assert not [name for name in found if "made-up" in "".join(name)]


async def test_a_batch_that_was_split_is_one_request_and_its_tokens_and_cost_count_once(
    upstream: ScriptedUpstream,
) -> None:
    entries = []
    for task in ("code", "retrieval"):
        entry = model("nova", upstream.url, input_cost_per_token=0.5, tags=[task])
        entry["litellm_params"]["model"] = f"openai/{task}"
        entries.append({**entry, "model_info": {"id": task}})
    config = {
        "model_list": entries,
        "nova_settings": {"callbacks": ["nova_task_router"]},
        "router_settings": {"num_retries": 0, "model_group_alias": {"short": "nova"}},
    }
    items = [{"text": "a", "task": "code"}, {"text": "b", "task": "retrieval"}]
    upstream.script("code", usage=(2, 0)).script("retrieval", usage=(4, 0))
    async with live(config) as gateway, gateway.http() as http:
        answer = await http.post("/v1/embeddings", json={"model": "short", "input": items})
        families = list(text_string_to_metric_families((await http.get("/metrics")).text))
    assert (answer.status_code, answer.headers["x-nova-response-cost"]) == (200, "3.0")
    found = [sample for family in families for sample in family.samples]
    counted = {name: [] for name in ("nova_requests_total", "nova_tokens_total", "nova_spend_usd_total")}
    for sample in found:
        if sample.name in counted:
            counted[sample.name].append((sample.labels["model_group"], sample.labels["deployment"], sample.value))
    assert counted["nova_requests_total"] == [("nova", "", 1)]
    assert sorted(counted["nova_tokens_total"]) == [("nova", "code", 2), ("nova", "retrieval", 4)]
    assert sorted(counted["nova_spend_usd_total"]) == [("nova", "code", 1), ("nova", "retrieval", 2)]


class UnableToList:
    @hookimpl
    def list_models(self) -> None:
        raise RuntimeError("no models today")


async def test_a_plugin_that_cannot_list_its_models_leaves_the_others_listed(upstream: ScriptedUpstream) -> None:
    settings = {"callbacks": ["tests.server.test_routes.UnableToList"]}
    async with live({"model_list": [model("gpt", upstream.url)], "nova_settings": settings}) as gateway:
        assert [step.plugin for step in gateway.gateway.runtime.pipeline.list_models]
        async with gateway.http() as http:
            listed = await http.get("/v1/models")
    assert [card["id"] for card in listed.json()["data"]] == ["gpt"]


async def test_metrics_of_two_gateways_in_one_process_do_not_mix(served: Live, guarded: Live) -> None:
    async with served.http() as http:
        await http.post(CHAT, json=GPT)
    async with guarded.http(headers={"x-api-key": "sk-master-key"}) as http:
        assert "nova_requests_total{" not in (await http.get("/metrics")).text


async def test_every_route_is_documented(served: Live) -> None:
    async with served.http() as http:
        document = (await http.get("/openapi.json")).json()
        docs = await http.get("/docs")
    paths = document["paths"]
    for path in ("chat/completions", "completions", "embeddings", "messages", "messages/count_tokens"):
        for prefix in ("/v1/", "/", "/openai/deployments/{model}/", "/engines/{model}/"):
            assert "post" in paths[prefix + path]
    for path in ("/v1/models", "/model/info", "/model_group/info", "/utils/token_counter", "/metrics", "/health",
                 "/health/liveliness", "/health/readiness", "/config/reload"):  # fmt: skip
        assert path in paths
    for path, error in (
        ("/v1/chat/completions", ["message", "type", "param", "code"]),
        ("/v1/messages", ["type", "message"]),
    ):
        schema = paths[path]["post"]["responses"]["4XX"]["content"]["application/json"]["schema"]
        assert schema["properties"]["error"]["required"] == error
    ids = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(ids) == len(set(ids))
    assert json.dumps(document).count('"bearer"') >= 2
    assert docs.status_code == 200


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/readiness", "/metrics"])
async def test_probes_and_metrics_take_get_and_head_only(served: Live, path: str) -> None:
    async with served.http() as http:
        whole, head, posted = await http.get(path), await http.head(path), await http.post(path, json={})
    assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD")
    assert posted.json()["error"]["code"] == "method_not_allowed"
    assert all("x-nova-call-id" in response.headers for response in (whole, head, posted))


async def test_a_plugin_may_add_routes(served: Live) -> None:
    async def hello() -> dict[str, str]:
        return {"hello": "there"}

    served.app.management.add_api_route("/plugin/hello", hello)
    async with served.http() as http:
        assert (await http.get("/plugin/hello")).json() == {"hello": "there"}
