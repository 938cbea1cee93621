"""The login service: codes for devices, tokens for codes, and new tokens for old ones."""

# As the login of https://github.com/openai/codex (codex-rs/login) asks it; RFC 6749 sections 4.1.3 and 6.

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from nova_core.errors import APIConnectionError, AuthenticationError, NovaError
from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.body import NOT_JSON
from nova_core.wire.upstream_errors import error_from_response
from nova_plugin_chatgpt.tokens import Tokens, tokens_in

ISSUER: Final = "https://auth.openai.com"
CLIENT: Final = "app_EMoamEEZ73f0CkXaXp7hrann"
"""The public client of logins by device, which has no secret."""
TIMEOUT: Final = 30.0
LIMIT: Final = 1 << 20
FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
UNDECIDED: Final = (403, 404)
"""Statuses until the code has been entered."""


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What the user enters, and every how many seconds to ask whether that has happened."""

    device: Secret
    code: str
    interval: float


@dataclass(frozen=True, slots=True)
class LoginService:
    """The service at `issuer`. It is asked from a thread, each time to the end: a refresh token can be used once."""

    issuer: str = ISSUER

    @property
    def page(self) -> str:
        """Where the user enters a code."""
        return f"{self.issuer}/codex/device"

    def device_code(self) -> DeviceCode:
        """A new code. Raises NovaError."""
        found = self._object("/api/accounts/deviceauth/usercode", {"client_id": CLIENT}, ())
        device, code = found.get("device_auth_id"), found.get("user_code") or found.get("usercode")
        if not isinstance(device, str) or not isinstance(code, str):
            raise AuthenticationError("the login service answered without a code")
        return DeviceCode(Secret(device), code, _seconds(found.get("interval")))

    def login(self, code: DeviceCode) -> Tokens | None:
        """The tokens of who entered the code; None when nobody has yet. Raises NovaError."""
        asked = {"device_auth_id": code.device.reveal(), "user_code": code.code}
        response = self._post("/api/accounts/deviceauth/token", JSON, msgspec.json.encode(asked))
        if response.status in UNDECIDED:
            return None
        granted = _object(response, (code.device,))
        grant, verifier = granted.get("authorization_code"), granted.get("code_verifier")
        if not isinstance(grant, str) or not isinstance(verifier, str):
            raise AuthenticationError("the login service answered without an authorization")
        fields = {
            "grant_type": "authorization_code",
            "code": grant,
            "redirect_uri": f"{self.issuer}/deviceauth/callback",
            "client_id": CLIENT,
            "code_verifier": verifier,
        }
        response = self._post("/oauth/token", FORM, urlencode(fields).encode())
        tokens = tokens_in(_object(response, (Secret(grant), Secret(verifier))))
        if tokens is None:
            raise AuthenticationError("the login service answered without a token")
        return tokens

    def renewed(self, old: Tokens) -> Tokens:
        """New tokens for old ones; what the service does not give anew stays. Raises NovaError."""
        if old.refresh is None:
            raise AuthenticationError("the login has ended, and holds no token to renew it with")
        asked = {"client_id": CLIENT, "grant_type": "refresh_token", "refresh_token": old.refresh.reveal()}
        new = tokens_in(self._object("/oauth/token", asked, old.secrets))
        if new is None:
            raise AuthenticationError("the login service answered without a token")
        return Tokens(new.access, new.refresh or old.refresh, new.id or old.id, new.account or old.account, new.end)

    def _object(self, path: str, asked: Mapping[str, Any], secrets: Iterable[Secret]) -> dict[str, Any]:
        return _object(self._post(path, JSON, msgspec.json.encode(asked)), secrets)

    def _post(self, path: str, kind: str, body: bytes) -> UpstreamResponse:
        headers = {"Content-Type": kind, "Accept": JSON, "User-Agent": "nova-core"}
        request = urllib.request.Request(self.issuer + path, body, headers, method="POST")
        try:
            with _opener().open(request, timeout=TIMEOUT) as answer:
                return UpstreamResponse(answer.status, _lower(answer.headers), answer.read(LIMIT))
        except urllib.error.HTTPError as error:
            with error:
                return UpstreamResponse(error.code, _lower(error.headers), error.read(LIMIT))
        except (OSError, ValueError, http.client.HTTPException) as error:
            why = type(getattr(error, "reason", error)).__name__
            raise APIConnectionError(f"the login service cannot be reached: {why}") from error


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Tokens go where they were sent, and nowhere else."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """None follows."""


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirects)


def _object(response: UpstreamResponse, secrets: Iterable[Secret]) -> dict[str, Any]:
    """The JSON object of an answer. Raises what an error status means, without the secrets."""
    if response.status >= 300:
        raise _refused(response, secrets)
    try:
        return msgspec.json.decode(response.body, type=dict[str, Any])
    except NOT_JSON as error:
        raise AuthenticationError("the login service's answer is not a JSON object") from error


def _refused(response: UpstreamResponse, secrets: Iterable[Secret]) -> NovaError:
    """What it means that the service answered with an error: a login that is over, unless it is busy or broken."""
    error = error_from_response(response)
    message = error.message
    for secret in secrets:
        message = message.replace(secret.reveal(), "****")
    if error.status >= 500 or error.status == 429:
        error.message, error.args = message, (message,)
        return error
    told = AuthenticationError(f"the login was refused: {message}", code="credentials_refused")
    told.from_upstream = True
    return told


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _seconds(value: Any) -> float:
    try:
        return max(1.0, float(value))
    except (TypeError, ValueError):
        return 5.0
