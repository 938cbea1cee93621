"""Replicate: inputs of families of models, predictions that take their time, streams, and images."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import (
    AuthenticationError,
    BadGatewayError,
    ContentPolicyViolationError,
    NovaError,
    RequestTimeoutError,
    StreamBrokenError,
    UnsupportedParamsError,
)
from nova_core.gateway.exchange import perform
from nova_core.gateway.policy import Limits
from nova_core.gateway.transport_default import default_transport
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, drained, function_tool
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.events import Finish, Frame
from nova_core.types.images import ImagesReply
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.secret import Secret
from nova_core.types.usage import Usage
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_plugin_replicate import plugin
from nova_plugin_replicate.chat import REPLICATE_CHAT
from nova_plugin_replicate.places import is_near

from .predictions import event

LLAMA = "meta/meta-llama-3-70b-instruct"
VERSION = "5" * 64
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def deployment(model: str = LLAMA, **fields: Any) -> Deployment:
    made = Deployment(**{"id": "d", "group": "g", "provider": "replicate", "model": model, **fields})
    completed: Deployment = plugin.complete(made, {"REPLICATE_API_TOKEN": "r8_secret-0123"})
    return completed


def sent(request: Request, model: str = LLAMA, *, drop: bool = False, **fields: Any) -> tuple[dict[str, Any], Call]:
    call = Call(request, options=CallOptions(drop_params=drop))
    body = plugin.provider_call(call, request, deployment(model, **fields)).request.body
    decoded: dict[str, Any] = msgspec.json.decode(body or b"")
    return decoded, call


def made(status: str, output: Any = None, **more: Any) -> dict[str, Any]:
    return {"id": "p1", "status": status, "output": output, "error": None, "metrics": {}, "urls": {}, **more}


@pytest.mark.parametrize(
    ("model", "place", "version"),
    [
        (LLAMA, f"/models/{LLAMA}/predictions", None),
        (f"owner/name:{VERSION}", "/predictions", VERSION),
        (VERSION, "/predictions", VERSION),
        ("deployments/acme/ours", "/deployments/acme/ours/predictions", None),
    ],
)
def test_a_model_a_version_and_a_deployment_have_their_places(model: str, place: str, version: str | None) -> None:
    request = chat_request("g")
    for base in (None, "https://api.replicate.com/v1/", f"https://api.replicate.com/v1/models/{LLAMA}/predictions"):
        exchange = plugin.provider_call(Call(request), request, deployment(model, api_base=base))
        assert exchange.request.url == f"https://api.replicate.com/v1{place}"
    assert sent(request, model)[0].get("version") == version


def test_a_key_is_needed_and_a_timeout_is_told() -> None:
    request = chat_request("g")
    headers = dict(plugin.provider_call(Call(request), request, deployment(timeout=7.2)).request.headers)
    assert (headers["Authorization"], headers["Cancel-After"]) == ("Bearer r8_secret-0123", "8s")
    assert headers["Prefer"] == "wait"
    bare = plugin.complete(Deployment("d", "g", "replicate", LLAMA), {})
    with pytest.raises(AuthenticationError, match="REPLICATE_API_KEY or REPLICATE_API_TOKEN"):
        plugin.provider_call(Call(request), request, bare)


def test_every_parameter_has_its_input() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    request = chat_request(
        "g", messages, temperature=0.5, top_p=0.9, top_k=5, seed=7, stop=["END", "###"], presence_penalty=0.1,
        frequency_penalty=0.2, prompt_template="{prompt}", min_tokens=3, user="u", stream=True,
    )  # fmt: skip
    body, call = sent(request)
    assert body == {
        "stream": True,
        "input": {
            "prompt": "Hi", "system_prompt": "Be brief.", "max_tokens": 100, "temperature": 0.5, "top_p": 0.9,
            "top_k": 5, "seed": 7, "stop_sequences": "END,###", "presence_penalty": 0.1, "frequency_penalty": 0.2,
            "prompt_template": "{prompt}", "min_tokens": 3,
        },
    }  # fmt: skip
    assert set(call.fidelity.dropped) == {"user", "stream_options"}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("openai/gpt-5", {"max_completion_tokens": 5000, "image_input": [PIXEL], "reasoning_effort": "low"}),
        (
            "anthropic/claude-4-sonnet",
            {"max_tokens": 5000, "image": PIXEL, "extended_thinking": True, "thinking_budget_tokens": 1024},
        ),
        ("google/gemini-2.5-flash", {"max_output_tokens": 5000, "images": [PIXEL], "thinking_budget": 1024}),
    ],
)
def test_families_name_their_inputs_each_in_its_way(model: str, expected: dict[str, Any]) -> None:
    content = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    request = chat_request("g", [{"role": "user", "content": content}], reasoning_effort="low", max_tokens=5000)
    assert sent(request, model)[0]["input"] == {"prompt": "What?", **expected}


def test_a_conversation_is_a_transcript_and_instructions_without_an_input_go_before_it() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Ho"},
        {"role": "user", "content": "And?"},
    ]
    body, _ = sent(chat_request("g", messages))
    assert body["input"]["prompt"] == "User: Hi\n\nAssistant: Ho\n\nUser: And?\n\nAssistant:"
    body, _ = sent(chat_request("g", messages[:2]), "deepseek-ai/deepseek-r1")
    assert body["input"]["prompt"] == "Be brief.\n\nHi"


def test_a_conversation_is_told_turn_by_turn_to_models_that_take_it_so() -> None:
    turns = [said("user", "Hi"), said("assistant", "Ho"), said("user", "And?")]
    body, call = sent(chat_request("g", [said("developer", "Be brief."), *turns]), "openai/gpt-5")
    assert body["input"] == {"messages": [said("system", "Be brief."), *turns], "max_completion_tokens": 100}
    assert call.fidelity.notes == ()


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2), ("logprobs", True), ("logit_bias", {"1": 2}), ("stop", ["a,b"]), ("tools", [function_tool("f")]),
        ("response_format", {"type": "json_object"}), ("modalities", ["audio"]), ("web_search_options", {"a": 1}),
        ("messages", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]}]),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name_or_dropped(name: str, value: Any) -> None:
    request = chat_request("g").with_members({name: value})
    with pytest.raises(UnsupportedParamsError, match=name):
        sent(request)
    body, call = sent(request, drop=True)
    assert name not in body["input"]
    assert any(field.startswith(name) for field in call.fidelity.dropped)


async def test_a_prediction_is_polled_until_it_is_done(upstream: ScriptedUpstream) -> None:
    done = made("succeeded", ["a", "b"], metrics={"input_token_count": 3, "output_token_count": 2})
    upstream.script(f"/v1/models/{LLAMA}/predictions", json=made("starting"), headers={"x-request-id": "r"})
    upstream.script("/v1/predictions/p1", json=made("processing")).script("/v1/predictions/p1", json=done)
    async with bench(plugin, deployment(api_base=f"{upstream.url}/v1")) as asking:
        reply = await asking.chat(chat_request("g"))
    assert (reply.text, reply.usage) == ("ab", Usage(input=3, output=2))
    first, *polls = upstream.requests
    assert [poll.method for poll in polls] == ["GET", "GET"]
    assert all(poll.header("authorization") == "Bearer r8_secret-0123" for poll in polls)
    assert first.header("prefer") == "wait" and polls[0].header("prefer") is None
    assert polls[0].at - first.at >= 0.45


async def test_a_prediction_that_takes_too_long_ends_with_its_deadline(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json=made("processing"))
    request, transport = chat_request("g"), default_transport()
    call = Call(request)
    exchange = plugin.provider_call(call, request, deployment(api_base=f"{upstream.url}/v1"))
    limits = Limits(connect=1.0, total=0.8, first_chunk=1.0, idle=1.0)
    with pytest.raises(RequestTimeoutError, match=r"no reply within 0\.8 seconds"):
        await perform(transport, call, exchange, limits)
    await transport.aclose()
    assert len(upstream.requests) == 2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (made("failed", error="CUDA out of memory"), NovaError),
        (made("failed", error="NSFW content detected"), ContentPolicyViolationError),
        (made("canceled"), NovaError),
        ({"status": "succeeded"}, BadGatewayError),
        ({"id": "p1"}, BadGatewayError),
    ],
)
async def test_a_prediction_that_fails_says_why(
    upstream: ScriptedUpstream, answer: dict[str, Any], expected: type[NovaError]
) -> None:
    upstream.script("*", json=answer)
    async with bench(plugin, deployment(api_base=f"{upstream.url}/v1")) as asking:
        with pytest.raises(expected) as caught:
            await asking.chat(chat_request("g"))
    assert (answer.get("error") or "") in caught.value.message


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([event("output", "a"), event("error", '{"detail": "it broke"}')], "it broke"),
        ([event("output", "a"), event("done", '{"reason": "canceled"}')], "canceled"),
        ([event("output", "a"), event("done", "{")], "not JSON"),
        ([event("output", "a"), event("logs", "x")], "before its prediction did"),
    ],
)
async def test_a_stream_that_breaks_is_broken(upstream: ScriptedUpstream, events: list[bytes], words: str) -> None:
    streamed = made("starting", urls={"stream": f"{upstream.url}/stream/p1"})
    upstream.script(f"/v1/models/{LLAMA}/predictions", json=streamed).script("/stream/p1", sse=events)
    async with bench(plugin, deployment(api_base=f"{upstream.url}/v1")) as asking:
        stream = await asking.ask(chat_request("g", stream=True))
        assert isinstance(stream, Stream)
        with pytest.raises(NovaError, match=words) as caught:
            await drained(stream)
    assert isinstance(caught.value, StreamBrokenError) or words == "it broke"


async def test_lines_and_blanks_of_a_stream_are_kept(upstream: ScriptedUpstream) -> None:
    events = [event("output", "Hello"), event("output", "\n"), event("output", "  you\n\nthere"), event("done", "{}")]
    streamed = made("starting", urls={"stream": f"{upstream.url}/stream/p1"})
    upstream.script(f"/v1/models/{LLAMA}/predictions", json=streamed).script("/stream/p1", sse=events)
    async with bench(plugin, deployment(api_base=f"{upstream.url}/v1")) as asking:
        assert (await asking.chat(chat_request("g", stream=True))).text == "Hello\n  you\n\nthere"
    assert upstream.last.header("accept") == "text/event-stream"


async def test_tokens_that_are_only_logged_are_usage_too(upstream: ScriptedUpstream) -> None:
    logs = "Input token count: 29\nOutput token count: 36\nTTFT: 0.2s"
    streamed = made("starting", urls={"stream": f"{upstream.url}/stream/p1"})
    upstream.script(f"/v1/models/{LLAMA}/predictions", json=streamed)
    upstream.script(f"/v1/models/{LLAMA}/predictions", json=made("succeeded", "a", logs=logs))
    upstream.script("/stream/p1", sse=[event("output", "a"), event("logs", logs), event("done", "{}")])
    async with bench(plugin, deployment(api_base=f"{upstream.url}/v1")) as asking:
        for stream in (True, False):
            assert (await asking.chat(chat_request("g", stream=stream))).usage == Usage(input=29, output=36)


async def test_without_a_stream_or_with_one_elsewhere_a_streamed_chat_is_polled(upstream: ScriptedUpstream) -> None:
    for urls in ({}, {"stream": "https://elsewhere.example/p1"}):
        upstream.forget().script("*", json=made("succeeded", "whole"))
        upstream.script(f"/v1/models/{LLAMA}/predictions", json=made("starting", urls=urls))
        async with bench(plugin, deployment(api_base=f"{upstream.url}/v1")) as asking:
            assert (await asking.chat(chat_request("g", stream=True))).text == "whole"
        assert upstream.last.route == "/v1/predictions/p1"


def images_request(**members: Any) -> Request:
    return Request("image_generation", OPENAI_IMAGES, {"model": "g", "prompt": "A cat", **members})


async def test_images_are_answered_by_address_or_fetched_as_data(upstream: ScriptedUpstream) -> None:
    upstream.script("/files/1.png", body=b"one", headers={"content-type": "image/png"})
    upstream.script("*", json=made("succeeded", [f"{upstream.url}/files/1.png", PIXEL]))
    flux = deployment("black-forest-labs/flux-schnell", api_base=f"{upstream.url}/v1")
    async with bench(plugin, flux) as asking:
        reply = await asking.ask(images_request(n=2, size="512x768", output_format="png", go_fast=True))
        assert isinstance(reply, Reply) and isinstance(reply.typed, ImagesReply)
        assert [image.url for image in reply.typed.images] == [f"{upstream.url}/files/1.png", None]
        assert upstream.last.json["input"] == {
            "prompt": "A cat", "width": 512, "height": 768, "num_outputs": 2, "output_format": "png", "go_fast": True,
        }  # fmt: skip
        reply = await asking.ask(images_request(response_format="b64_json"))
        assert isinstance(reply, Reply) and isinstance(reply.typed, ImagesReply)
        assert [image.data for image in reply.typed.images] == [base64.b64encode(b"one").decode(), "iVBORw0KGgo="]
        assert upstream.last.header("authorization") is None
        assert reply.typed.usage is not None and reply.typed.usage.units is not None
        assert reply.typed.usage.units.images == 2
    with pytest.raises(UnsupportedParamsError, match="style"):
        sent(images_request(style="vivid"), "black-forest-labs/flux-schnell")


def test_the_key_is_not_sent_to_hosts_of_others() -> None:
    base = "https://api.replicate.com/v1"
    assert is_near("https://stream.replicate.com/v1/x", base)
    assert not is_near("https://replicate.com.evil.example/x", base)
    assert not is_near("https://stream.replicate.com/x", "https://proxy.example/v1")


@given(st.lists(st.tuples(st.sampled_from(["output", "done", "error", "logs", None]), st.binary(max_size=20))))
def test_no_events_crash_the_decoder(events: list[tuple[str | None, bytes]]) -> None:
    decoder, finished = REPLICATE_CHAT.decoder(), False
    try:
        for name, data in events:
            finished |= any(isinstance(found, Finish) for found in decoder.decode(Frame(data, name)))
        decoder.end()
    except NovaError:
        return
    assert finished


def test_nothing_of_the_key_shows() -> None:
    request = chat_request("g")
    exchange = plugin.provider_call(Call(request), request, deployment(api_key=Secret("r8_other")))
    assert "r8_other" not in repr(exchange)
