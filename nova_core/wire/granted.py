"""Providers whose calls carry a token that the deployment's credentials are exchanged for (RFC 6749, section 4.4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final, Protocol

import msgspec

from nova_core.errors import AuthenticationError, NovaError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.capabilities import Capabilities
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.capabilities import NOBODY, of_nobody, told_by_samples
from nova_core.wire.kept_tokens import KeptTokens
from nova_core.wire.provider import DialectProvider
from nova_core.wire.upstream_errors import error_from_response

ADDRESS: Final = "granted_at"
"""The setting with the address that a deployment was completed with, which callers may have replaced since."""
LIFETIME: Final = 1800.0
"""Seconds of a token whose answer does not say for how long it is good."""
FOREVER: Final = float("inf")
MILLISECONDS: Final = 1e11
"""Times from here on are not in seconds."""


class Grant(Hashable, Protocol):
    """Credentials that a token service takes; equal ones have the same token."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What is never sent to anybody but the token service."""
        ...

    def request(self) -> UpstreamRequest:
        """What asks for a token."""
        ...


class Granted(DialectProvider):
    """A provider that fetches a token first, where a deployment has a grant and no good token.

    `token_member` is where the token service's answer has it.
    """

    token_member: ClassVar[str] = "access_token"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tokens: KeptTokens[Grant] = KeptTokens(clock)
        self._operators: set[Secret] = set()

    def grant(self, deployment: Deployment) -> Grant | None:
        """The credentials to exchange; None where what the deployment has is sent as it is."""
        raise AssertionError("subclasses say")

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """What the classes below complete, remembering whose credentials go where."""
        complete = super().complete(deployment, environ)
        if (grant := self.grant(complete)) is not None:
            self._operators.update(grant.secrets)
        return replace(complete, settings={**complete.settings, ADDRESS: complete.api_base})

    def capabilities(self, deployment: Deployment) -> Capabilities:
        """What the vendor takes, told without a token: where a key is exchanged for one, nobody's has one already."""
        grant = self.grant(of_nobody(deployment))
        if grant is not None:
            self._tokens.keep(grant, Secret(NOBODY), FOREVER)
        return told_by_samples(self.provider_call, deployment)

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The token. Raises AuthenticationError without a grant or a key."""
        grant = self.grant(deployment)
        token = self.key(deployment) if grant is None else self._tokens.last(grant).reveal()
        return [("Authorization", f"Bearer {token}")] if token else []

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt, after the exchange for a token where one is needed."""
        ask = partial(super().provider_call, call, request, deployment)
        grant = self.grant(deployment)
        if grant is None:
            return ask()
        if deployment.settings.get(ADDRESS) != deployment.api_base and not self._operators.isdisjoint(grant.secrets):
            raise AuthenticationError("the operator's credentials are not sent to another `api_base`")
        if self._tokens.current(grant) is not None:
            return ask()
        dialect = self.dialect_for(request.operation, deployment)
        return Exchange(grant.request(), dialect, partial(self._granted, grant, ask), partial(refused, grant))

    def _granted(self, grant: Grant, ask: Callable[[], Exchange], response: UpstreamResponse) -> Exchange:
        token, seconds = token_of(response, self._clock(), self.token_member)
        self._tokens.keep(grant, token, seconds)
        return ask()

    def _read_error(self, deployment: Deployment, response: UpstreamResponse) -> NovaError:
        """The error without the credentials; a token that was refused is not used again."""
        error = super()._read_error(deployment, response)
        grant = self.grant(deployment)
        if grant is None:
            return error
        if response.status == 401:
            self._tokens.forget(grant)
        return _without(error, grant.secrets)


def token_of(response: UpstreamResponse, now: float, member: str = "access_token") -> tuple[Secret, float]:
    """The token of an answer, and for how many seconds it is good. Raises AuthenticationError when it holds none."""
    try:
        found: Any = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AuthenticationError("the token service's answer is not JSON") from error
    token = found.get(member) if isinstance(found, Mapping) else None
    if not isinstance(token, str) or not token:
        raise AuthenticationError("the token service answered without a token")
    seconds, moment = _number(found.get("expires_in")), _number(found.get("expires_at"))
    if seconds is None and moment is not None:
        seconds = (moment / 1000 if moment >= MILLISECONDS else moment) - now
    return Secret(token), max(0.0, LIFETIME if seconds is None else seconds)


def refused(grant: Grant, response: UpstreamResponse) -> NovaError:
    """What it means that the token service answered with an error: bad credentials, unless it is busy or broken."""
    error = error_from_response(response)
    if error.status < 500 and error.status != 429:
        error = AuthenticationError(f"the credentials were refused: {error.message}", code="credentials_refused")
        error.from_upstream = True
    return _without(error, grant.secrets)


def _without(error: NovaError, secrets: tuple[Secret, ...]) -> NovaError:
    for secret in secrets:
        error.message = error.message.replace(secret.reveal(), "****")
    error.args = (error.message,)
    return error


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except ValueError:
        return None
