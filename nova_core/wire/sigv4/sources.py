"""The ways to get keys that sign: each is a value, and the exchanges that lead to its keys."""

# https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html and the pages of each provider

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from urllib.parse import quote, urlencode

from nova_core.errors import AuthenticationError
from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.errands import IdentityToken, reading, running
from nova_core.wire.sigv4.replies import CAPITALS, SESSION, SIGN_ON, Lease, document, lease_in_xml, lease_of
from nova_core.wire.sigv4.signature import Keys, Scope, Unsigned, sign
from nova_core.wire.steps import Steps

FORM: Final = ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
STS_VERSION: Final = "2011-06-15"
LIFETIME: Final = 3600
"""Seconds for which a role is assumed, unless a profile says otherwise."""
INSTANCE_ROLES: Final = "/latest/meta-data/iam/security-credentials/"
INSTANCE_TOKEN: Final = "/latest/api/token"
INSTANCE_TOKEN_LIFE: Final = "21600"


class KeySource(Protocol):
    """A way to get keys; equal sources give the same keys."""

    def __hash__(self) -> int: ...

    def steps(self, now: datetime) -> Steps[Lease]:
        """The exchanges for keys. Raises AuthenticationError."""
        ...


@dataclass(frozen=True, slots=True)
class StaticKeys:
    """Keys that are known."""

    keys: Keys

    def steps(self, now: datetime) -> Steps[Lease]:
        """None at all."""
        yield from ()
        return Lease(self.keys)


@dataclass(frozen=True, slots=True)
class Role:
    """Which role is assumed, where, and under what name."""

    arn: str
    session: str
    sts: str
    region: str
    external_id: str | None = None
    seconds: int = LIFETIME

    def form(self, action: str, **fields: str) -> bytes:
        """The parameters of an action of the security token service."""
        asked = {"Action": action, "Version": STS_VERSION, "RoleArn": self.arn, "RoleSessionName": self.session}
        return urlencode({**asked, "DurationSeconds": str(self.seconds), **fields}).encode()


@dataclass(frozen=True, slots=True)
class AssumedRole:
    """A role that other keys may assume."""

    base: KeySource
    role: Role

    def steps(self, now: datetime) -> Steps[Lease]:
        """One exchange more than the other keys need."""
        lease = yield from self.base.steps(now)
        external = {"ExternalId": self.role.external_id} if self.role.external_id else {}
        body = self.role.form("AssumeRole", **external)
        unsigned = Unsigned("POST", self.role.sts, (FORM,), body)
        proof = sign(unsigned, lease.keys, Scope(self.role.region, "sts", now))
        response = yield UpstreamRequest(self.role.sts, "POST", (FORM, *proof), body)
        return lease_in_xml(response.body)


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """A role that the holder of another provider's token may assume."""

    identity: IdentityToken
    role: Role

    def steps(self, now: datetime) -> Steps[Lease]:
        """One exchange, which nobody signs."""
        token = yield from self.identity.steps()
        body = self.role.form("AssumeRoleWithWebIdentity", WebIdentityToken=token)
        response = yield UpstreamRequest(self.role.sts, "POST", (FORM,), body)
        return lease_in_xml(response.body)


@dataclass(frozen=True, slots=True)
class Container:
    """The role of a container (ECS tasks, EKS pods); the token that is asked for may stand in a file."""

    url: str
    token: Secret | None = None
    token_file: str | None = None

    def steps(self, now: datetime) -> Steps[Lease]:
        """One exchange."""
        token = self.token.reveal() if self.token is not None else ""
        if self.token_file is not None:
            response = yield reading(self.token_file)
            token = response.body.decode("utf-8", "replace").strip()
        headers = (("Authorization", token),) if token else ()
        response = yield UpstreamRequest(self.url, "GET", headers)
        return lease_of(document(response.body), CAPITALS)


@dataclass(frozen=True, slots=True)
class Instance:
    """The role of the machine, asked of its metadata service in version 2."""

    endpoint: str

    def steps(self, now: datetime) -> Steps[Lease]:
        """Three exchanges: a session, the role's name, its keys."""
        life = (("X-aws-ec2-metadata-token-ttl-seconds", INSTANCE_TOKEN_LIFE),)
        response = yield UpstreamRequest(self.endpoint + INSTANCE_TOKEN, "PUT", life)
        session = (("X-aws-ec2-metadata-token", response.body.decode("ascii", "replace").strip()),)
        response = yield UpstreamRequest(self.endpoint + INSTANCE_ROLES, "GET", session)
        named = response.body.decode("utf-8", "replace").split()
        if not named:
            raise AuthenticationError("the machine has no role")
        path = INSTANCE_ROLES + quote(named[0], safe="")
        response = yield UpstreamRequest(self.endpoint + path, "GET", session)
        return lease_of(document(response.body), CAPITALS)


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the operator's that prints keys."""

    command: tuple[str, ...] = field(repr=False)

    def steps(self, now: datetime) -> Steps[Lease]:
        """One errand."""
        response = yield running(self.command)
        found = document(response.body)
        if found.get("Version") != 1:
            raise AuthenticationError("`credential_process` answered in another version than 1")
        return lease_of(found, SESSION)


@dataclass(frozen=True, slots=True)
class SignedOn:
    """A role of an account, for whoever signed on with `aws sso login`."""

    endpoint: str
    account: str
    role: str
    token_file: str

    def steps(self, now: datetime) -> Steps[Lease]:
        """One exchange."""
        response = yield reading(self.token_file)
        cached = document(response.body)
        token, end = cached.get("accessToken"), cached.get("expiresAt")
        if not isinstance(token, str) or (isinstance(end, str) and end[:19] <= now.strftime("%Y-%m-%dT%H:%M:%S")):
            raise AuthenticationError("the sign-on has ended: `aws sso login` begins another")
        query = urlencode({"role_name": self.role, "account_id": self.account})
        url = f"{self.endpoint}/federation/credentials?{query}"
        response = yield UpstreamRequest(url, "GET", (("x-amz-sso_bearer_token", token),))
        found = document(response.body).get("roleCredentials")
        return lease_of(found if isinstance(found, dict) else {}, SIGN_ON)
