"""Logins: read, renewed before they end, kept for their owner alone, and told to nobody."""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nova_core.errors import APIConnectionError, AuthenticationError, InternalServerError, NovaError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request
from nova_core.types.secret import Secret
from nova_plugin_chatgpt.auth_file import AuthFile
from nova_plugin_chatgpt.provider import LOGIN, Chatgpt
from nova_plugin_chatgpt.tokens import Tokens

from .chatgpt_logins import deployed, read, token, written

OLD, NEW = token("old", seconds=60), token("new", account="acc-2")
RENEWAL = {"access_token": NEW, "refresh_token": "refresh-2", "id_token": NEW}


async def asked(upstream: ScriptedUpstream, folder: Path, calls: int = 1, **changes: Any) -> None:
    """So many calls, one after the other."""
    provider = Chatgpt()
    async with bench(provider, replace(deployed(provider, upstream, folder), **changes)) as asking:
        for _ in range(calls):
            await asking.chat(chat_request("public"))


async def failure(upstream: ScriptedUpstream, folder: Path, **changes: Any) -> NovaError:
    with pytest.raises(NovaError) as caught:
        await asked(upstream, folder, **changes)
    return caught.value


async def test_a_login_that_is_good_is_used_as_it_is(upstream: ScriptedUpstream, tmp_path: Path):
    access = token("good")
    file = written(tmp_path, access_token=access, refresh_token="refresh-1", account_id="acc-9")
    before = file.read_bytes()
    await asked(upstream, tmp_path, calls=2)
    assert [each.route for each in upstream.requests] == ["/codex/responses"] * 2
    sent = upstream.last
    assert sent.header("authorization") == f"Bearer {access}"
    assert (sent.header("chatgpt-account-id"), sent.header("originator")) == ("acc-9", "nova_core")
    assert file.read_bytes() == before


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "as Codex lays it out"])
async def test_a_login_is_renewed_before_it_ends_and_kept_as_it_was(
    upstream: ScriptedUpstream, tmp_path: Path, nested: bool
):
    login = {"access_token": OLD, "refresh_token": "refresh-1", "account_id": "acc-1"}
    file = written(tmp_path, **({"tokens": login, "auth_mode": "chatgpt"} if nested else {**login, "own": 1}))
    file.chmod(0o644)
    upstream.script("/oauth/token", json=RENEWAL)
    await asked(upstream, tmp_path, calls=2)
    renewal, *calls = upstream.requests
    assert renewal.json["grant_type"] == "refresh_token"
    assert renewal.json["refresh_token"] == "refresh-1"
    assert {each.header("authorization") for each in calls} == {f"Bearer {NEW}"}
    assert len(calls) == 2
    kept = read(file)
    found = kept["tokens"] if nested else kept
    assert (found["access_token"], found["refresh_token"], found["account_id"]) == (NEW, "refresh-2", "acc-2")
    assert kept.get("auth_mode" if nested else "own") == ("chatgpt" if nested else 1)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["auth.json", "auth.json.lock"]


async def test_calls_at_the_same_time_renew_a_login_once(upstream: ScriptedUpstream, tmp_path: Path):
    written(tmp_path, access_token=OLD, refresh_token="refresh-1")
    upstream.script("/oauth/token", json=RENEWAL, delay=0.05)
    await asyncio.gather(*(asked(upstream, tmp_path) for _ in range(4)))  # four providers: as four processes
    assert [each.route for each in upstream.requests].count("/oauth/token") == 1


async def test_a_renewal_is_kept_though_its_caller_has_left(upstream: ScriptedUpstream, tmp_path: Path):
    file = written(tmp_path, access_token=OLD, refresh_token="refresh-1")
    upstream.script("/oauth/token", json=RENEWAL, delay=0.1)
    call = asyncio.create_task(asked(upstream, tmp_path))
    await upstream.until(lambda seen: seen.requests)
    call.cancel()
    await upstream.until(lambda seen: read(file)["access_token"] == NEW)
    assert [each.route for each in upstream.requests] == ["/oauth/token"]


async def test_a_token_that_is_refused_is_renewed_for_the_next_call(upstream: ScriptedUpstream, tmp_path: Path):
    access = token("revoked")
    written(tmp_path, access_token=access, refresh_token="refresh-1")
    upstream.script("/oauth/token", json=RENEWAL)
    upstream.script("gpt-5.4", status=401, message=f"Your token {access} was invalidated").script("gpt-5.4")
    provider = Chatgpt()
    async with bench(provider, deployed(provider, upstream, tmp_path)) as asking:
        with pytest.raises(AuthenticationError) as caught:
            await asking.chat(chat_request("public"))
        await asking.chat(chat_request("public"))
    assert access not in f"{caught.value!r} {caught.value.message}"
    assert upstream.last.header("authorization") == f"Bearer {NEW}"


