"""Workloads of other clouds: what proves who they are, and the tokens that Google gives for it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest

from nova_core.errors import AuthenticationError, ConfigurationError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request
from nova_core.testing.upstream_http import Received
from nova_core.types.deployment import Deployment
from nova_plugin_vertex_ai.provider import VertexAI
from nova_plugin_vertex_ai.tokens import Tokens

NOW = 1_700_000_000.0
AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x"
KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "the-key-of-aws", "AWS_SESSION_TOKEN": "temporary"}


def external(upstream: ScriptedUpstream, source: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "external_account", "audience": AUDIENCE, "token_url": f"{upstream.url}/exchange",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "credential_source": dict(source), **more,
    }  # fmt: skip


def deployment(
    provider: VertexAI, upstream: ScriptedUpstream, credentials: Mapping[str, Any], environ: Mapping[str, str]
) -> Deployment:
    settings = {"vertex_credentials": credentials, "vertex_project": "p"}
    made = Deployment(
        id="d", group="g", provider="vertex_ai", model="gemini-2.5-flash", api_base=upstream.url, settings=settings
    )
    return provider.complete(made, environ)


async def asked(
    upstream: ScriptedUpstream, credentials: Mapping[str, Any], environ: Mapping[str, str] | None = None
) -> list[Received]:
    """What came before the call, which ends well."""
    provider = VertexAI(Tokens(lambda: NOW))
    upstream.script("/exchange", json={"access_token": "of-google", "expires_in": 3600})
    upstream.script("gemini-2.5-flash", text="hi")
    async with bench(provider, deployment(provider, upstream, credentials, environ or {})) as asking:
        for _ in range(2):
            assert (await asking.chat(chat_request("g"))).text == "hi"
    assert [seen.header("authorization") for seen in upstream.requests[-2:]] == ["Bearer of-google"] * 2
    return upstream.requests[:-2]


def subject(received: Received) -> str:
    return parse_qs(received.body.decode())["subject_token"][0]


async def test_a_program_prints_the_workloads_token(upstream: ScriptedUpstream) -> None:
    said = (
        "import os, json; print(json.dumps({'version': 1, 'success': True, 'id_token': 'for '"
        " + os.environ['GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE']}))"
    )
    source = {"executable": {"command": shlex.join([sys.executable, "-c", said])}}
    (exchange,) = await asked(upstream, external(upstream, source), {"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1"})
    assert subject(exchange) == f"for {AUDIENCE}"
    with pytest.raises(ConfigurationError, match="ALLOW_EXECUTABLES"):
        deployment(VertexAI(), upstream, external(upstream, source), {})


async def test_a_program_without_success_is_no_proof(upstream: ScriptedUpstream) -> None:
    said = 'print(\'{"version": 1, "success": false, "id_token": "a-secret"}\')'
    credentials = external(upstream, {"executable": {"command": shlex.join([sys.executable, "-c", said])}})
    provider = VertexAI()
    made = deployment(provider, upstream, credentials, {"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1"})
    async with bench(provider, made) as asking:
        with pytest.raises(AuthenticationError) as caught:
            await asking.chat(chat_request("g"))
    assert "a-secret" not in caught.value.message
    assert upstream.requests == []


async def test_a_missing_file_is_told_without_asking_anybody(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    provider = VertexAI()
    credentials = external(upstream, {"file": str(tmp_path / "nothing")})
    async with bench(provider, deployment(provider, upstream, credentials, {})) as asking:
        with pytest.raises(AuthenticationError, match="cannot be read"):
            await asking.chat(chat_request("g"))
    assert upstream.requests == []


@pytest.mark.parametrize("known", [True, False], ids=["of the environment", "of the machine"])
async def test_keys_of_aws_sign_what_google_sends(upstream: ScriptedUpstream, known: bool) -> None:
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    roles = "/latest/meta-data/iam/security-credentials/"
    source = {
        "environment_id": "aws1", "region_url": f"{upstream.url}/zone", "url": f"{upstream.url}{roles}",
        "imdsv2_session_token_url": f"{upstream.url}/latest/api/token",
        "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    }  # fmt: skip
    upstream.script("/latest/api/token", body=b"session").script("/zone", body=b"eu-west-1b")
    answer = {"AccessKeyId": "AKID", "SecretAccessKey": "the-key-of-aws", "Token": "temporary"}
    upstream.script(roles, body=b"role").script(f"{roles}role", json={**answer, "Expiration": "2099-01-01T00:00:00Z"})
    environ = {**KEYS, "AWS_REGION": "eu-west-1"} if known else {"AWS_EC2_METADATA_DISABLED": "true"}
    *before, exchange = await asked(upstream, external(upstream, source), environ)
    assert len(before) == (0 if known else 5)
    proof = json.loads(unquote(subject(exchange)))
    headers = {each["key"]: each["value"] for each in proof["headers"]}
    assert proof["url"] == "https://sts.eu-west-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    assert headers["x-goog-cloud-target-resource"] == AUDIENCE
    signed = {"x-goog-cloud-target-resource": AUDIENCE, "X-Amz-Security-Token": "temporary"}
    signed["X-Amz-Date"] = headers["X-Amz-Date"]
    request = AWSRequest(proof["method"], proof["url"], headers=signed, data=b"")
    request.context["timestamp"] = datetime.fromtimestamp(NOW, UTC).strftime("%Y%m%dT%H%M%SZ")
    signer = auth.SigV4Auth(Credentials("AKID", "the-key-of-aws"), "sts", "eu-west-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert headers["Authorization"].endswith(f"Signature={signer.signature(text, request)}")


async def test_a_service_account_is_impersonated_for_as_long_as_is_said(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    (tmp_path / "subject").write_text("their-token")
    more = {
        "service_account_impersonation_url": f"{upstream.url}/acting",
        "service_account_impersonation": {"token_lifetime_seconds": 900},
    }
    upstream.script("/acting", json={"accessToken": "of-google", "expireTime": "2099-01-01T00:00:00Z"})
    exchange, acting = await asked(upstream, external(upstream, {"file": str(tmp_path / "subject")}, **more))
    assert subject(exchange) == "their-token"
    assert acting.json["lifetime"] == "900s"


async def test_a_user_of_a_workforce_pool_renews_with_the_clients_secret(upstream: ScriptedUpstream) -> None:
    credentials = {
        "type": "external_account_authorized_user", "audience": AUDIENCE, "client_id": "c", "client_secret": "s",
        "refresh_token": "r", "token_url": f"{upstream.url}/exchange",
    }  # fmt: skip
    (exchange,) = await asked(upstream, credentials)
    assert exchange.header("authorization") == "Basic Yzpz"
    assert parse_qs(exchange.body.decode()) == {"grant_type": ["refresh_token"], "refresh_token": ["r"]}
