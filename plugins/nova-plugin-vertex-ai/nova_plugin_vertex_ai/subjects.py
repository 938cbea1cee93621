"""What workloads prove themselves with: tokens in files, at addresses, of programs, and requests that AWS knows."""

# https://google.aip.dev/auth/4117 and
# https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds (AWS)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from urllib.parse import quote, urlsplit

import msgspec

from nova_core.errors import AuthenticationError
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.errands import reading, running
from nova_core.wire.sigv4 import Scope, Unsigned, sign
from nova_core.wire.sigv4.sources import KeySource
from nova_core.wire.steps import Steps

TARGET: Final = "x-goog-cloud-target-resource"
SESSION_LIFE: Final = ("X-aws-ec2-metadata-token-ttl-seconds", "300")
PRINTED: Final = ("id_token", "saml_response")
"""Members under which a program prints its token."""


class Subject(Protocol):
    """Where another identity provider's token is."""

    def steps(self, now: float) -> Steps[str]:
        """The token's text, `now` in Unix seconds. Raises AuthenticationError when it is not there."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """A token in a file, or at a URL; `json_field` is its name in JSON, None for text."""

    file: str | None = None
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    json_field: str | None = None

    def steps(self, now: float) -> Steps[str]:
        """One exchange, or the reading of a file."""
        if self.url is not None:
            response = yield UpstreamRequest(self.url, "GET", tuple(self.headers.items()))
        else:
            response = yield reading(self.file or "")
        if self.json_field is None:
            return response.body.decode("utf-8", "replace").strip()
        value = json_object(response.body).get(self.json_field)
        if not isinstance(value, str):
            raise AuthenticationError(f"the workload's token has no field `{self.json_field}`")
        return value


@dataclass(frozen=True, slots=True)
class Printed:
    """A token that a program of the operator's prints."""

    command: tuple[str, ...] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)

    def steps(self, now: float) -> Steps[str]:
        """One errand."""
        response = yield running(self.command, self.environ)
        found = json_object(response.body)
        token = next((found[name] for name in PRINTED if isinstance(found.get(name), str)), None)
        if found.get("success") is not True or token is None:
            raise AuthenticationError("the program for the workload's token answered without a token")
        return str(token)


@dataclass(frozen=True, slots=True)
class SignedByAws:
    """A request to AWS that says who asks, signed but not sent: Google sends it.

    The region is asked at `region_url` where it is not known, with a session from `session_url`.
    """

    audience: str
    verification_url: str
    keys: KeySource
    region: str | None = None
    region_url: str | None = None
    session_url: str | None = None

    def steps(self, now: float) -> Steps[str]:
        """As many exchanges as region and keys need."""
        region = self.region or (yield from self._asked_region())
        moment = datetime.fromtimestamp(now, UTC)
        lease = yield from self.keys.steps(moment)
        url = self.verification_url.replace("{region}", region)
        target = (TARGET, self.audience)
        proof = sign(Unsigned("POST", url, (target,), b""), lease.keys, Scope(region, "sts", moment))
        headers = [target, ("host", urlsplit(url).netloc), *proof]
        said = {
            "url": url,
            "method": "POST",
            "headers": [{"key": name, "value": value} for name, value in headers],
        }
        return quote(msgspec.json.encode(said).decode(), safe="")

    def _asked_region(self) -> Steps[str]:
        """The region of the machine: its zone without the last letter."""
        session: tuple[tuple[str, str], ...] = ()
        if self.session_url is not None:
            response = yield UpstreamRequest(self.session_url, "PUT", (SESSION_LIFE,))
            session = (("X-aws-ec2-metadata-token", response.body.decode("ascii", "replace").strip()),)
        response = yield UpstreamRequest(self.region_url or "", "GET", session)
        return response.body.decode("ascii", "replace").strip()[:-1]


def json_object(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises AuthenticationError for anything else."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AuthenticationError("the token service's answer is not JSON") from error
    if not isinstance(found, dict):
        raise AuthenticationError("the token service's answer is not a JSON object")
    return found