async def test_who_is_not_logged_in_is_told_what_to_run(upstream: ScriptedUpstream, tmp_path: Path):
    error = await failure(upstream, tmp_path)
    assert "nova chatgpt-login" in error.message
    assert str(tmp_path) not in error.message
    assert str(tmp_path) in (error.hint or "")
    written(tmp_path, access_token=OLD)
    assert "nova chatgpt-login" in (await failure(upstream, tmp_path)).message
    (tmp_path / "auth.json").write_text("{")
    assert "not JSON" in (await failure(upstream, tmp_path)).message
    assert upstream.requests == []


async def test_a_login_that_is_over_is_told_without_its_tokens(upstream: ScriptedUpstream, tmp_path: Path):
    written(tmp_path, access_token=OLD, refresh_token="refresh-secret")
    said = {"error": {"message": "refresh-secret was used already", "code": "refresh_token_reused"}}
    upstream.script("/oauth/token", status=401, json=said)
    error = await failure(upstream, tmp_path)
    assert isinstance(error, AuthenticationError)
    assert "was used already" in error.message
    assert "nova chatgpt-login" in error.message
    assert "refresh-secret" not in f"{error!r} {error.message}"


async def test_a_login_service_that_is_out_of_order_costs_nothing_until_the_token_ends(
    upstream: ScriptedUpstream, tmp_path: Path
):
    soon = token("soon", seconds=60)
    written(tmp_path, access_token=soon, refresh_token="refresh-1")
    upstream.script("/oauth/token", status=503, message="later")
    await asked(upstream, tmp_path)
    assert upstream.last.header("authorization") == f"Bearer {soon}"
    written(tmp_path, access_token=token("ended", seconds=-1), refresh_token="refresh-1")
    assert (await failure(upstream, tmp_path)).status == 503
    gone = {"chatgpt_auth_base": "http://127.0.0.1:9"}
    provider = Chatgpt()
    async with bench(provider, deployed(provider, upstream, tmp_path, **gone)) as asking:
        with pytest.raises(APIConnectionError, match="cannot be reached"):
            await asking.chat(chat_request("public"))
    upstream.forget().script("/oauth/token", status=302, headers={"location": "http://127.0.0.1:9/"})
    assert not isinstance(await failure(upstream, tmp_path), InternalServerError | APIConnectionError)
    assert len(upstream.requests) == 1


async def test_a_login_goes_to_the_operators_address_and_comes_from_no_caller(
    upstream: ScriptedUpstream, tmp_path: Path
):
    written(tmp_path, access_token=token("good"))
    elsewhere = await failure(upstream, tmp_path, api_base=f"{upstream.url}/elsewhere")
    assert "another `api_base`" in elsewhere.message
    forged = {LOGIN: {"path": "/etc/passwd", "issuer": upstream.url, "base": f"{upstream.url}/codex"}}
    assert isinstance(await failure(upstream, tmp_path, settings=forged), AuthenticationError)
    assert upstream.requests == []
    callers = token("callers", account="acc-3")
    await asked(upstream, tmp_path, api_base=f"{upstream.url}/elsewhere", api_key=Secret(callers))
    assert upstream.last.header("authorization") == f"Bearer {callers}"
    assert upstream.last.header("chatgpt-account-id") == "acc-3"


def test_a_login_replaces_a_file_that_cannot_be_read(tmp_path: Path):
    file = tmp_path / "auth.json"
    file.write_text("{")
    AuthFile(str(file)).keep(Tokens(Secret(NEW), account="acc-2"))
    assert (read(file)["access_token"], read(file)["account_id"]) == (NEW, "acc-2")


def test_where_a_login_is_comes_from_the_deployment_before_the_environment(tmp_path: Path):
    provider = Chatgpt()
    environ = {"CHATGPT_TOKEN_DIR": "/env", "CHATGPT_AUTH_FILE": "one.json"}
    bare = deployed(provider, ScriptedUpstream(), tmp_path)
    for settings, expected in (
        ({}, "/env/one.json"),
        ({"chatgpt_auth_file": "two.json"}, "/env/two.json"),
        ({"chatgpt_token_dir": "/own"}, "/own/one.json"),
        ({"chatgpt_auth_file": "/own/three.json"}, "/own/three.json"),
    ):
        login = provider.complete(replace(bare, settings=settings), environ).settings[LOGIN]
        assert login.path == expected
    usual = provider.complete(replace(bare, settings={}), {}).settings[LOGIN]
    assert usual.path.endswith("/.config/nova/chatgpt/auth.json")
    assert usual.issuer == "https://auth.openai.com"
