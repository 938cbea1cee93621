"""Snowflake Cortex: where models are, which tokens are sent, and what embeddings cannot say."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from nova_core.errors import AuthenticationError, BadGatewayError, ConfigurationError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, embeddings_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_plugin_snowflake import plugin
from nova_plugin_snowflake.provider import Snowflake

NOW = 1_700_000_000.0
CORTEX = "https://org-acc.snowflakecomputing.com/api/v2/cortex"


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def deployment(environ: dict[str, str] | None = None, provider: Snowflake = plugin, **fields: Any) -> Deployment:
    made = Deployment(**{"id": "d", "group": "g", "provider": "snowflake", "model": "mistral-large2", **fields})
    completed: Deployment = provider.complete(made, {"SNOWFLAKE_ACCOUNT_ID": "org-acc"} | (environ or {}))
    return completed


def headers_of(made: Deployment, provider: Snowflake = plugin) -> dict[str, str]:
    request = chat_request("g")
    return dict(provider.provider_call(Call(request), request, made).request.headers)


@pytest.mark.parametrize(
    ("base", "model", "request_", "url"),
    [
        (None, "mistral-large2", chat_request("g"), f"{CORTEX}/v1/chat/completions"),
        (None, "claude-4-sonnet", chat_request("g"), f"{CORTEX}/v1/messages"),
        (None, "e5-base-v2", embeddings_request("g", "x"), f"{CORTEX}/inference:embed"),
        ("https://proxy/x/api/v2", "m", chat_request("g"), "https://proxy/x/api/v2/cortex/v1/chat/completions"),
        (f"{CORTEX}/v1", "claude-4-sonnet", chat_request("g"), f"{CORTEX}/v1/messages"),
        (f"{CORTEX}/inference:complete", "m", embeddings_request("g", "x"), f"{CORTEX}/inference:embed"),
    ],
)
def test_every_operation_has_its_place(base: str | None, model: str, request_: Request, url: str) -> None:
    made = deployment(api_base=base, model=model, api_key=Secret("k"))
    assert plugin.provider_call(Call(request_), request_, made).request.url == url


def test_claude_is_asked_through_chat_where_the_operator_says_so() -> None:
    request = chat_request("g")
    made = deployment(model="claude-4-sonnet", api_key=Secret("k"), settings={"use_chat_completions_api": True})
    assert plugin.provider_call(Call(request), request, made).request.url == f"{CORTEX}/v1/chat/completions"


def test_an_account_is_needed_and_may_be_a_setting() -> None:
    bare = Deployment("d", "g", "snowflake", "m")
    with pytest.raises(ConfigurationError, match="SNOWFLAKE_ACCOUNT_ID"):
        plugin.complete(bare, {})
    named = Deployment("d", "g", "snowflake", "m", settings={"snowflake_account_id": "mine"})
    assert plugin.complete(named, {}).api_base == "https://mine.snowflakecomputing.com"
    with pytest.raises(AuthenticationError, match="SNOWFLAKE_JWT"):
        headers_of(deployment())


def test_a_token_is_sent_as_it_is_and_its_kind_is_said_where_it_is_known() -> None:
    assert headers_of(deployment({"SNOWFLAKE_JWT": "ey.a.b"}))["Authorization"] == "Bearer ey.a.b"
    told = headers_of(deployment(api_key=Secret("pat/secret-token")))
    assert told["Authorization"] == "Bearer secret-token"
    assert told["X-Snowflake-Authorization-Token-Type"] == "PROGRAMMATIC_ACCESS_TOKEN"


def test_a_user_with_a_key_pair_signs_a_token_that_is_kept_until_it_is_old(key: RSAPrivateKey, tmp_path: Path) -> None:
    now = NOW
    provider = Snowflake(lambda: now)
    file = tmp_path / "rsa_key.p8"
    coding = BestAvailableEncryption(b"open sesame")
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, coding))
    environ = {
        "SNOWFLAKE_USER": "robot", "SNOWFLAKE_PRIVATE_KEY_FILE": str(file),
        "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "open sesame", "SNOWFLAKE_ACCOUNT_ID": "acc.eu-central-1",
    }  # fmt: skip
    made = deployment(environ, provider)
    first = headers_of(made, provider)
    assert first["X-Snowflake-Authorization-Token-Type"] == "KEYPAIR_JWT"
    token = first["Authorization"].removeprefix("Bearer ")
    head, body, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    key.public_key().verify(signature, token.rpartition(".")[0].encode(), PKCS1v15(), SHA256())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    fingerprint = base64.b64encode(hashlib.sha256(public).digest()).decode()
    assert msgspec.json.decode(head) == {"alg": "RS256", "typ": "JWT"}
    assert msgspec.json.decode(body) == {
        "iss": f"ACC.ROBOT.SHA256:{fingerprint}", "sub": "ACC.ROBOT", "iat": int(NOW), "exp": int(NOW) + 3540,
    }  # fmt: skip
    assert headers_of(made, provider) == first
    now += 3500
    assert headers_of(made, provider) != first
    assert "PRIVATE KEY" not in repr(made)
    with pytest.raises(AuthenticationError, match="another `api_base`"):
        headers_of(
            Deployment("d", "g", "snowflake", "m", api_base="https://x.example", settings=made.settings), provider
        )


async def test_a_signed_token_that_is_refused_is_neither_shown_nor_used_again(
    upstream: ScriptedUpstream, key: RSAPrivateKey
) -> None:
    now = NOW
    provider = Snowflake(lambda: now)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    made = deployment(
        {"SNOWFLAKE_USER": "robot", "SNOWFLAKE_PRIVATE_KEY": pem}, provider, api_base=upstream.url, model="m"
    )
    token = headers_of(made, provider)["Authorization"].removeprefix("Bearer ")
    upstream.script("m", status=401, json={"message": f"JWT token is invalid: {token}"})
    now += 60
    async with bench(provider, made) as asking:
        with pytest.raises(AuthenticationError) as caught:
            await asking.chat(chat_request("g"))
    assert token not in caught.value.message
    assert headers_of(made, provider)["Authorization"] != f"Bearer {token}"


def test_a_key_that_is_none_is_an_error_of_the_operators(tmp_path: Path) -> None:
    own = {"snowflake_user": "robot", "snowflake_private_key": "no key"}
    with pytest.raises(AuthenticationError, match="no key in PEM"):
        headers_of(deployment({"SNOWFLAKE_JWT": "env"}, settings=own))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        deployment({"SNOWFLAKE_PRIVATE_KEY_FILE": str(tmp_path / "none")})


def test_the_limit_of_tokens_is_said_under_the_name_that_every_model_takes() -> None:
    request = chat_request("g", max_tokens=5)
    body = plugin.provider_call(Call(request), request, deployment(api_key=Secret("k"))).request.body
    sent = msgspec.json.decode(body or b"")
    assert (sent["max_completion_tokens"], "max_tokens" in sent) == (5, False)


@pytest.mark.parametrize("members", [{"dimensions": 256}, {"input": [{"image": "x"}]}, {"input": [[1, 2]]}])
def test_what_embeddings_cannot_say_is_refused_by_name(members: dict[str, Any]) -> None:
    request = embeddings_request("g", **{"input": ["x"], **members})
    with pytest.raises(UnsupportedParamsError, match=next(iter(members))):
        plugin.provider_call(Call(request), request, deployment(api_key=Secret("k")))


async def test_an_answer_without_vectors_is_an_error(upstream: ScriptedUpstream) -> None:
    made = deployment(api_base=upstream.url, api_key=Secret("k"), model="e5")
    async with bench(plugin, made) as asking:
        for wrong in ({"data": [{"index": 0}]}, {"data": [3]}, {"message": "no such model"}):
            upstream.forget().script("e5", json=wrong)
            with pytest.raises(BadGatewayError):
                (await asking.ask(embeddings_request("g", "x"))).typed  # type: ignore[union-attr]  # noqa: B018
