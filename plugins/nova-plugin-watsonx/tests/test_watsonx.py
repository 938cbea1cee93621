"""watsonx.ai: where models live, who pays, and what is said in other words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from nova_core.errors import (
    AuthenticationError,
    ConfigurationError,
    ContextWindowExceededError,
    NovaError,
    PaymentRequiredError,
    RateLimitedError,
    UnsupportedParamsError,
)
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, completion_request, embeddings_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.secret import Secret
from nova_core.types.upload import File, InMemory
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.capabilities import capabilities_of
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS
from nova_plugin_watsonx.errors import read_error
from nova_plugin_watsonx.generation import WatsonxText
from nova_plugin_watsonx.provider import Watsonx

HOST = "https://us-south.ml.cloud.ibm.com"
ACCOUNT = {"project_id": "p", "token": "a-static-token"}


def deployment(provider: Any = None, environ: Mapping[str, str] | None = None, **fields: Any) -> Deployment:
    provider = provider or Watsonx()
    given = {"id": "d", "group": "g", "provider": provider.providers[0], "model": "ibm/granite", "api_base": HOST}
    completed: Deployment = provider.complete(Deployment(**{**given, **fields}), environ or {})
    return completed


def url_of(request: Request | None = None, provider: Any = None, **fields: Any) -> str:
    provider, request = provider or Watsonx(), request or chat_request("g")
    found = deployment(provider, **{"settings": ACCOUNT, **fields})
    return str(provider.provider_call(Call(request), request, found).request.url)


def test_each_operation_has_its_path_and_streams_their_own() -> None:
    version = "?version=2024-03-13"
    assert url_of() == f"{HOST}/ml/v1/text/chat{version}"
    assert url_of(chat_request("g", stream=True), api_base=f"{HOST}/") == f"{HOST}/ml/v1/text/chat_stream{version}"
    assert (
        url_of(embeddings_request("g", "x"), api_base=f"{HOST}/ml/v1/text/chat")
        == f"{HOST}/ml/v1/text/embeddings{version}"
    )
    assert url_of(completion_request("g", "x"), WatsonxText()) == f"{HOST}/ml/v1/text/generation{version}"
    dated = url_of(model="deployment/my model", settings={**ACCOUNT, "api_version": "2025-01-01"})
    assert dated == f"{HOST}/ml/v1/deployments/my%20model/text/chat?version=2025-01-01"


async def test_chat_is_said_in_the_vendors_words(upstream: ScriptedUpstream) -> None:
    upstream.script("*", text="hi")
    schema = {"type": "object", "additionalProperties": False, "properties": {"strict": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "f", "strict": True, "parameters": schema}}
    request = chat_request(
        "g", tools=[tool], tool_choice="required", stop="END", reasoning_effort="xhigh", user="u", stream=False
    )
    async with bench(Watsonx(), deployment(api_base=upstream.url, settings=ACCOUNT)) as asking:
        await asking.chat(request)
        assert asking.call is not None
        assert set(asking.call.fidelity.dropped) == {"tools[0].function.strict", "user", "stream"} - {"stream"}
        sent = upstream.last.json
        await asking.chat(chat_request("g", tools=[tool], tool_choice={"type": "function", "function": {"name": "f"}}))
    plain = {"type": "object", "properties": {"strict": {"type": "string"}}}
    assert sent == {
        "messages": [{"role": "user", "content": "Hi there"}], "max_tokens": 100, "stop": ["END"],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": plain}}],
        "tool_choice_option": "required", "reasoning_effort": "high", "model_id": "ibm/granite", "project_id": "p",
    }  # fmt: skip
    assert upstream.last.json["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert "tool_choice_option" not in upstream.last.json


async def test_developers_speak_as_the_system(upstream: ScriptedUpstream) -> None:
    upstream.script("*", text="hi")
    said = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    async with bench(Watsonx(), deployment(api_base=upstream.url, settings=ACCOUNT)) as asking:
        await asking.chat(chat_request("g", said))
    assert upstream.last.json["messages"] == [{**said[0], "role": "system"}, said[1]]


async def test_a_deployment_knows_its_model_and_account(upstream: ScriptedUpstream) -> None:
    upstream.script("*", text="hi")
    made = deployment(api_base=upstream.url, model="deployment/d", settings={"token": "a-static-token"})
    async with bench(Watsonx(), made) as asking:
        await asking.chat(chat_request("g"))
    assert upstream.last.json.keys() == {"messages", "max_tokens"}


async def test_a_key_is_exchanged_once_for_a_token(upstream: ScriptedUpstream) -> None:
    now = [1_700_000_000.0]
    provider = Watsonx(lambda: now[0])
    for number in (1, 2):
        upstream.script("/identity/token", json={"access_token": f"t{number}", "expires_in": 3600})
    upstream.script("*", text="hi")
    settings = {"space_id": "s", "iam_url": f"{upstream.url}/identity/token"}
    made = deployment(provider, api_base=upstream.url, api_key=Secret("the-cloud-key"), settings=settings)
    used = []
    async with bench(provider, made) as asking:
        for passed in (0, 3000, 400):
            now[0] += passed
            await asking.chat(chat_request("g"))
            used.append(upstream.last.header("authorization"))
        with pytest.raises(AuthenticationError, match="another `api_base`"):
            await asking.ask(chat_request("g"), api_base="https://callers.example")
    assert used == ["Bearer t1", "Bearer t1", "Bearer t2"]
    assert upstream.last.json["space_id"] == "s"
    assert parse_qs(upstream.requests[0].body.decode()) == {
        "grant_type": ["urn:ibm:params:oauth:grant-type:apikey"], "apikey": ["the-cloud-key"],
    }  # fmt: skip
    assert "the-cloud-key" not in f"{made!r} {asking.exchange!r} {provider!r}"


@pytest.mark.parametrize(
    ("environ", "fields", "sent"),
    [
        ({"WATSONX_TOKEN": "env-token", "WATSONX_API_KEY": "k"}, {}, "Bearer env-token"),
        ({"WATSONX_ZENAPIKEY": "dXNlcjprZXk="}, {}, "ZenApiKey dXNlcjprZXk="),
        ({"WATSONX_TOKEN": "env-token"}, {"settings": {"zen_api_key": "own"}}, "ZenApiKey own"),
        ({}, {"extra_headers": {"Authorization": "Bearer header"}}, "Bearer header"),
    ],
)
def test_tokens_come_before_keys_and_a_deployments_own_first(
    environ: dict[str, str], fields: dict[str, Any], sent: str
) -> None:
    provider, request = Watsonx(), chat_request("g")
    made = deployment(provider, {"WX_PROJECT_ID": "p", **environ}, **fields)
    asked = provider.provider_call(Call(request), request, made).request
    assert dict(asked.headers)["Authorization"] == sent
    if made.settings.get("token") or made.settings.get("zen_api_key"):
        with pytest.raises(AuthenticationError, match="another `api_base`"):
            provider.provider_call(Call(request), request, replace(made, api_base="https://callers.example"))


def test_without_an_address_a_key_or_an_account_nobody_is_asked() -> None:
    with pytest.raises(ConfigurationError, match="WATSONX_URL"):
        deployment(api_base=None)
    with pytest.raises(AuthenticationError, match="zen_api_key"):
        url_of(settings={"project_id": "p"})
    with pytest.raises(AuthenticationError, match="project_id"):
        url_of(settings={"token": "t"})


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "max_tokens_exceeded", ContextWindowExceededError),
        (403, "token_quota_reached", PaymentRequiredError),
        (403, "consumption_limit_reached", RateLimitedError),
        (400, "authentication_token_expired", AuthenticationError),
    ],
)
def test_errors_are_told_by_their_codes(status: int, code: str, expected: type[NovaError]) -> None:
    body = f'{{"errors":[{{"code":"{code}","message":"why"}}],"trace":"t","status_code":{status}}}'.encode()
    error = read_error(UpstreamResponse(status, {}, body))
    assert type(error) is expected
    assert error.message == "why"


async def test_an_error_in_a_stream_is_its_error(upstream: ScriptedUpstream) -> None:
    error = b'{"errors":[{"code":"consumption_limit_reached","message":"slow down"}],"status_code":429}'
    failed = b"event: error\ndata: " + error + b"\n\n"
    upstream.script("*", sse=[failed])
    for provider in (Watsonx(), WatsonxText()):
        async with bench(provider, deployment(provider, api_base=upstream.url, settings=ACCOUNT)) as asking:
            with pytest.raises(RateLimitedError, match="slow down"):
                await asking.chat(chat_request("g", stream=True))


async def test_text_is_generated_with_parameters_of_other_names(upstream: ScriptedUpstream) -> None:
    result = {"generated_text": "ok", "stop_reason": "token_limit", "input_token_count": 3, "generated_token_count": 2}
    upstream.script("*", json={"model_id": "m", "results": [result]})
    provider = WatsonxText()
    async with bench(provider, deployment(provider, api_base=upstream.url, settings=ACCOUNT)) as asking:
        request = completion_request("g", "Say", temperature=0.5, seed=7, stop="END", repetition_penalty=1.1)
        reply = await asking.chat(request)
        sent = upstream.last.json
        await asking.chat(completion_request("g", ["Say"], temperature=0))
    assert sent == {
        "input": "Say", "model_id": "ibm/granite", "project_id": "p",
        "parameters": {
            "max_new_tokens": 100, "random_seed": 7, "stop_sequences": ["END"], "temperature": 0.5,
            "repetition_penalty": 1.1, "decoding_method": "sample",
        },
    }  # fmt: skip
    assert upstream.last.json["parameters"]["decoding_method"] == "greedy"
    assert (reply.text, reply.choices[0].finish) == ("ok", "length")
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.output) == (3, 2)


async def test_documents_are_ranked(upstream: ScriptedUpstream) -> None:
    results = [{"index": 1, "score": 4.2}, {"index": 0, "score": -3.5}]
    upstream.script("*", json={"model_id": "m", "results": results, "input_token_count": 7})
    members = {
        "model": "g",
        "query": "which?",
        "documents": ["one", {"text": "two"}],
        "top_n": 2,
        "return_documents": True,
    }
    async with bench(Watsonx(), deployment(api_base=upstream.url, settings=ACCOUNT)) as asking:
        reply = await asking.ask(Request("rerank", COHERE_RERANK, members))
    assert upstream.last.route == "/ml/v1/text/rerank"
    assert upstream.last.json == {
        "inputs": [{"text": "one"}, {"text": "two"}], "query": "which?", "model_id": "ibm/granite", "project_id": "p",
        "parameters": {"return_options": {"top_n": 2}},
    }  # fmt: skip
    assert isinstance(reply, Reply)
    typed: Any = reply.typed
    found = [(result.index, result.score, result.document) for result in typed.results]
    assert found == [(1, 4.2, {"text": "two"}), (0, -3.5, "one")]


def test_what_is_taken_is_known_without_a_token() -> None:
    provider = Watsonx()
    made = deployment(provider, api_key=Secret("a-cloud-key"), settings={"project_id": "p"})
    taken = capabilities_of(provider, made)
    assert taken.refuses("top_k")
    assert not taken.refuses("tools")


async def test_a_conversation_becomes_a_transcript(upstream: ScriptedUpstream) -> None:
    result = {"generated_text": "ok", "stop_reason": "eos_token", "input_token_count": 3, "generated_token_count": 2}
    upstream.script("*", json={"model_id": "m", "results": [result]})
    provider = WatsonxText()
    said = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "How are you?")]
    turns: list[dict[str, Any]] = [{"role": role, "content": text} for role, text in said]
    async with bench(provider, deployment(provider, api_base=upstream.url, settings=ACCOUNT)) as asking:
        await asking.chat(chat_request("g", turns))
        assert upstream.last.json["input"] == (
            "Be brief.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: How are you?\n\nAssistant:"
        )
        await asking.chat(chat_request("g", turns[:2]))
        assert upstream.last.json["input"] == "Be brief.\n\nHi"
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n"}}
        with pytest.raises(UnsupportedParamsError, match="messages"):
            await asking.chat(chat_request("g", [*turns, {"role": "user", "content": [picture]}]))


async def test_a_model_of_a_known_family_is_told_a_conversation_in_its_template(upstream: ScriptedUpstream) -> None:
    result = {"generated_text": "ok", "stop_reason": "eos_token", "input_token_count": 3, "generated_token_count": 2}
    upstream.script("*", json={"model_id": "m", "results": [result]})
    provider, said = WatsonxText(), [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    model = "mistralai/mixtral-8x7b-instruct-v01"
    async with bench(provider, deployment(provider, model=model, api_base=upstream.url, settings=ACCOUNT)) as asking:
        await asking.chat(chat_request("g", said))
        assert upstream.last.json["input"] == "<s>[INST] Be brief.\n\nHi [/INST]"
        await asking.chat(completion_request("g", "Hi"))
        assert upstream.last.json["input"] == "Hi"


async def test_speech_is_transcribed_on_the_projects_account(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json={"text": "what was said"})
    file = File("speech.wav", "audio/wav", InMemory(b"RIFF-the-sound"))
    request = Request("transcription", OPENAI_TRANSCRIPTIONS, {"model": "g", "file": file, "language": "en"})
    async with bench(Watsonx(), deployment(api_base=upstream.url, settings=ACCOUNT)) as asking:
        reply = await asking.ask(request)
    assert upstream.last.path == "/ml/v1/audio/transcriptions?version=2024-03-13"
    assert all(said in upstream.last.body for said in (b"project_id", b"ibm/granite", b"RIFF-the-sound", b"language"))
    assert (upstream.last.header("content-type") or "").startswith("multipart/form-data; boundary=")
    assert isinstance(reply, Reply)
    typed: Any = reply.typed
    assert typed.text == "what was said"


async def test_a_gateway_reads_account_and_key_from_a_configuration(gateway: Any, upstream: ScriptedUpstream) -> None:
    upstream.script("/identity/token", json={"access_token": "the-token", "expires_in": 3600}).script("*", text="hi")
    params = {
        "model": "watsonx/ibm/granite", "api_base": upstream.url, "api_key": "k", "space_id": "s",
        "iam_url": f"{upstream.url}/identity/token", "api_version": "2025-01-01",
    }  # fmt: skip
    caller = await gateway({"model_list": [{"model_name": "public", "litellm_params": params}]})
    assert (await caller.chat("public", max_tokens=9)).text == "hi"
    assert upstream.last.path == "/ml/v1/text/chat?version=2025-01-01"
    assert upstream.last.header("authorization") == "Bearer the-token"
    assert upstream.last.json.keys() == {"messages", "max_tokens", "model_id", "space_id"}
