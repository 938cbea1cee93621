"""Identities without a secret: of workloads, certificates, machines and services."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from nova_core.errors import AuthenticationError, ConfigurationError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request
from nova_core.testing.upstream_http import Received
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_plugin_azure.identities import identity_of
from nova_plugin_azure.machine import MACHINE, Managed
from nova_plugin_azure.provider import Azure
from nova_plugin_azure.tokens import Tokens

NOW = 1_700_000_000.0
TENANT = {"tenant_id": "t-1", "client_id": "c-1"}
TOKEN_PATH = "/t-1/oauth2/v2.0/token"


def deployment(provider: Azure, environ: dict[str, str], **settings: Any) -> Deployment:
    base = settings.pop("api_base", "https://mine.openai.azure.com")
    made = Deployment(id="d", group="g", provider="azure", model="gpt", api_base=base, settings=settings)
    return provider.complete(made, environ)


async def asked(upstream: ScriptedUpstream, environ: dict[str, str], **settings: Any) -> Received:
    """What asked for the token of a call that ends well."""
    provider = Azure(Tokens(lambda: NOW))
    upstream.script("gpt", text="hi")
    made = deployment(provider, environ, api_base=upstream.url, azure_authority_host=upstream.url, **settings)
    async with bench(provider, made) as ours:
        for _ in range(2):
            assert (await ours.chat(chat_request("g"))).text == "hi"
    token, *calls = upstream.requests
    assert [seen.header("authorization") for seen in calls] == ["Bearer fetched"] * 2
    return token


@pytest.mark.parametrize("place", ["environment", "oidc/file", "oidc/env", "oidc/env_path"])
async def test_a_workloads_token_is_exchanged(upstream: ScriptedUpstream, tmp_path: Path, place: str) -> None:
    (tmp_path / "token").write_text("the-workloads-token\n")
    upstream.script(TOKEN_PATH, json={"access_token": "fetched", "expires_in": 3600})
    environ = {"TOKEN": "the-workloads-token", "PLACE": str(tmp_path / "token")}
    names = {
        "oidc/file": f"oidc/file{tmp_path}/token",
        "oidc/env": "oidc/env/TOKEN",
        "oidc/env_path": "oidc/env_path/PLACE",
    }
    if place == "environment":
        federated = {"AZURE_TENANT_ID": "t-1", "AZURE_CLIENT_ID": "c-1", "AZURE_FEDERATED_TOKEN_FILE": environ["PLACE"]}
        token = await asked(upstream, federated)
    else:
        token = await asked(upstream, environ, azure_ad_token=names[place], **TENANT)
    assert dict(parse_qsl(token.body.decode())) == {
        "client_id": "c-1", "scope": "https://cognitiveservices.azure.com/.default", "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "the-workloads-token",
    }  # fmt: skip


@pytest.mark.parametrize("password", [None, "a-password"])
async def test_an_application_signs_with_the_key_of_its_certificate(
    upstream: ScriptedUpstream, tmp_path: Path, password: str | None
) -> None:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
    start = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(start).not_valid_after(start + timedelta(days=1)).sign(key, SHA256())
    )  # fmt: skip
    locked = NoEncryption() if password is None else BestAvailableEncryption(password.encode())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    (tmp_path / "app.pem").write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    upstream.script(TOKEN_PATH, json={"access_token": "fetched", "expires_in": 3600})
    token = await asked(
        upstream, {}, client_certificate_path=str(tmp_path / "app.pem"), client_certificate_password=password, **TENANT
    )
    assertion = parse_qs(token.body.decode())["client_assertion"][0]
    unsigned, _, signature = assertion.rpartition(".")
    key.public_key().verify(_decoded(signature), unsigned.encode(), PKCS1v15(), SHA256())
    header, claims = (msgspec.json.decode(_decoded(part)) for part in unsigned.split("."))
    assert _decoded(header["x5t#S256"]) == certificate.fingerprint(SHA256())
    assert (claims["iss"], claims["aud"]) == ("c-1", upstream.url + TOKEN_PATH)
    assert claims["nbf"] <= NOW < claims["exp"]


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_service_gives_out_the_token_of_its_identity(upstream: ScriptedUpstream) -> None:
    upstream.script("/msi/token", json={"access_token": "fetched", "expires_on": str(int(NOW) + 3600)})
    environ = {
        "IDENTITY_ENDPOINT": f"{upstream.url}/msi/token",
        "IDENTITY_HEADER": "of-the-service",
        "AZURE_CLIENT_ID": "c",
    }
    token = await asked(upstream, environ)
    assert (token.method, token.header("x-identity-header")) == ("GET", "of-the-service")
    query = dict(parse_qsl(token.path.partition("?")[2]))
    assert query == {"api-version": "2019-08-01", "resource": "https://cognitiveservices.azure.com", "client_id": "c"}


async def test_a_machine_gives_out_the_token_of_its_identity_when_it_is_to(upstream: ScriptedUpstream) -> None:
    upstream.script("/machine", json={"access_token": "fetched", "expires_in": "3600"})
    settings = {"azure_credential": "ManagedIdentityCredential", "azure_identity_endpoint": f"{upstream.url}/machine"}
    token = await asked(upstream, {"AZURE_API_KEY": "not used"}, **settings)
    assert (token.method, token.header("metadata")) == ("GET", "true")
    assert identity_of({}) is None
    assert identity_of({"azure_credential": "DefaultAzureCredential"}) == Managed(
        "https://cognitiveservices.azure.com", None, MACHINE
    )


async def test_a_machine_without_an_identity_says_so(upstream: ScriptedUpstream) -> None:
    told = {"error": "invalid_request", "error_description": "Identity not found"}
    upstream.script("/machine", status=400, json=told)
    provider = Azure()
    settings = {"azure_credential": "ManagedIdentityCredential", "azure_identity_endpoint": f"{upstream.url}/machine"}
    async with bench(provider, deployment(provider, {}, api_base=upstream.url, **settings)) as ours:
        with pytest.raises(AuthenticationError, match="Identity not found"):
            await ours.chat(chat_request("g"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"azure_credential": "MagicCredential"}, "WorkloadIdentityCredential"),
        ({"azure_ad_token": "oidc/env/NOWHERE", **TENANT}, "oidc/env"),
        ({"azure_ad_token": "oidc/file/token"}, "tenant_id"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(settings: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        deployment(Azure(), {}, **settings)


def test_what_this_machine_proves_goes_to_no_address_of_a_caller() -> None:
    provider, request = Azure(), chat_request("g")
    found = deployment(provider, {}, azure_credential="ManagedIdentityCredential")
    with pytest.raises(AuthenticationError, match="another `api_base`"):
        provider.provider_call(Call(request), request, replace(found, api_base="https://callers.example"))
