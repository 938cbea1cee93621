"""Keys that are fetched: of roles, identities, containers, machines, programs and sign-ons; and how long they last."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from nova_core.errors import (
    AuthenticationError,
    ConfigurationError,
    NovaError,
    RateLimitedError,
    RequestTimeoutError,
    ServiceUnavailableError,
)
from nova_core.gateway.exchange import perform
from nova_core.gateway.policy import Limits
from nova_core.gateway.transport_default import default_transport
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, embeddings_request
from nova_core.testing.upstream_http import Received
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.wire.sigv4.choosing import Chooser
from nova_core.wire.sigv4.sources import Instance, Program, StaticKeys
from nova_plugin_bedrock.provider import Bedrock

ROLE = "arn:aws:iam::123456789012:role/models"
PAIR = {"aws_access_key_id": "AKIDBASE", "aws_secret_access_key": "the-base-secret"}
ENVIRON_PAIR = {"AWS_ACCESS_KEY_ID": "AKIDENVIRON", "AWS_SECRET_ACCESS_KEY": "environment-secret"}
JSON_KEYS = {"AccessKeyId": "ASIAFETCHED", "SecretAccessKey": "fetched-secret", "Token": "fetched-token"}


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def later(self, seconds: float) -> str:
        return (self.now + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def granted(action: str, key: str, end: str) -> dict[str, Any]:
    """What the security token service answers."""
    xml = (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><Credentials>'
        f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>fetched-secret</SecretAccessKey>"
        f"<SessionToken>token-of-{key}</SessionToken><Expiration>{end}</Expiration>"
        f"</Credentials></{action}Result></{action}Response>"
    )
    return {"body": xml.encode()}


def deployment(
    upstream: ScriptedUpstream, provider: Bedrock, settings: Mapping[str, Any], environ: Mapping[str, str]
) -> Deployment:
    made = Deployment(
        id="d", group="g", provider="bedrock", model="x", api_base=upstream.url,
        settings={"aws_sts_endpoint": f"{upstream.url}/sts", **settings},
    )  # fmt: skip
    return provider.complete(made, {"AWS_EC2_METADATA_DISABLED": "true", **environ})


def signer(received: Received) -> str:
    """The key that signed a request."""
    found = re.search(r"Credential=(\w+)/", received.header("authorization") or "")
    return found[1] if found else ""


async def answered(upstream: ScriptedUpstream, environ: Mapping[str, str], **settings: Any) -> list[Received]:
    """The requests of one call that ends well."""
    provider = Bedrock(Clock())
    async with bench(provider, deployment(upstream, provider, settings, environ)) as asking:
        assert (await asking.chat(chat_request("g"))).text == "hi"
        shown = f"{asking.deployment!r} {asking.deployment.settings!r} {asking.exchange!r} {provider!r}"
    assert not any(secret in shown for secret in ("base-secret", "fetched-secret", "identity-token", "token-of"))
    return upstream.requests


def form(received: Received) -> dict[str, str]:
    return dict(parse_qsl(received.body.decode()))


async def test_a_role_is_assumed_once_and_again_before_its_keys_end(upstream: ScriptedUpstream) -> None:
    clock = Clock()
    for number in (1, 2):
        upstream.script("/sts/", **granted("AssumeRole", f"ASIA{number}", clock.later(3600 * number)))
    upstream.script("x", text="hi")
    settings = {
        **PAIR,
        "aws_role_name": ROLE,
        "aws_session_name": "me",
        "aws_external_id": "e",
        "aws_region_name": "eu-west-1",
    }
    provider = Bedrock(clock)
    async with bench(provider, deployment(upstream, provider, settings, {})) as asking:
        for stream, passed in ((False, 0), (True, 3200), (False, 150)):
            clock.now += timedelta(seconds=passed)
            assert (await asking.chat(chat_request("g", stream=stream))).text == "hi"
    assert [(seen.route, signer(seen)) for seen in upstream.requests] == [
        ("/sts/", "AKIDBASE"), ("/model/x/converse", "ASIA1"), ("/model/x/converse-stream", "ASIA1"),
        ("/sts/", "AKIDBASE"), ("/model/x/converse", "ASIA2"),
    ]  # fmt: skip
    assert upstream.last.header("x-amz-security-token") == "token-of-ASIA2"
    assert form(upstream.requests[0]) == {
        "Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": ROLE, "RoleSessionName": "me",
        "DurationSeconds": "3600", "ExternalId": "e",
    }  # fmt: skip
    assert "/eu-west-1/sts/aws4_request" in (upstream.requests[0].header("authorization") or "")


async def test_what_assumes_a_role_is_signed_as_botocore_signs(upstream: ScriptedUpstream) -> None:
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    upstream.script("/sts/", **granted("AssumeRole", "ASIA", "2099-01-01T00:00:00Z")).script("x", text="hi")
    asked, _ = await answered(upstream, {}, **PAIR, aws_role_name=ROLE, aws_region_name="us-east-1")
    headers = {name: asked.header(name) for name in ("content-type", "host", "x-amz-date")}
    request = AWSRequest("POST", upstream.url + asked.path, headers=headers, data=asked.body)
    request.context["timestamp"] = headers["x-amz-date"]
    own = auth.SigV4Auth(Credentials("AKIDBASE", "the-base-secret"), "sts", "us-east-1")
    text = own.string_to_sign(request, own.canonical_request(request))
    assert (asked.header("authorization") or "").endswith(f"Signature={own.signature(text, request)}")


@pytest.mark.parametrize("place", ["settings", "oidc", "environment", "profile"])
async def test_a_web_identity_is_exchanged_unsigned_and_read_anew(
    upstream: ScriptedUpstream, tmp_path: Path, place: str
) -> None:
    upstream.script("/sts/", **granted("AssumeRoleWithWebIdentity", "ASIAWEB", "2099-01-01T00:00:00Z"))
    upstream.script("x", text="hi")
    file = tmp_path / "token"
    file.write_text("the-identity-token\n")
    (tmp_path / "config").write_text(f"[profile p]\nrole_arn = {ROLE}\nweb_identity_token_file = {file}\n")
    environ, settings = {
        "settings": ({}, {"aws_web_identity_token": "the-identity-token", "aws_role_name": ROLE}),
        "oidc": ({"PLACE": str(file)}, {"aws_web_identity_token": "oidc/env_path/PLACE", "aws_role_name": ROLE}),
        "environment": ({"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(file)}, {}),
        "profile": ({"AWS_CONFIG_FILE": str(tmp_path / "config")}, {"aws_profile_name": "p"}),
    }[place]
    sts, call = await answered(upstream, environ, **settings)
    assert (form(sts)["WebIdentityToken"], form(sts)["RoleArn"]) == ("the-identity-token", ROLE)
    assert sts.header("authorization") is None
    assert signer(call) == "ASIAWEB"


async def test_a_role_beside_the_environments_identity_is_assumed_with_it(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("the-identity-token")
    environ = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token")}
    upstream.script("/sts/", **granted("AssumeRoleWithWebIdentity", "ASIAWEB", "2099-01-01T00:00:00Z"))
    upstream.script("/sts/", **granted("AssumeRole", "ASIAROLE", "2099-01-01T00:00:00Z")).script("x", text="hi")
    requests = await answered(upstream, environ, aws_role_name="arn:aws:iam::1:role/other")
    assert [signer(seen) for seen in requests] == ["", "ASIAWEB", "ASIAROLE"]
    upstream.forget().script("/sts/", **granted("AssumeRoleWithWebIdentity", "ASIAWEB", "2099-01-01T00:00:00Z"))
    upstream.script("x", text="hi")
    requests = await answered(upstream, environ, aws_role_name=ROLE)
    assert [signer(seen) for seen in requests] == ["", "ASIAWEB"]


async def test_profiles_lead_to_roles_programs_and_sign_ons(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    home = tmp_path / ".aws"
    (home / "sso/cache").mkdir(parents=True)
    cached = {"accessToken": "signed-on", "expiresAt": "2099-01-01T00:00:00Z"}
    (home / f"sso/cache/{hashlib.sha1(b'work').hexdigest()}.json").write_text(json.dumps(cached))
    printed = {"Version": 1, "AccessKeyId": "ASIAPROGRAM", "SecretAccessKey": "fetched-secret"}
    program = shlex.join([sys.executable, "-c", f"print({json.dumps(json.dumps(printed))})"])
    (home / "config").write_text(
        f"[profile role]\nrole_arn = {ROLE}\nsource_profile = keys\nregion = ap-south-1\nduration_seconds = 900\n"
        f"[profile program]\ncredential_process = {program}\n"
        "[sso-session work]\nsso_region = eu-west-1\nsso_start_url = https://x\n"
        "[profile work]\nsso_session = work\nsso_account_id = 1\nsso_role_name = r\n"
        f"[profile loop]\nrole_arn = {ROLE}\nsource_profile = pool\n"
        f"[profile pool]\nrole_arn = {ROLE}\nsource_profile = loop\n"
    )
    (home / "credentials").write_text("[keys]\naws_access_key_id = AKIDKEYS\naws_secret_access_key = the-base-secret\n")
    environ = {"HOME": str(tmp_path), "AWS_ENDPOINT_URL_SSO": f"{upstream.url}/sso"}
    upstream.script("/sts/", **granted("AssumeRole", "ASIAROLE", "2099-01-01T00:00:00Z")).script("x", text="hi")
    portal = {"roleCredentials": {
        "accessKeyId": "ASIASSO", "secretAccessKey": "fetched-secret", "sessionToken": "s", "expiration": 4102444800000,
    }}  # fmt: skip
    upstream.script("/sso/federation/credentials", json=portal)
    sts, call = await answered(upstream, environ, aws_profile_name="role")
    assert (signer(sts), signer(call), form(sts)["DurationSeconds"]) == ("AKIDKEYS", "ASIAROLE", "900")
    assert "/ap-south-1/bedrock/" in (call.header("authorization") or "")
    upstream.requests.clear()
    assert [signer(seen) for seen in await answered(upstream, environ, aws_profile_name="program")] == ["ASIAPROGRAM"]
    upstream.requests.clear()
    asked, call = await answered(upstream, environ, aws_profile_name="work")
    assert asked.path == "/sso/federation/credentials?role_name=r&account_id=1"
    assert (asked.header("x-amz-sso_bearer_token"), signer(call)) == ("signed-on", "ASIASSO")
    with pytest.raises(ConfigurationError, match=r"loop|pool"):
        deployment(upstream, Bedrock(), {"aws_profile_name": "loop"}, environ)


async def test_a_container_is_asked_with_the_token_in_its_file(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of-the-pod")
    upstream.script("/keys", json={**JSON_KEYS, "Expiration": "2099-01-01T00:00:00Z"}).script("x", text="hi")
    environ = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{upstream.url}/keys",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
    }
    asked, call = await answered(upstream, environ)
    assert asked.header("authorization") == "of-the-pod"
    assert (signer(call), call.header("x-amz-security-token")) == ("ASIAFETCHED", "fetched-token")
    with pytest.raises(ConfigurationError, match="https"):
        deployment(upstream, Bedrock(), {}, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://elsewhere.example/keys"})


@pytest.mark.parametrize("named", [False, True], ids=["unnamed", "of a profile's role"])
async def test_a_machine_is_asked_in_version_two(upstream: ScriptedUpstream, tmp_path: Path, named: bool) -> None:
    roles = "/latest/meta-data/iam/security-credentials/"
    upstream.script("/latest/api/token", body=b"a-session").script(roles, body=b"models\n")
    upstream.script(f"{roles}models", json={**JSON_KEYS, "Code": "Success", "Expiration": "2099-01-01T00:00:00Z"})
    upstream.script("x", text="hi")
    environ = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": upstream.url}
    (tmp_path / "config").write_text(f"[profile p]\nrole_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n")
    if named:
        environ |= {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "p"}
        upstream.script("/sts/", **granted("AssumeRole", "ASIAFETCHED", "2099-01-01T00:00:00Z"))
    *asked, call = await answered(upstream, environ)
    assert [(seen.method, seen.route) for seen in asked[:3]] == [
        ("PUT", "/latest/api/token"), ("GET", roles), ("GET", f"{roles}models"),
    ]  # fmt: skip
    assert {seen.header("x-aws-ec2-metadata-token") for seen in asked[1:3]} == {"a-session"}
    assert [signer(seen) for seen in asked[3:]] == (["ASIAFETCHED"] if named else [])
    assert signer(call) == "ASIAFETCHED"


def test_only_machines_of_amazon_are_asked_unbidden(tmp_path: Path) -> None:
    assert Chooser({}, {}, tmp_path).source("r") is None
    (tmp_path / "sys_vendor").write_text("Amazon EC2\n")
    assert Chooser({}, {}, tmp_path).source("r") == Instance("http://169.254.169.254")
    assert Chooser({}, {"AWS_EC2_METADATA_DISABLED": "true"}, tmp_path).source("r") is None


def test_the_environment_comes_before_identities_and_machines(tmp_path: Path) -> None:
    environ = {**ENVIRON_PAIR, "AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}
    assert "AKIDENVIRON" in repr(Chooser({}, environ, tmp_path).source("r"))
    assert "AKIDBASE" in repr(Chooser(PAIR, environ, tmp_path).source("r"))
    assert "environment-secret" not in repr(Chooser({}, environ, tmp_path).source("r"))


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AccessDenied", AuthenticationError),
        (400, "Throttling", RateLimitedError),
        (503, "X", ServiceUnavailableError),
    ],
)
async def test_a_service_that_refuses_is_told_from_one_that_is_busy(
    upstream: ScriptedUpstream, status: int, code: str, expected: type[NovaError]
) -> None:
    xml = f"<ErrorResponse><Error><Code>{code}</Code><Message>not you</Message></Error></ErrorResponse>"
    upstream.script("/sts/", status=status, body=xml.encode())
    provider = Bedrock(Clock())
    async with bench(provider, deployment(upstream, provider, {**PAIR, "aws_role_name": ROLE}, {})) as asking:
        with pytest.raises(expected, match="not you"):
            await asking.chat(chat_request("g"))


async def test_keys_that_were_refused_are_not_used_again(upstream: ScriptedUpstream) -> None:
    upstream.script("/sts/", **granted("AssumeRole", "ASIA", "2099-01-01T00:00:00Z"))
    expired = {"x-amzn-errortype": "ExpiredTokenException"}
    upstream.script("x", status=403, message="token-of-ASIA has expired", headers=expired).script("x", text="hi")
    provider = Bedrock(Clock())
    async with bench(provider, deployment(upstream, provider, {**PAIR, "aws_role_name": ROLE}, {})) as asking:
        with pytest.raises(AuthenticationError) as caught:
            await asking.chat(chat_request("g"))
        assert "token-of-ASIA" not in caught.value.message
        assert (await asking.chat(chat_request("g"))).text == "hi"
    assert [seen.route for seen in upstream.requests].count("/sts/") == 2


async def test_several_exchanges_of_one_call_share_the_keys(upstream: ScriptedUpstream) -> None:
    upstream.script("/sts/", **granted("AssumeRole", "ASIA", "2099-01-01T00:00:00Z"))
    provider = Bedrock(Clock())
    made = deployment(upstream, provider, {**PAIR, "aws_role_name": ROLE}, {})
    async with bench(provider, made) as asking:
        await asking.ask(embeddings_request("g", ["one", "two"]), model="amazon.titan-embed-text-v2:0")
    assert [signer(seen) for seen in upstream.requests] == ["AKIDBASE", "ASIA", "ASIA"]


@pytest.mark.parametrize("sent", [{"aws_role_name": ROLE}, {"aws_profile_name": "p"}, {"aws_web_identity_token": "t"}])
async def test_callers_may_not_choose_whose_keys_sign(upstream: ScriptedUpstream, sent: dict[str, str]) -> None:
    provider = Bedrock(Clock())
    made = deployment(upstream, provider, {**PAIR, "aws_role_name": ROLE}, {})
    async with bench(provider, made) as asking:
        with pytest.raises(AuthenticationError, match="callers"):
            await asking.ask(chat_request("g"), settings={**made.settings, **sent})
    assert upstream.requests == []


async def test_a_program_that_fails_or_hangs_is_told_without_what_it_says(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    hangs = shlex.join([sys.executable, "-c", "import time; time.sleep(1.5)"])
    fails = shlex.join([sys.executable, "-c", "import sys; sys.exit('a-secret')"])
    (tmp_path / "config").write_text(
        f"[profile fails]\ncredential_process = {fails}\n[profile hangs]\ncredential_process = {hangs}\n"
    )
    environ = {"AWS_CONFIG_FILE": str(tmp_path / "config")}
    transport, request = default_transport(), chat_request("g")
    for name, expected in (("fails", AuthenticationError), ("hangs", RequestTimeoutError)):
        provider = Bedrock(Clock())
        made = deployment(upstream, provider, {"aws_profile_name": name}, environ)
        exchange = provider.provider_call(Call(request), request, made)
        with pytest.raises(expected) as caught:
            await perform(transport, Call(request), exchange, Limits(connect=1, total=0.5, first_chunk=1, idle=1))
        assert "a-secret" not in caught.value.message
    await transport.aclose()
    assert upstream.requests == []


@pytest.mark.parametrize("explicit", [None, "other"])
@pytest.mark.parametrize("profile", [None, "team"])
@pytest.mark.parametrize("environ", [{}, ENVIRON_PAIR], ids=["bare", "keys"])
def test_botocore_finds_the_same_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], profile: str | None, explicit: str | None
) -> None:
    session = pytest.importorskip("botocore.session")
    program = {"Version": 1, "AccessKeyId": "AKIDPROGRAM", "SecretAccessKey": "s"}
    command = shlex.join([sys.executable, "-c", f"print({json.dumps(json.dumps(program))})"])
    (tmp_path / "config").write_text(
        "[default]\naws_access_key_id = AKIDCONFIG\naws_secret_access_key = s\n"
        f"[profile team]\naws_access_key_id = AKIDTEAM\naws_secret_access_key = s\ncredential_process = {command}\n"
        f"[profile other]\nregion = eu-west-1\ncredential_process = {command}\n"
    )
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = AKIDSHARED\naws_secret_access_key = s\n")
    said = {
        **environ, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), **({"AWS_PROFILE": profile} if profile else {}),
    }  # fmt: skip
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    expected = session.Session(profile=explicit).get_credentials()
    source = Chooser({"aws_profile_name": explicit} if explicit else {}, said, tmp_path).source("us-east-1")
    if isinstance(source, StaticKeys):
        assert source.keys.access_key == expected.access_key
    else:
        assert isinstance(source, Program)
        assert expected.access_key == "AKIDPROGRAM"
