"""`nova chatgpt-login`: a code for the browser, then tokens in a file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from nova_core.errors import AuthenticationError, RateLimitedError
from nova_core.testing import ScriptedUpstream
from nova_plugin_chatgpt.command import login
from nova_plugin_chatgpt.service import LoginService

from .chatgpt_logins import read, token

CODE, GRANT = "/api/accounts/deviceauth/usercode", "/api/accounts/deviceauth/token"


@pytest.fixture
def service(threaded_upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch) -> ScriptedUpstream:
    monkeypatch.setenv("CHATGPT_AUTH_BASE", threaded_upstream.url)
    threaded_upstream.script(CODE, json={"device_auth_id": "dev-1", "user_code": "ABCD-1234", "interval": "1"})
    return threaded_upstream


def test_a_login_by_device_is_kept_for_its_owner(
    service: ScriptedUpstream, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    access = token("first")
    service.script(GRANT, status=403, message="pending")
    service.script(GRANT, json={"authorization_code": "grant-1", "code_challenge": "c", "code_verifier": "verify-1"})
    service.script("/oauth/token", json={"access_token": access, "refresh_token": "refresh-1", "id_token": access})
    login(folder=str(tmp_path / "new" / "folder"), name="mine.json")
    file = tmp_path / "new" / "folder" / "mine.json"
    kept = read(file)
    assert (kept["access_token"], kept["refresh_token"], kept["account_id"]) == (access, "refresh-1", "acc-1")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    told = capsys.readouterr().out
    assert "ABCD-1234" in told
    assert f"{service.url}/codex/device" in told
    assert str(file) in told
    assert not any(secret in told for secret in (access, "refresh-1", "dev-1", "verify-1"))
    exchange = service.last
    assert exchange.header("content-type") == "application/x-www-form-urlencoded"
    assert exchange.members | {"client_id": ""} == {
        "grant_type": "authorization_code",
        "code": "grant-1",
        "redirect_uri": f"{service.url}/deviceauth/callback",
        "client_id": "",
        "code_verifier": "verify-1",
    }
    assert [each.json for each in service.requests if each.route == GRANT] == [
        {"device_auth_id": "dev-1", "user_code": "ABCD-1234"}
    ] * 2


@pytest.mark.parametrize("answer", [{}, {"authorization_code": "grant-1"}, {"authorization_code": 1}])
def test_an_answer_that_is_none_ends_the_login(service: ScriptedUpstream, answer: dict[str, object]):
    service.script(GRANT, json=answer)
    asking = LoginService(service.url)
    with pytest.raises(AuthenticationError, match="without an authorization"):
        asking.login(asking.device_code())


def test_a_service_that_is_busy_is_no_login_that_was_refused(service: ScriptedUpstream):
    service.script(GRANT, status=429, message="slow down")
    asking = LoginService(service.url)
    with pytest.raises(RateLimitedError, match="slow down"):
        asking.login(asking.device_code())
    service.forget().script(CODE, json={"error": "no"})
    with pytest.raises(AuthenticationError, match="without a code"):
        asking.device_code()
    service.forget().script(CODE, body=b"<html>")
    with pytest.raises(AuthenticationError, match="not a JSON object"):
        asking.device_code()
