"""Vertex AI: where models live, what is sent, and how tokens come and go."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nova_core.config.check import read_settings
from nova_core.config.loader import loads
from nova_core.errors import AuthenticationError, ConfigurationError, NovaError, ServiceUnavailableError
from nova_core.gateway.runtime import build_runtime
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, embeddings_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.secret import Secret
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_plugin_vertex_ai.places import host_of
from nova_plugin_vertex_ai.provider import VertexAI
from nova_plugin_vertex_ai.tokens import Tokens


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def service_account(key: RSAPrivateKey, upstream: ScriptedUpstream, **more: str) -> str:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    fields = {
        "type": "service_account", "project_id": "from-the-key", "private_key_id": "kid-1", "private_key": pem,
        "client_email": "robot@example.iam", "token_uri": f"{upstream.url}/token",
    }  # fmt: skip
    return json.dumps(fields | more)


def deployment(
    model: str = "gemini-2.5-flash", *, environ: Mapping[str, str] | None = None, **fields: Any
) -> Deployment:
    provider = fields.pop("plugin", None) or VertexAI()
    made = Deployment(**{"id": "d", "group": "public", "provider": "vertex_ai", "model": model, **fields})
    completed: Deployment = provider.complete(made, environ or {})
    return completed


def url_of(found: Deployment, request: Request | None = None) -> str:
    request = request or chat_request("public")
    return VertexAI().provider_call(Call(request), request, found).request.url


WITH_KEY: dict[str, Any] = {"api_key": Secret("ya29.token"), "settings": {"vertex_project": "p"}}


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("us-central1", "https://us-central1-aiplatform.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_each_location_has_its_own_host(location: str, host: str) -> None:
    found = deployment(api_key=Secret("k"), settings={"vertex_project": "p", "vertex_location": location})
    place = f"{host}/v1/projects/p/locations/{location}"
    assert host_of(location) == host
    assert url_of(found) == f"{place}/publishers/google/models/gemini-2.5-flash:generateContent"


@pytest.mark.parametrize(
    ("model", "ending"),
    [
        ("gemini-2.5-flash", "us-central1/publishers/google/models/gemini-2.5-flash:generateContent"),
        ("gemini-3.5-flash", "global/publishers/google/models/gemini-3.5-flash:generateContent"),
        ("1234567890", "us-central1/endpoints/1234567890:generateContent"),
        ("claude-opus-4-8", "us-central1/publishers/anthropic/models/claude-opus-4-8:rawPredict"),
        ("qwen/qwen3-next", "us-central1/endpoints/openapi/chat/completions"),
        ("mistral-small-2503@001", "us-central1/publishers/mistralai/models/mistral-small-2503@001:rawPredict"),
        ("jamba-1.5-large", "us-central1/publishers/ai21/models/jamba-1.5-large:rawPredict"),
    ],
)
def test_the_family_of_a_model_says_where_it_lives(model: str, ending: str) -> None:
    assert url_of(deployment(model, **WITH_KEY)).endswith(f"/projects/p/locations/{ending}")


def test_streams_and_versions_change_the_verb_and_the_path() -> None:
    stream = chat_request("public", stream=True)
    assert url_of(deployment(**WITH_KEY), stream).endswith(":streamGenerateContent?alt=sse")
    assert url_of(deployment("claude-opus-4-8", **WITH_KEY), stream).endswith(":streamRawPredict")
    assert "/v1beta1/projects/" in url_of(deployment(provider="vertex_ai_beta", **WITH_KEY))


@pytest.mark.parametrize(
    "base", ["https://proxy/x/models/tuned", "https://proxy/v1/projects/p/locations/l/endpoints/7"]
)
def test_a_base_that_is_the_whole_resource_only_gets_the_verb(base: str) -> None:
    assert url_of(deployment(api_base=base, api_key=Secret("k"))) == f"{base}:generateContent"
    assert url_of(deployment(api_base=f"{base}:generateContent", api_key=Secret("k"))) == f"{base}:generateContent"
    assert url_of(deployment("claude-opus-4-8", api_base=base, api_key=Secret("k"))) == f"{base}:rawPredict"


def test_without_a_project_the_start_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="vertex_project"):
        deployment()
    assert "/projects/from-env/" in url_of(
        deployment(environ={"VERTEXAI_PROJECT": "from-env"}, api_key=Secret("ya29.token"))
    )


@pytest.mark.parametrize("given", ["{not json", '{"type": "service_account"}', '{"type": "aws"}', "/no/such/file.json"])
def test_credentials_that_cannot_be_used_are_refused_at_the_start(given: str) -> None:
    with pytest.raises(ConfigurationError, match="vertex_credentials"):
        deployment(settings={"vertex_project": "p", "vertex_credentials": given})


async def test_claude_is_asked_with_the_version_in_the_body_and_no_model(upstream: ScriptedUpstream) -> None:
    upstream.script("*", text="hi")
    found = deployment("claude-sonnet-4-5", api_base=upstream.url, **WITH_KEY)
    body = {"model": "public", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    async with bench(VertexAI(), found) as provider:
        await provider.ask(Request("chat", ANTHROPIC_MESSAGES, body))
    assert upstream.last.json == {
        "anthropic_version": "vertex-2023-10-16", "max_tokens": 9, "messages": body["messages"],
    }  # fmt: skip
    assert upstream.last.header("authorization") == "Bearer ya29.token"


async def test_a_service_account_signs_for_its_token_once(upstream: ScriptedUpstream, key: RSAPrivateKey) -> None:
    clock = Clock()
    plugin = VertexAI(Tokens(clock))
    upstream.script("/token", json={"access_token": "first", "expires_in": 3600}).script("*", text="hi")
    settings = {"vertex_credentials": service_account(key, upstream)}
    found = deployment(plugin=plugin, api_base=upstream.url, settings=settings)
    async with bench(plugin, found) as provider:
        for _ in range(2):
            assert (await provider.chat(chat_request("public"))).text == "hi"
    paths = [received.route for received in upstream.requests]
    call = "/v1/projects/from-the-key/locations/us-central1/publishers/google/models/gemini-2.5-flash:generateContent"
    assert paths == ["/token", call, call]
    assert {received.header("authorization") for received in upstream.requests[1:]} == {"Bearer first"}
    assertion = parse_qs(upstream.requests[0].body.decode())["assertion"][0]
    unsigned, _, signature = assertion.rpartition(".")
    key.public_key().verify(_decoded(signature), unsigned.encode(), PKCS1v15(), SHA256())
    header, claims = (msgspec.json.decode(_decoded(part)) for part in unsigned.split("."))
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    assert (claims["iss"], claims["exp"] - claims["iat"]) == ("robot@example.iam", 3600)
    assert "PRIVATE KEY" not in f"{found!r} {provider.call!r} {provider.exchange!r} {plugin!r}"


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_token_is_fetched_anew_before_it_ends(upstream: ScriptedUpstream, key: RSAPrivateKey) -> None:
    clock = Clock()
    plugin = VertexAI(Tokens(clock))
    for number in range(3):
        upstream.script("/token", json={"access_token": f"t{number}", "expires_in": 3600})
    upstream.script("*", text="hi")
    settings = {"vertex_credentials": service_account(key, upstream)}
    found = deployment(plugin=plugin, api_base=upstream.url, settings=settings)
    used = []
    async with bench(plugin, found) as provider:
        for passed in (0, 3200, 200, 3601):
            clock.now += passed
            await provider.chat(chat_request("public"))
            used.append(upstream.last.header("authorization"))
    assert used == ["Bearer t0", "Bearer t0", "Bearer t1", "Bearer t2"]


def test_while_one_call_renews_a_token_others_go_on_with_the_old_one() -> None:
    clock = Clock()
    tokens = Tokens(clock)
    tokens.keep("mine", Secret("t"), 3600)
    clock.now += 3400
    assert tokens.current("mine") is None
    assert tokens.current("mine") is not None
    clock.now += 195
    assert tokens.current("mine") is None


async def test_a_refused_token_is_not_used_again(upstream: ScriptedUpstream, key: RSAPrivateKey) -> None:
    plugin = VertexAI()
    upstream.script("/token", json={"access_token": "t", "expires_in": 3600})
    upstream.script("*", status=401, message="expired").script("*", text="hi")
    settings = {"vertex_credentials": service_account(key, upstream)}
    found = deployment(plugin=plugin, api_base=upstream.url, settings=settings)
    async with bench(plugin, found) as provider:
        with pytest.raises(AuthenticationError):
            await provider.chat(chat_request("public"))
        await provider.chat(chat_request("public"))
    assert [received.route for received in upstream.requests].count("/token") == 2


@pytest.mark.parametrize(("status", "expected"), [(400, AuthenticationError), (503, ServiceUnavailableError)])
async def test_a_token_service_that_refuses_is_told_from_one_that_is_busy(
    status: int, expected: type[NovaError], upstream: ScriptedUpstream, key: RSAPrivateKey
) -> None:
    plugin = VertexAI()
    upstream.script("/token", status=status, json={"error": "invalid_grant", "error_description": "no such account"})
    settings = {"vertex_credentials": service_account(key, upstream)}
    async with bench(plugin, deployment(plugin=plugin, api_base=upstream.url, settings=settings)) as provider:
        with pytest.raises(expected) as caught:
            await provider.chat(chat_request("public"))
    assert "PRIVATE" not in str(caught.value)


async def test_a_workload_exchanges_its_token_and_acts_as_a_service_account(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    plugin = VertexAI()
    (tmp_path / "subject").write_text('{"id": "their-token"}')
    config = {
        "type": "external_account",
        "audience": "//iam/pools/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{upstream.url}/sts",
        "credential_source": {
            "file": str(tmp_path / "subject"),
            "format": {"type": "json", "subject_token_field_name": "id"},
        },
        "service_account_impersonation_url": f"{upstream.url}/impersonate",
    }
    (tmp_path / "wif.json").write_text(json.dumps(config))
    upstream.script("/sts", json={"access_token": "federated", "expires_in": 3600})
    upstream.script("/impersonate", json={"accessToken": "acting", "expireTime": "2099-01-01T00:00:00Z"})
    upstream.script("*", text="hi")
    environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "wif.json"), "GOOGLE_CLOUD_PROJECT": "p"}
    found = deployment(plugin=plugin, environ=environ, api_base=upstream.url)
    async with bench(plugin, found) as provider:
        await provider.chat(chat_request("public"))
    sts, acting, call = upstream.requests
    assert parse_qs(sts.body.decode())["subject_token"] == ["their-token"]
    assert acting.header("authorization") == "Bearer federated"
    assert call.header("authorization") == "Bearer acting"


async def test_without_credentials_the_metadata_server_is_asked(upstream: ScriptedUpstream) -> None:
    plugin = VertexAI()
    upstream.script(
        "/computeMetadata/v1/instance/service-accounts/default/token",
        json={"access_token": "of-the-machine", "expires_in": 600},
    ).script("*", text="hi")
    environ = {"GCE_METADATA_HOST": upstream.url.removeprefix("http://"), "VERTEXAI_PROJECT": "p"}
    found = deployment(plugin=plugin, environ=environ, api_base=upstream.url)
    async with bench(plugin, found) as provider:
        await provider.chat(chat_request("public"))
    asked, call = upstream.requests
    assert (asked.method, asked.header("metadata-flavor")) == ("GET", "Google")
    assert call.header("authorization") == "Bearer of-the-machine"


async def test_callers_may_not_turn_the_operators_credentials_elsewhere(
    upstream: ScriptedUpstream, key: RSAPrivateKey
) -> None:
    plugin = VertexAI()
    settings = {"vertex_credentials": service_account(key, upstream)}
    found = deployment(plugin=plugin, api_base="https://aiplatform.googleapis.com", settings=settings)
    async with bench(plugin, found) as provider:
        with pytest.raises(AuthenticationError, match="api_base"):
            await provider.ask(chat_request("public"), api_base=upstream.url)
        for sent in ("/etc/passwd", {"type": "external_account", "credential_source": {"file": "/etc/passwd"}}):
            with pytest.raises(AuthenticationError):
                await provider.ask(chat_request("public"), settings={**settings, "vertex_credentials": sent})
    assert upstream.requests == []


async def test_embeddings_are_predictions_with_a_task(upstream: ScriptedUpstream) -> None:
    upstream.script("*", width=4)
    found = deployment("text-embedding-005", api_base=upstream.url, **WITH_KEY)
    request = embeddings_request("public", ["one", "two"], dimensions=4, input_type="search_query")
    async with bench(VertexAI(), found) as provider:
        reply = await provider.ask(request)
    assert upstream.last.json == {
        "instances": [{"content": text, "task_type": "RETRIEVAL_QUERY"} for text in ("one", "two")],
        "parameters": {"outputDimensionality": 4},
    }
    assert isinstance(reply, Reply)
    assert reply.usage is not None
    assert reply.usage.input == 4


async def test_a_model_that_takes_one_text_is_asked_once_for_each(upstream: ScriptedUpstream) -> None:
    upstream.script("*", width=4)
    found = deployment("gemini-embedding-001", api_base=upstream.url, **WITH_KEY)
    texts = ["one", "two", "three"]
    async with bench(VertexAI(), found) as provider:
        reply = await provider.ask(embeddings_request("public", texts))
        alone = await provider.ask(embeddings_request("public", "two"))
    assert [received.json["instances"] for received in upstream.requests[:3]] == [[{"content": t}] for t in texts]
    assert isinstance(reply, Reply)
    assert isinstance(alone, Reply)
    several: Any = reply.typed
    single: Any = alone.typed
    assert [vector.index for vector in several.data] == [0, 1, 2]
    assert several.data[1].embedding == single.data[0].embedding
    assert (several.usage.input, single.usage.input) == (6, 2)


def test_a_configuration_file_says_project_location_and_credentials() -> None:
    entry = {
        "model_name": "gemini",
        "litellm_params": {
            "model": "vertex_ai/gemini-2.5-flash",
            "vertex_project": "mine",
            "vertex_location": "europe-west1",
            "api_key": "ya29.token",
        },
    }
    runtime = build_runtime(read_settings(loads(json.dumps({"model_list": [entry]}))), environ={})
    (deployment,) = runtime.catalog.groups["gemini"]
    assert not runtime.catalog.unserved
    assert deployment.api_base == "https://europe-west1-aiplatform.googleapis.com"
    assert (deployment.settings["vertex_project"], dict(deployment.defaults)) == ("mine", {})


def test_partners_behind_raw_predictions_are_asked_in_their_words() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    request = chat_request("public", stream=True, seed=3, tools=tools, tool_choice="required", user="u")
    call = Call(request)
    exchange = VertexAI().provider_call(call, request, deployment("codestral-2@001", **WITH_KEY))
    assert exchange.request.url.endswith("/publishers/mistralai/models/codestral-2@001:streamRawPredict")
    assert json.loads(exchange.request.body or b"") == {
        "model": "codestral-2", "messages": [{"role": "user", "content": "Hi there"}], "max_tokens": 100,
        "stream": True, "random_seed": 3, "tools": tools, "tool_choice": "any",
    }  # fmt: skip
    assert set(call.fidelity.dropped) == {"user", "stream_options"}
