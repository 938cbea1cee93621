"""Where models live, who asks, and what refusals mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nova_core.errors import (
    AuthenticationError,
    ConfigurationError,
    ContextWindowExceededError,
    InternalServerError,
    NotFoundError,
    NovaError,
    PermissionDeniedError,
    RateLimitedError,
)
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamRequest, UpstreamResponse
from nova_core.wire.sigv4.errors import read_error
from nova_plugin_bedrock.provider import Bedrock

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PAIR = {"aws_access_key_id": "AKIDSETTINGS", "aws_secret_access_key": "settings-secret"}
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIDENVIRON", "AWS_SECRET_ACCESS_KEY": "environment-secret"}
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
ARN = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"


def asked(model: str = HAIKU, environ: Mapping[str, str] | None = None, **fields: Any) -> UpstreamRequest:
    provider = Bedrock(lambda: MOMENT)
    made = Deployment(**{"id": "d", "group": "g", "provider": "bedrock", "model": model, **fields})
    request = chat_request("g", stream=fields.get("stream", False))
    return provider.provider_call(Call(request), request, provider.complete(made, environ or {})).request


def proof(request: UpstreamRequest) -> str:
    return dict(request.headers)["Authorization"]


@pytest.mark.parametrize(
    ("model", "settings", "address"),
    [
        (HAIKU, {}, "https://bedrock-runtime.us-west-2.amazonaws.com/model/anthropic.claude-3-haiku-20240307-v1%3A0"),
        ("converse/eu-central-1/amazon.nova-lite-v1:0", {}, "https://bedrock-runtime.eu-central-1.amazonaws.com/model/amazon.nova-lite-v1%3A0"),
        ("us.meta.llama4", {"aws_region_name": "us-east-2"}, "https://bedrock-runtime.us-east-2.amazonaws.com/model/us.meta.llama4"),
        ("nova/us.amazon.nova-lite-v1:0", {}, "https://bedrock-runtime.us-west-2.amazonaws.com/model/us.amazon.nova-lite-v1%3A0"),
        ("x", {"aws_region_name": "cn-north-1"}, "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/model/x"),
        ("x", {"aws_bedrock_runtime_endpoint": "https://vpce.example/base/"}, "https://vpce.example/base/model/x"),
        ("x", {"aws_bedrock_runtime_endpoint": "https://h/model/tuned/converse"}, "https://h/model/tuned"),
    ],
)  # fmt: skip
def test_a_model_lives_where_its_name_and_region_say(model: str, settings: dict[str, Any], address: str) -> None:
    assert asked(model, settings={**PAIR, **settings}).url == f"{address}/converse"


@pytest.mark.parametrize("fields", [{"model": f"llama/{ARN}"}, {"settings": {**PAIR, "model_id": ARN}}])
def test_an_arn_is_the_model_and_names_the_region(fields: dict[str, Any]) -> None:
    request = asked(**{"settings": PAIR, **fields})
    host, _, model = request.url.partition("/model/")
    assert host == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    assert model == "arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Aapplication-inference-profile%2Fabc/converse"
    assert "/20260102/eu-west-1/bedrock/aws4_request" in proof(request)


def test_the_deployments_own_keys_come_first(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = x\n"
        "[team]\naws_access_key_id = AKIDTEAM\naws_secret_access_key = y%z\naws_session_token = temporary\n"
    )
    (tmp_path / "config").write_text("[profile team]\nregion = ap-south-1\n")
    files = {
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
    }
    bearer = {"AWS_BEARER_TOKEN_BEDROCK": "token-of-the-environment"}
    assert "AKIDSETTINGS" in proof(asked(environ={**files, **ENVIRONMENT, **bearer}, settings=PAIR))
    assert proof(asked(environ={**files, **ENVIRONMENT, **bearer})) == "Bearer token-of-the-environment"
    assert proof(asked(environ=ENVIRONMENT, api_key=Secret("given"), settings=PAIR)) == "Bearer given"
    assert "AKIDENVIRON" in proof(asked(environ={**files, **ENVIRONMENT}))
    assert "AKIDDEFAULT" in proof(asked(environ=files))
    for found in (
        asked(environ={**files, "AWS_PROFILE": "team"}),
        asked(environ={**files, **ENVIRONMENT, "AWS_PROFILE": "team"}, settings={"aws_profile_name": "team"}),
    ):
        assert "AKIDTEAM" in proof(found)
        assert dict(found.headers)["X-Amz-Security-Token"] == "temporary"
        assert ".ap-south-1." in found.url


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"settings": {"aws_access_key_id": "AKID"}}, "aws_secret_access_key"),
        ({"settings": {"aws_profile_name": "nobody"}}, "nobody"),
        ({"settings": {"aws_web_identity_token": "a token"}}, "aws_role_name"),
        ({"settings": {"aws_web_identity_token": "oidc/env/NOWHERE", "aws_role_name": "r"}}, "oidc/env"),
        ({"settings": {**PAIR, "aws_bedrock_runtime_endpoint": "ftp://x"}}, "http"),
        ({"model": "agent/X"}, "agent/"),
        ({"model": f"invoke/{ARN}"}, "invoke/llama/"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        asked(**fields)


def test_without_credentials_a_call_says_what_is_missing() -> None:
    with pytest.raises(AuthenticationError, match="AWS_BEARER_TOKEN_BEDROCK"):
        asked(environ={"AWS_EC2_METADATA_DISABLED": "true"})


async def test_signatures_hold_for_what_goes_over_the_wire(upstream: ScriptedUpstream) -> None:
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    upstream.script("*", text="hi")
    provider = Bedrock(lambda: MOMENT)
    made = Deployment(
        id="d", group="g", provider="bedrock", model=f"llama/{ARN}", api_base=upstream.url, settings=PAIR,
        extra_headers={"x-extra": "unsigned"},
    )  # fmt: skip
    async with bench(provider, provider.complete(made, {})) as asking:
        assert (await asking.chat(chat_request("g"))).text == "hi"
        shown = f"{asking.deployment!r} {asking.exchange!r} {asking.call!r} {provider!r}"
    assert "settings-secret" not in shown
    received = upstream.last
    headers = {name: received.header(name) for name in ("content-type", "host", "x-amz-date")}
    request = AWSRequest("POST", upstream.url + received.path, headers=headers, data=received.body)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = auth.SigV4Auth(Credentials("AKIDSETTINGS", "settings-secret"), "bedrock", "eu-west-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert (received.header("authorization") or "").endswith(f"Signature={signer.signature(text, request)}")


@pytest.mark.parametrize(
    ("status", "name", "message", "expected"),
    [
        (429, "ThrottlingException", "Too many tokens, please wait before trying again.", RateLimitedError),
        (400, "ValidationException", "Input is too long for requested model.", ContextWindowExceededError),
        (400, "ValidationException", "expected maxLength: 50000, actual: 60000", ContextWindowExceededError),
        (400, "ServiceQuotaExceededException", "quota", RateLimitedError),
        (403, "AccessDeniedException", "You don't have access to the model.", PermissionDeniedError),
        (403, "UnrecognizedClientException", "The security token included is invalid.", AuthenticationError),
        (403, "", "The security token included in the request is expired", AuthenticationError),
        (404, "ResourceNotFoundException", "no such model", NotFoundError),
        (424, "ModelErrorException", "the model failed", InternalServerError),
    ],
)
def test_errors_are_told_by_their_names(status: int, name: str, message: str, expected: type[NovaError]) -> None:
    headers = {"x-amzn-errortype": f"{name}:http://internal.amazon.com/coral/"} if name else {}
    for spelling in ("message", "Message"):
        body = f'{{"{spelling}":"{message}"}}'.encode()
        error = read_error(UpstreamResponse(status, headers, body))
        assert type(error) is expected
        assert error.message == message
    typed = f'{{"__type":"com.amazon.coral.service#{name}","message":"{message}"}}'.encode()
    assert type(read_error(UpstreamResponse(status, {}, typed))) is expected


async def test_a_refused_signature_does_not_give_the_token_away(upstream: ScriptedUpstream) -> None:
    settings = {**PAIR, "aws_session_token": "session-token-secret"}
    upstream.script("*", status=403, message="The canonical string was x-amz-security-token:session-token-secret")
    provider = Bedrock()
    made = Deployment(id="d", group="g", provider="bedrock", model="x", api_base=upstream.url, settings=settings)
    async with bench(provider, provider.complete(made, {})) as asking:
        with pytest.raises(PermissionDeniedError) as caught:
            await asking.chat(chat_request("g"))
    assert "session-token-secret" not in f"{caught.value!r} {caught.value.message}"
