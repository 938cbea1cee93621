"""Azure: where deployments live, who asks, and what the vendor's filters say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from nova_core.errors import (
    AuthenticationError,
    ConfigurationError,
    ContentPolicyViolationError,
    ServiceUnavailableError,
    UnsupportedParamsError,
)
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import (
    bench,
    chat_request,
    completion_request,
    embeddings_request,
    function_tool,
    transcription_request,
)
from nova_core.testing.provider_bench import responses_request as responses
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.secret import Secret
from nova_core.wire.openai_responses import OPENAI_COMPACTION
from nova_plugin_azure.foundry import Foundry
from nova_plugin_azure.provider import Azure, AzureText
from nova_plugin_azure.tokens import Tokens

HOST = "https://mine.openai.azure.com"
IDENTITY = {"tenant_id": "t-1", "client_id": "c-1", "client_secret": "the client's secret"}


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def deployment(provider: Any = None, *, environ: Mapping[str, str] | None = None, **fields: Any) -> Deployment:
    provider = provider or Azure()
    given = {"id": "d", "group": "g", "provider": provider.providers[0], "model": "my gpt", "api_base": HOST, **fields}
    completed: Deployment = provider.complete(Deployment(**given), environ or {})
    return completed


def url_of(request: Request | None = None, provider: Any = None, **fields: Any) -> str:
    provider, request = provider or Azure(), request or chat_request("g")
    found = deployment(provider, **{"api_key": Secret("k"), **fields})
    return str(provider.provider_call(Call(request), request, found).request.url)


@pytest.mark.parametrize(
    ("base", "version", "url"),
    [
        ("", None, "/openai/deployments/my%20gpt/chat/completions?api-version=2025-02-01-preview"),
        ("/", "2024-10-21", "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
        ("/openai", "2024-10-21", "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
        (
            "/openai/deployments/other",
            None,
            "/openai/deployments/other/chat/completions?api-version=2025-02-01-preview",
        ),
        (
            "/openai/deployments/other/chat/completions?api-version=2024-06-01",
            None,
            "/openai/deployments/other/chat/completions?api-version=2024-06-01",
        ),
        ("", "v1", "/openai/v1/chat/completions"),
        ("", "latest", "/openai/v1/chat/completions"),
        ("", "preview", "/openai/v1/chat/completions?api-version=preview"),
        ("/openai/v1/", None, "/openai/v1/chat/completions"),
        ("/gateway/x", "v1", "/gateway/x/openai/v1/chat/completions"),
    ],
)
def test_a_deployment_is_asked_at_its_url(base: str, version: str | None, url: str) -> None:
    settings = {"api_version": version} if version else {}
    assert url_of(api_base=HOST + base, settings=settings) == HOST + url


def test_each_operation_has_its_path() -> None:
    place = f"{HOST}/openai/deployments/my%20gpt"
    assert url_of(embeddings_request("g", "x")).startswith(f"{place}/embeddings?")
    assert url_of(completion_request("g", "x")).startswith(f"{place}/completions?")
    assert url_of(completion_request("g", "x"), AzureText()).startswith(f"{place}/completions?")
    assert url_of(responses("g")) == f"{HOST}/openai/v1/responses?api-version=preview"
    assert url_of(responses("g"), settings={"api_version": "v1"}) == f"{HOST}/openai/v1/responses"
    compaction = Request("compaction", OPENAI_COMPACTION, {"model": "g", "input": "Hi"})
    for base in (HOST, f"{HOST}/openai/v1/responses"):
        url = url_of(compaction, api_base=base, settings={"api_version": "v1"})
        assert url == f"{HOST}/openai/v1/responses/compact"


def test_the_environment_says_address_version_and_key() -> None:
    environ = {
        "AZURE_API_BASE": "https://env.openai.azure.com", "AZURE_API_VERSION": "2024-12-01-preview",
        "AZURE_OPENAI_API_KEY": "env-key",
    }  # fmt: skip
    provider, request = Azure(), chat_request("g")
    found = deployment(provider, environ=environ, api_base=None)
    sent = provider.provider_call(Call(request), request, found).request
    assert sent.url.startswith("https://env.openai.azure.com/openai/deployments/my%20gpt/chat/completions?")
    assert sent.url.endswith("api-version=2024-12-01-preview")
    assert dict(sent.headers)["api-key"] == "env-key"
    with pytest.raises(ConfigurationError, match="AZURE_API_BASE"):
        deployment(api_base=None)


def test_without_key_and_identity_nobody_is_asked() -> None:
    with pytest.raises(AuthenticationError, match="AZURE_API_KEY"):
        url_of(api_key=None)


@pytest.mark.parametrize(
    ("base", "model", "url", "header"),
    [
        (
            "https://r.services.ai.azure.com", "mistral-large",
            "https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview", "api-key",
        ),
        (
            "https://m.eastus2.models.ai.azure.com/v1", "mistral-large",
            "https://m.eastus2.models.ai.azure.com/v1/chat/completions", "Authorization",
        ),
        (
            "https://r.services.ai.azure.com/openai/v1", "grok-4",
            "https://r.services.ai.azure.com/openai/v1/chat/completions", "api-key",
        ),
        (
            "https://r.services.ai.azure.com", "claude-opus-4-8",
            "https://r.services.ai.azure.com/anthropic/v1/messages", "x-api-key",
        ),
    ],
)  # fmt: skip
def test_models_of_foundry_live_at_resources_and_endpoints(base: str, model: str, url: str, header: str) -> None:
    provider, request = Foundry(), chat_request("g")
    found = deployment(provider, api_base=base, model=model, api_key=Secret("the-key"))
    sent = provider.provider_call(Call(request), request, found).request
    assert sent.url == url
    assert dict(sent.headers)[header].endswith("the-key")


def test_the_base_model_says_what_a_deployment_takes() -> None:
    provider = Azure()
    found = deployment(provider, api_key=Secret("k"), info={"base_model": "azure/o4-mini"})
    request = chat_request("g", temperature=0.3)
    with pytest.raises(UnsupportedParamsError, match="temperature"):
        provider.provider_call(Call(request), request, found)
    plain = chat_request("g")
    body = provider.provider_call(Call(plain), plain, found).request.body or b""
    assert b'"max_completion_tokens":100' in body
    assert b'"model":"my gpt"' in body


def test_functions_of_models_that_reason_are_called_in_the_responses_api() -> None:
    request = chat_request("g", tools=[function_tool("look")])
    base_model = {"base_model": "azure/gpt-6-astra"}
    assert url_of(request, info=base_model) == f"{HOST}/openai/v1/responses?api-version=preview"
    assert url_of(request, model="gpt-5.6-sol", settings={"api_version": "v1"}) == f"{HOST}/openai/v1/responses"
    assert url_of(request, model="responses/mine").endswith("/openai/v1/responses?api-version=preview")
    assert "/chat/completions" in url_of(request, info={"base_model": "azure/gpt-5.1"})
    resource = "https://me.services.ai.azure.com/models"
    assert url_of(request, Foundry(), model="gpt-6-sol", api_base=resource) == (
        "https://me.services.ai.azure.com/openai/v1/responses"
    )
    assert "/chat/completions" in url_of(chat_request("g"), Foundry(), model="gpt-6-sol", api_base=resource)


async def test_a_token_that_the_operator_has_is_sent_as_it_is(upstream: ScriptedUpstream) -> None:
    upstream.script("*", text="hi")
    provider = Azure()
    found = deployment(provider, environ={"AZURE_AD_TOKEN": "a static token"}, api_base=upstream.url)
    async with bench(provider, found) as ours:
        await ours.chat(chat_request("g"))
    assert upstream.last.header("authorization") == "Bearer a static token"
    assert upstream.last.header("api-key") is None


async def test_a_token_is_fetched_once_and_anew_before_its_end(upstream: ScriptedUpstream) -> None:
    clock = Clock()
    provider = Azure(Tokens(clock))
    upstream.script("/t-1/oauth2/v2.0/token", json={"access_token": "first", "expires_in": 3600})
    upstream.script("/t-1/oauth2/v2.0/token", json={"access_token": "second", "expires_in": "3600"})
    upstream.script("my gpt", text="hi")
    found = deployment(
        provider, environ={"AZURE_API_KEY": "not used"}, api_base=upstream.url,
        settings={**IDENTITY, "azure_authority_host": upstream.url},
    )  # fmt: skip
    async with bench(provider, found) as ours:
        for stream in (False, True):
            assert (await ours.chat(chat_request("g", stream=stream))).text == "hi"
        assert [seen.header("authorization") for seen in upstream.requests] == [None, "Bearer first", "Bearer first"]
        clock.now += 3400
        await ours.chat(chat_request("g"))
    assert upstream.last.header("authorization") == "Bearer second"
    asked = {name: values[0] for name, values in parse_qs(upstream.requests[0].body.decode()).items()}
    assert asked == {
        "grant_type": "client_credentials", "client_id": "c-1", "client_secret": "the client's secret",
        "scope": "https://cognitiveservices.azure.com/.default",
    }  # fmt: skip
    assert "secret" not in repr(found.settings.get("azure_address"))


async def test_a_user_with_a_password_gets_a_token_for_embeddings_too(upstream: ScriptedUpstream) -> None:
    provider = Azure()
    upstream.script("/organizations/oauth2/v2.0/token", json={"access_token": "the users token"})
    upstream.script("my gpt", width=4)
    settings = {"client_id": "c", "azure_username": "u", "azure_password": "a password"}
    found = deployment(
        provider,
        api_base=upstream.url,
        settings={**settings, "azure_authority_host": upstream.url, "api_version": "v1"},
    )
    async with bench(provider, found) as ours:
        assert isinstance(await ours.ask(embeddings_request("g", "x")), Reply)
    assert b"grant_type=password" in upstream.requests[0].body
    assert upstream.last.header("authorization") == "Bearer the users token"


@pytest.mark.parametrize(
    ("status", "expected"), [(400, AuthenticationError), (401, AuthenticationError), (503, ServiceUnavailableError)]
)
async def test_refused_credentials_are_the_operators_business(
    upstream: ScriptedUpstream, status: int, expected: type[Exception]
) -> None:
    provider = Azure()
    told = "AADSTS7000215: Invalid client secret provided: the client's secret.\r\nTrace ID: 1"
    upstream.script("*", status=status, json={"error": "invalid_client", "error_description": told})
    found = deployment(provider, api_base=upstream.url, settings={**IDENTITY, "azure_authority_host": upstream.url})
    async with bench(provider, found) as ours:
        with pytest.raises(expected) as caught:
            await ours.chat(chat_request("g"))
    assert "AADSTS7000215" in str(caught.value)
    assert "the client's secret" not in f"{caught.value} {caught.value!r}"


async def test_a_token_that_was_refused_is_not_used_again(upstream: ScriptedUpstream) -> None:
    provider = Azure()
    upstream.script("/t-1/oauth2/v2.0/token", json={"access_token": "first token", "expires_in": 3600})
    upstream.script("my gpt", status=401, message="expired").script("my gpt", text="hi")
    found = deployment(provider, api_base=upstream.url, settings={**IDENTITY, "azure_authority_host": upstream.url})
    async with bench(provider, found) as ours:
        with pytest.raises(AuthenticationError):
            await ours.chat(chat_request("g"))
        assert (await ours.chat(chat_request("g"))).text == "hi"
    assert len(upstream.requests) == 4


@pytest.mark.parametrize("settings", [IDENTITY, {"azure_ad_token": "a static token"}])
@pytest.mark.parametrize("info", [{}, {"base_model": "gpt-4o"}])
def test_the_operators_credentials_go_to_no_address_of_a_caller(settings: Any, info: Any) -> None:
    provider, request = Azure(), chat_request("g")
    found = replace(deployment(provider, settings=settings, info=info), api_base="https://callers.example")
    with pytest.raises(AuthenticationError, match="another `api_base`"):
        provider.provider_call(Call(request), request, found)
    own = replace(found, settings={**found.settings, "azure_ad_token": "the callers own"})
    sent = provider.provider_call(Call(request), request, own).request
    assert dict(sent.headers)["Authorization"] == "Bearer the callers own"


async def test_what_the_filters_stop_is_a_violation_of_the_content_policy(upstream: ScriptedUpstream) -> None:
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}}
    stopped = {"message": "The response was filtered", "param": "prompt", "status": 400, "innererror": inner}
    for code in ("content_filter", None):
        upstream.script("*", status=400, json={"error": {**stopped, "code": code}})
    async with bench(Azure(), deployment(api_base=upstream.url, api_key=Secret("k"))) as ours:
        for stream in (False, True):
            with pytest.raises(ContentPolicyViolationError):
                await ours.chat(chat_request("g", stream=stream))


async def test_results_of_the_filters_reach_the_caller(upstream: ScriptedUpstream) -> None:
    safe = {"hate": {"filtered": False, "severity": "safe"}}
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    body = {
        "id": "1", "object": "chat.completion", "created": 1, "model": "gpt-4o",
        "choices": [{**choice, "content_filter_results": safe}],
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": safe}],
    }  # fmt: skip
    upstream.script("*", json=body)
    async with bench(Azure(), deployment(api_base=upstream.url, api_key=Secret("k"))) as ours:
        reply = await ours.ask(chat_request("g"))
    assert isinstance(reply, Reply)
    assert reply.get("prompt_filter_results")[0]["content_filter_results"] == safe
    assert reply.get("choices")[0]["content_filter_results"] == safe


async def test_pieces_that_hold_only_results_of_the_filters_do_not_disturb_a_stream(upstream: ScriptedUpstream) -> None:
    pieces = [
        b'{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}',
        b'{"id":"1","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}',
        b'{"id":"","choices":[{"index":0,"finish_reason":null,"content_filter_results":{},"content_filter_offsets":{}}]}',
        b'{"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
    ]
    upstream.script("*", sse=[*(b"data: " + piece + b"\n\n" for piece in pieces), b"data: [DONE]\n\n"])
    async with bench(Azure(), deployment(api_base=upstream.url, api_key=Secret("k"))) as ours:
        assert (await ours.chat(chat_request("g", stream=True))).text == "hi"


async def test_a_gateway_gets_its_token_from_a_configuration(gateway: Any, upstream: ScriptedUpstream) -> None:
    upstream.script("/t-1/oauth2/v2.0/token", json={"access_token": "the-token", "expires_in": 3600})
    upstream.script("mine", text="hi")
    params = {
        **IDENTITY, "model": "azure/mine", "api_base": upstream.url, "azure_authority_host": upstream.url,
        "api_version": "2024-10-21",
    }  # fmt: skip
    info = {"base_model": "azure/o4-mini"}
    caller = await gateway({"model_list": [{"model_name": "public", "litellm_params": params, "model_info": info}]})
    assert (await caller.chat("public", max_tokens=9)).text == "hi"
    assert upstream.last.path == "/openai/deployments/mine/chat/completions?api-version=2024-10-21"
    assert upstream.last.header("authorization") == "Bearer the-token"
    assert upstream.last.json.keys() == {"model", "messages", "max_completion_tokens"}


async def test_audio_is_transcribed_at_the_deployments_address(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json={"text": "hello there"})
    azure = Azure()
    found = deployment(azure, api_base=upstream.url, api_key=Secret("the key"), model="my whisper")
    async with bench(azure, found) as at:
        reply = await at.ask(transcription_request("g", b"abc", response_format="json"))
    assert isinstance(reply, Reply)
    assert reply.get("text") == "hello there"
    received = upstream.last
    assert received.path == "/openai/deployments/my%20whisper/audio/transcriptions?api-version=2025-02-01-preview"
    assert received.header("api-key") == "the key"
    assert received.members == {"model": "my whisper", "response_format": "json"}
    assert received.form[-1].content == b"abc"
