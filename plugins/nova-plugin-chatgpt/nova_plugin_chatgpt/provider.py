"""ChatGPT subscriptions: OpenAI's Responses API behind a login, which is kept in a file and renewed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import msgspec

from nova_core.errors import AuthenticationError, NovaError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import Errand, Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.kept_tokens import Kept
from nova_core.wire.provider import DialectProvider, Lane
from nova_plugin_chatgpt.dialect import ChatgptResponses
from nova_plugin_chatgpt.login import COMMAND, Access, Login, access_in, without_token
from nova_plugin_chatgpt.tokens import account_of

LOGIN: Final = "chatgpt_login"
"""The setting that holds the login of a completed deployment."""
ORIGINATOR: Final = "nova_core"


class Chatgpt(DialectProvider):
    """`chatgpt/{model}`: chat and Responses, with the login of `nova chatgpt-login`, else an access token as key."""

    providers = ("chatgpt",)
    base_url = "https://chatgpt.com/backend-api/codex"
    api_base_env = ("CHATGPT_API_BASE", "OPENAI_CHATGPT_API_BASE")
    key_required = False
    settings_keys = ("chatgpt_token_dir", "chatgpt_auth_file", "chatgpt_auth_base")
    dialects: Mapping[Operation, Dialect] = {"chat": ChatgptResponses()}
    paths: Mapping[Operation, str] = {"chat": "/responses"}

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: Kept[Login, Access] = Kept(clock)
        self._refused: dict[Login, Secret] = {}

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """The address, and the login that goes there and nowhere else."""
        complete = super().complete(deployment, environ)
        login = Login.of(complete.settings, environ, complete.api_base or "")
        return replace(complete, settings={**complete.settings, LOGIN: login})

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The token, the account, and who asks."""
        access = self._access(deployment)
        account = [("ChatGPT-Account-Id", access.account)] if access.account else []
        return [
            ("Authorization", f"Bearer {access.token.reveal()}"),
            *account,
            ("originator", ORIGINATOR),
            ("OpenAI-Beta", "responses=experimental"),
            ("Accept", "text/event-stream"),
        ]

    def request_headers(self, request: Request, call: Call) -> list[tuple[str, str]]:
        """The conversation, by which the vendor finds what it has read before."""
        key = request.get("prompt_cache_key")
        usable = isinstance(key, str) and 0 < len(key) <= 200 and key.isascii() and key.isprintable()
        return [("session_id", key)] if usable else []

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """Every request asks for a stream; who wants a whole answer gets it gathered."""
        return super().outgoing(lane, request.with_members({"stream": True}), headers, streamed)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt, after the login was read or renewed where that is needed. Raises AuthenticationError."""
        ask = partial(super().provider_call, call, request, deployment)
        if _has_key(deployment):
            return ask()
        login = _login(deployment)
        if self._kept.current(login) is not None:
            return ask()
        errand = Errand("login", run=partial(login.fresh, self._refused.get(login)))
        dialect = self.dialect_for(request.operation, deployment)
        return Exchange(errand, dialect, partial(self._logged_in, login, ask), self.read_error)

    def _logged_in(self, login: Login, ask: Callable[[], Exchange], response: UpstreamResponse) -> Exchange:
        access, seconds = access_in(response.body, self._clock())
        self._refused.pop(login, None)
        self._kept.keep(login, access, seconds)
        return ask()

    def _access(self, deployment: Deployment) -> Access:
        if _has_key(deployment):
            key = deployment.api_key.reveal() if deployment.api_key is not None else ""
            return Access(Secret(key), account_of(key))
        return self._kept.last(_login(deployment))

    def _read_error(self, deployment: Deployment, response: UpstreamResponse) -> NovaError:
        """The error without the token; one that was refused is not used again. A limit says when it ends."""
        error = super()._read_error(deployment, response)
        if response.status == 429 and error.retry_after is None:
            error.retry_after = _resets_in(response.body)
        if _has_key(deployment):
            return error
        login = _login(deployment)
        access = self._kept.known(login)
        if access is None:
            return error
        if response.status == 401:
            self._refused[login] = access.token
            self._kept.forget(login)
        return without_token(error, access)


def _has_key(deployment: Deployment) -> bool:
    return deployment.api_key is not None and bool(deployment.api_key.reveal())


def _login(deployment: Deployment) -> Login:
    """The login of a completed deployment. Raises AuthenticationError where a caller has replaced it, or the base."""
    login = deployment.settings.get(LOGIN)
    if not isinstance(login, Login):
        raise AuthenticationError(f"nobody is logged in at ChatGPT: {COMMAND}", code="missing_api_key")
    if login.base != deployment.api_base:
        raise AuthenticationError("the operator's credentials are not sent to another `api_base`")
    return login


class _Limit(msgspec.Struct):
    resets_in_seconds: float | None = None


class _Refusal(msgspec.Struct):
    error: _Limit


def _resets_in(body: bytes) -> float | None:
    """Seconds until a subscription may be used again, as the body of a refusal says."""
    try:
        return msgspec.json.decode(body, type=_Refusal).error.resets_in_seconds
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
