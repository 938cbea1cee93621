"""A provider whose requests are signed; where there are no keys yet, or old ones, they are fetched first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar, Final

from nova_core.errors import AuthenticationError, NovaError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Request
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.kept_tokens import Kept
from nova_core.wire.provider import DialectProvider, Lane, without_secrets
from nova_core.wire.sigv4.choosing import (
    ACCESS_KEY,
    CHOICES,
    REGION,
    SECRET_KEY,
    SESSION_TOKEN,
    Chooser,
    keys_in,
    said,
)
from nova_core.wire.sigv4.errors import read_error
from nova_core.wire.sigv4.replies import Lease, refused
from nova_core.wire.sigv4.signature import Keys, Scope, Unsigned, sign
from nova_core.wire.sigv4.sources import KeySource, StaticKeys
from nova_core.wire.steps import Ending, follow

SOURCE: Final = "aws_key_source"
"""Where a completed deployment has its source of keys."""
NEVER: Final = float("inf")


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def with_keys(settings: Mapping[str, Any], chooser: Chooser, region: str) -> dict[str, Any]:
    """The settings with the keys that sign, or where these are fetched. Raises ConfigurationError."""
    completed = {name: value for name, value in settings.items() if name not in CHOICES}
    source = chooser.source(region)
    if source is None:
        return completed
    for name in (ACCESS_KEY, SECRET_KEY, SESSION_TOKEN):
        completed.pop(name, None)
    if not isinstance(source, StaticKeys):
        return {**completed, SOURCE: source}
    keys = source.keys
    return {
        **completed, ACCESS_KEY: keys.access_key, SECRET_KEY: keys.secret_key, SESSION_TOKEN: keys.session_token,
    }  # fmt: skip


class Keychain:
    """Keys that were fetched, by their source."""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self.clock = clock
        self.kept: Kept[KeySource, Keys] = Kept(lambda: clock().timestamp())

    def fetch(self, source: KeySource, dialect: Dialect, ask: Callable[[], Exchange]) -> Exchange:
        """The exchanges that get keys, and then the one that needs them. Raises AuthenticationError."""

        def then(lease: Lease) -> Exchange:
            left = NEVER if lease.end is None else (lease.end - self.clock()).total_seconds()
            if left <= 0:
                raise AuthenticationError("the temporary keys that were given have ended already")
            self.kept.keep(source, lease.keys, left)
            return ask()

        return follow(source.steps(self.clock()), Ending(dialect, refused, then))


class Signed(DialectProvider):
    """A provider whose requests carry the signature of an access key, or a key of the deployment instead.

    `service` is the name that is signed for; deployments are completed with `with_keys` and a region.
    """

    service: ClassVar[str]

    def __init__(self, keychain: Keychain | None = None) -> None:
        self._keychain = keychain or Keychain()

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt, after the exchanges for keys where these are needed."""
        ask = partial(super().provider_call, call, request, deployment)
        source = _source(deployment)
        if source is None or self._keychain.kept.current(source) is not None:
            return ask()
        return self._keychain.fetch(source, self.dialect_for(request.operation, deployment), ask)

    def signed_request(
        self, lane: Lane, url: str, headers: tuple[tuple[str, str], ...], body: bytes, *, streamed: bool
    ) -> UpstreamRequest:
        """The request with its credentials; of the headers, the content's type and Amazon's own are signed.

        Raises AuthenticationError when there are none.
        """
        proof = self._proof(lane.deployment, Unsigned("POST", url, _signed(headers), body))
        return UpstreamRequest(url, "POST", (*headers, *proof), body, streamed)

    def read_error(self, response: UpstreamResponse) -> NovaError:
        """What a status of 400 and above means, by the name of the exception."""
        return read_error(response)

    def missing(self, deployment: Deployment) -> str:
        """What the operator may set, as the end of a sentence."""
        return (
            f"`{ACCESS_KEY}` and `{SECRET_KEY}`, `aws_profile_name` or `aws_role_name` for {deployment.model}, or the "
            "environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        )

    def _proof(self, deployment: Deployment, request: Unsigned) -> list[tuple[str, str]]:
        if deployment.api_key is not None and (key := deployment.api_key.reveal()):
            return [("Authorization", f"Bearer {key}")]
        keys = self._keys(deployment)
        if keys is None:
            raise AuthenticationError(
                f"no credentials for provider {deployment.provider}: the operator must set {self.missing(deployment)}",
                code="missing_api_key",
            )
        return sign(request, keys, Scope(str(deployment.settings[REGION]), self.service, self._keychain.clock()))

    def _keys(self, deployment: Deployment) -> Keys | None:
        source = _source(deployment)
        return self._keychain.kept.last(source) if source is not None else keys_in(deployment.settings)

    def _read_error(self, deployment: Deployment, response: UpstreamResponse) -> NovaError:
        """The error without secrets, also those that a refused signature quotes; refused keys are not used again."""
        error = without_secrets(self.read_error(response), deployment, self.secret_headers)
        source = _source(deployment)
        keys = keys_in(deployment.settings) if source is None else self._keychain.kept.known(source)
        for secret in (keys.secret_key, keys.session_token) if keys is not None else ():
            if secret is not None:
                error.message = error.message.replace(secret.reveal(), "****")
        error.args = (error.message,)
        if source is not None and isinstance(error, AuthenticationError):
            self._keychain.kept.forget(source)
        return error


def _source(deployment: Deployment) -> KeySource | None:
    """Where keys are fetched; None where the deployment, or its caller, gives a key. Raises AuthenticationError."""
    settings = deployment.settings
    if deployment.api_key is not None and deployment.api_key.reveal():
        return None
    if any(said(settings, name) for name in CHOICES):
        raise AuthenticationError("callers may send keys of AWS, but not choose a role, a profile or an identity")
    if said(settings, ACCESS_KEY) is not None:
        return None
    source: KeySource | None = settings.get(SOURCE)
    return source


def _signed(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(item for item in headers if item[0].lower() == "content-type" or item[0].lower().startswith("x-amz-"))
