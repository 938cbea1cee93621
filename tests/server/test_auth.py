"""Who may call: where keys are read from, what they open, and what an open gateway refuses."""

from __future__ import annotations

import base64

import pytest

from nova_core.errors import AuthenticationError, PermissionDeniedError
from nova_core.plugins.steps import step_of
from nova_core.server.auth import Keyring, credential_of
from nova_core.server.scope import proxies_of
from nova_core.types.principal import Credential, Principal
from tests.server.bad_input import CHAT, MESSAGES
from tests.server.conftest import MASTER
from tests.server.live import HELLO, Live

ECHO = {"model": "echo", "messages": HELLO, "max_tokens": 5}
BASIC = base64.b64encode(f"{MASTER}:ignored".encode()).decode()


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("authorization", f"Bearer {MASTER}"),
        ("authorization", f"bearer {MASTER}"),
        ("authorization", MASTER),
        ("authorization", f"Basic {BASIC}"),
        ("x-api-key", MASTER),
        ("api-key", MASTER),
        ("x-goog-api-key", MASTER),
        ("ocp-apim-subscription-key", MASTER),
        ("x-litellm-api-key", f"Bearer {MASTER}"),
        ("x-nova-api-key", MASTER),
    ],
)
async def test_a_key_is_found_in_every_header_where_clients_put_it(header: str, value: str, guarded: Live) -> None:
    async with guarded.http(headers={header: value}) as http:
        for path in (CHAT, MESSAGES):
            assert (await http.post(path, json=ECHO)).status_code == 200
        assert (await http.get("/v1/models")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": ""}, {"authorization": "Bearer"}, {"authorization": "Bearer wrong"},
     {"authorization": f"Bearer {MASTER}x"}, {"x-api-key": MASTER.upper()}, {"authorization": "Basic !!!"},
     {"x-nova-api-key": "wrong", "authorization": f"Bearer {MASTER}"}],
)  # fmt: skip
async def test_anything_else_is_401_on_every_route_that_needs_a_key(headers: dict[str, str], guarded: Live) -> None:
    async with guarded.http(headers=headers) as http:
        for path in ("/v1/models", "/v1/models/echo", "/model/info", "/model_group/info", "/health", "/metrics"):
            response = await http.get(path)
            assert (response.status_code, response.json()["error"]["type"]) == (401, "auth_error"), path
        for path in (CHAT, "/v1/completions", "/v1/embeddings", "/config/reload", "/utils/token_counter"):
            response = await http.post(path, json=ECHO)
            assert (response.status_code, response.json()["error"]["type"]) == (401, "auth_error"), path
        refused = await http.post(MESSAGES, json=ECHO)
        assert (refused.status_code, refused.json()["error"]["type"]) == (401, "authentication_error")
        for path in ("/health/liveliness", "/health/readiness", "/openapi.json", "/docs"):
            assert (await http.get(path)).status_code == 200, path


async def test_a_static_key_opens_its_models_only_and_no_operators_route(guarded: Live) -> None:
    async with guarded.http(headers={"authorization": "Bearer sk-limited"}) as http:
        assert (await http.post(CHAT, json=ECHO)).status_code == 200
        refused = await http.post("/v1/embeddings", json={"model": "emb", "input": "x"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "key_model_access_denied")
        listed = [card["id"] for card in (await http.get("/v1/models")).json()["data"]]
        assert listed == ["echo", "gpt"]
        assert (await http.get("/v1/models/emb")).status_code == 404
        assert {entry["model_name"] for entry in (await http.get("/model/info")).json()["data"]} == {"echo", "gpt"}
        assert (await http.post("/config/reload")).status_code == 403


async def test_a_wrong_key_is_refused_before_the_body_is_read(guarded: Live) -> None:
    reader, writer = await guarded.connect()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
    assert b"401" in (await reader.readuntil(b"\r\n"))
    writer.close()


async def test_a_host_header_with_a_path_opens_nothing(guarded: Live) -> None:
    async with guarded.http(headers={"host": "x/health/liveliness?"}) as http:
        assert (await http.post(CHAT, json=ECHO)).status_code == 401


async def test_an_open_gateway_refuses_web_pages_of_other_origins(served: Live) -> None:
    async with served.http() as http:
        strange = await http.post(CHAT, json=ECHO, headers={"origin": "https://pages.example"})
        own = await http.post(CHAT, json=ECHO, headers={"origin": "http://localhost:3000"})
    assert (strange.status_code, own.status_code) == (403, 200)


def credential(key: str | None) -> Credential:
    return Credential(key, "authorization")


def ring_with(authenticate, *keys) -> Keyring:
    return Keyring(dict(keys), (step_of("guard", "authenticate", authenticate),))


async def test_the_first_plugin_that_knows_the_caller_wins() -> None:
    async def authenticate(credential: Credential) -> Principal | None:
        return Principal("ada") if credential.key == "token" else None

    assert (await ring_with(authenticate).authenticate(credential("token"))).id == "ada"


async def test_where_a_plugin_authenticates_nobody_is_let_in_unknown() -> None:
    async def authenticate(credential: Credential) -> Principal | None:
        return None

    with pytest.raises(AuthenticationError):
        await ring_with(authenticate).authenticate(credential(None))


async def test_a_plugin_may_refuse_a_key_that_the_core_knows() -> None:
    async def authenticate(credential: Credential) -> Principal | None:
        raise PermissionDeniedError("not today")

    with pytest.raises(PermissionDeniedError):
        await ring_with(authenticate).authenticate(credential("token"))


def test_a_credential_never_shows_its_key() -> None:
    sent = credential_of({"authorization": "Bearer sk-secret", "user-agent": "x"}, client_host=None, path="/")
    assert sent.key == "sk-secret"
    assert "sk-secret" not in repr(sent)
    assert sent.headers == {"user-agent": "x"}


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
    ],
)
def test_the_callers_address_is_what_the_last_trusted_proxy_saw(peer: str, forwarded: str, client: str) -> None:
    proxies = proxies_of(["10.0.0.0/8"])
    assert proxies.client({"client": (peer, 1)}, {"x-forwarded-for": forwarded}) == client
