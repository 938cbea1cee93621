"""What response headers say, under which names, and that nobody can write headers of their own into them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import RateLimitedError
from nova_core.server.headers import Headers, clean_value
from nova_core.testing import ScriptedUpstream
from tests.server.bad_input import CHAT, EMBEDDINGS
from tests.server.live import HELLO, Live, live, model

GPT = {"model": "gpt", "messages": HELLO}


async def test_headers_name_the_call_the_deployment_and_what_was_needed(
    served: Live, upstream: ScriptedUpstream
) -> None:
    async with served.http() as http:
        headers = (await http.post(CHAT, json=GPT)).headers
    assert headers["x-nova-model-id"] == "id-gpt"
    assert headers["x-nova-model-group"] == "gpt"
    assert headers["x-nova-model-api-base"] == f"{upstream.url}/v1"
    assert (headers["x-nova-attempted-retries"], headers["x-nova-attempted-fallbacks"]) == ("0", "0")
    assert float(headers["x-nova-overhead-duration-ms"]) <= float(headers["x-nova-response-duration-ms"])
    assert headers["x-nova-version"]
    assert headers["x-request-id"] == headers["x-nova-call-id"]
    assert "x-nova-response-cost" not in headers


async def test_every_answer_has_a_call_id_and_a_plain_one_of_the_callers_is_kept(served: Live) -> None:
    async with served.http() as http:
        for method, path in (("GET", "/v1/models"), ("GET", "/nowhere"), ("POST", CHAT), ("GET", "/health/liveliness")):
            assert (await http.request(method, path)).headers["x-nova-call-id"]
        for name in ("x-nova-call-id", "x-litellm-call-id"):
            kept = await http.post(CHAT, json=GPT, headers={name: "my-call.7"})
            assert kept.headers["x-nova-call-id"] == "my-call.7"
        strange = await http.post(CHAT, json=GPT, headers={"x-nova-call-id": "a b\tc" * 100})
    assert " " not in strange.headers["x-nova-call-id"]


async def test_the_prefix_renames_every_header_of_ours(config: dict[str, Any]) -> None:
    config["general_settings"]["header_prefix"] = "x-litellm"
    async with live(config) as gateway, gateway.http() as http:
        answered = await http.post(CHAT, json=GPT)
        refused = await http.post(CHAT, content=b"{")
        listed = await http.get("/v1/models")
    for response in (answered, refused, listed):
        assert response.headers["x-litellm-call-id"]
        assert not [name for name in response.headers if name.startswith("x-nova-")]
    assert answered.headers["x-litellm-model-id"] == "id-gpt"


async def test_a_cost_is_said_where_the_deployment_has_prices(upstream: ScriptedUpstream) -> None:
    upstream.script("gpt", text="hi", usage=(1000, 100))
    priced = model("gpt", upstream.url, input_cost_per_token=0.000001, output_cost_per_token=0.00001)
    async with live({"model_list": [priced]}) as gateway, gateway.http() as http:
        headers = (await http.post(CHAT, json=GPT)).headers
    assert float(headers["x-nova-response-cost"]) == 0.002


async def test_upstream_headers_reach_the_caller_under_a_prefix_and_cookies_do_not(
    served: Live, upstream: ScriptedUpstream
) -> None:
    sent = {"x-request-id": "up-1", "set-cookie": "a=b", "x-ratelimit-limit-requests": "9"}
    upstream.script("gpt", "hi", headers=sent)
    async with served.http() as http:
        headers = (await http.post(CHAT, json=GPT)).headers
    assert headers["llm_provider-x-request-id"] == "up-1"
    assert headers["x-ratelimit-limit-requests"] == "9"
    assert not [name for name in headers if "cookie" in name]


async def test_retries_and_fallbacks_are_counted(upstream: ScriptedUpstream) -> None:
    upstream.script("first", status=500).script("second", status=503).script("second", "ok")
    config = {
        "model_list": [model("first", upstream.url), model("second", upstream.url, num_retries=1)],
        "router_settings": {"fallbacks": [{"first": ["second"]}], "num_retries": 0, "disable_cooldowns": True},
    }
    async with live(config) as gateway, gateway.http() as http:
        headers = (await http.post(CHAT, json={"model": "first", "messages": HELLO})).headers
    assert (headers["x-nova-attempted-fallbacks"], headers["x-nova-attempted-retries"]) == ("1", "1")
    assert headers["x-nova-model-group"] == "second"


async def test_the_embedding_space_is_named(served: Live) -> None:
    async with served.http() as http:
        response = await http.post(EMBEDDINGS, json={"model": "nova", "input": "x", "task": "code"})
    assert response.headers["x-nova-model-id"] == "id-nova-code"
    assert "code" in response.headers["x-nova-embedding-space"]


async def test_browsers_may_read_our_headers_where_origins_are_allowed(config: dict[str, Any]) -> None:
    config["general_settings"]["cors_origins"] = ["https://app.example"]
    origin = {"origin": "https://app.example"}
    async with live(config) as gateway, gateway.http(headers=origin) as http:
        asked = await http.options(
            CHAT, headers={"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        )
        answered = await http.post(CHAT, json=GPT)
    assert (asked.status_code, answered.status_code) == (200, 200)
    assert asked.headers["access-control-allow-origin"] == "https://app.example"
    assert "x-nova-call-id" in answered.headers["access-control-expose-headers"]


async def test_the_gateway_answers_with_and_without_its_root_path(config: dict[str, Any]) -> None:
    async with live(config, root_path="/ai") as gateway, gateway.http() as http:
        for path in ("/ai/v1/chat/completions", CHAT):
            assert (await http.post(path, json=GPT)).status_code == 200
        for path in ("/ai/v1/models", "/v1/models", "/ai/docs"):
            assert (await http.get(path)).status_code == 200
        assert (await http.get("/ai/openapi.json")).json()["servers"] == [{"url": "/ai"}]
        assert (await http.get("/aim/v1/models")).status_code == 404


@given(st.text())
def test_no_value_can_begin_another_header(value: str) -> None:
    assert not set(clean_value(value)) & {*range(0x20), 0x7F}


def test_retry_after_is_whole_seconds_rounded_up() -> None:
    raw = dict(Headers().of_error("id", RateLimitedError("slow down", retry_after=2.1), None))
    assert raw[b"retry-after"] == b"3"
