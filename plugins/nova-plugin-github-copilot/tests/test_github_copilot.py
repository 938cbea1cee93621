"""GitHub Copilot: logins, tokens, and who is said to ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from nova_core.errors import AuthenticationError, ConfigurationError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, responses_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_plugin_github_copilot.provider import GithubCopilot

LOGIN, TOKEN = "gho_0123456789abcdef", "tid=1;exp=2;sku=x:mac"
BARE = Deployment("d", "public", "github_copilot", "gpt-4.1")


def headers_of(request: Request) -> dict[str, str]:
    provider = GithubCopilot()
    where = provider.complete(BARE, {"GITHUB_COPILOT_TOKEN": TOKEN})
    return dict(provider.provider_call(Call(request), request, where).request.headers)


async def test_a_login_is_exchanged_for_a_token_once(upstream: ScriptedUpstream, tmp_path: Path):
    (tmp_path / "access-token").write_text(f"{LOGIN}\n")
    upstream.script("/token", json={"token": TOKEN, "expires_at": 32_503_680_000})
    provider = GithubCopilot()
    given = Deployment("d", "public", "github_copilot", "gpt-4.1", api_base=upstream.url)
    given = Deployment(
        **{name: getattr(given, name) for name in given.__slots__}
        | {"settings": {"github_copilot_token_url": f"{upstream.url}/token"}}
    )
    where = provider.complete(given, {"GITHUB_COPILOT_TOKEN_DIR": str(tmp_path)})
    async with bench(provider, where) as asking:
        for _ in range(2):
            await asking.chat(chat_request("public"))
    first, *others = upstream.requests
    assert (first.method, first.route, first.header("authorization")) == ("GET", "/token", f"token {LOGIN}")
    assert [each.route for each in others] == ["/chat/completions"] * 2
    assert {each.header("authorization") for each in others} == {f"Bearer {TOKEN}"}
    assert all(each.header("copilot-integration-id") == "vscode-chat" for each in upstream.requests)


async def test_a_login_that_is_refused_is_told_without_it(upstream: ScriptedUpstream):
    upstream.script("/token", status=401, json={"message": f"Bad credentials {LOGIN}"})
    provider = GithubCopilot()
    settings = {"github_copilot_token_url": f"{upstream.url}/token"}
    where = provider.complete(Deployment("d", "g", "github_copilot", "m", api_key=Secret(LOGIN), settings=settings), {})
    async with bench(provider, where) as asking:
        with pytest.raises(AuthenticationError, match="credentials were refused") as caught:
            await asking.chat(chat_request("public"))
    assert LOGIN not in caught.value.message


def test_a_login_that_cannot_be_read_is_told(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        GithubCopilot().complete(BARE, {"GITHUB_COPILOT_TOKEN_DIR": str(tmp_path / "none")})


def test_who_goes_on_and_what_is_seen_is_said():
    image = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    first = headers_of(chat_request("public", [{"role": "user", "content": [image]}]))
    assert (first["X-Initiator"], first["Copilot-Vision-Request"]) == ("user", "true")
    talk = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    then = headers_of(chat_request("public", talk))
    assert (then["X-Initiator"], "Copilot-Vision-Request" in then) == ("agent", False)
    result = {"type": "function_call_output", "call_id": "c", "output": "1"}
    assert headers_of(responses_request("public", [result]))["X-Initiator"] == "agent"
    assert headers_of(responses_request("public", "hi"))["X-Initiator"] == "user"
