"""What services that give out temporary keys answer: XML, or JSON in several spellings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from xml.etree import ElementTree

import msgspec

from nova_core.errors import AuthenticationError, NovaError
from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.sigv4.signature import Keys
from nova_core.wire.upstream_errors import classify, facts_of, redacted, shortened

Names = tuple[str, str, str, str]
CAPITALS: Final[Names] = ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")
SESSION: Final[Names] = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
SIGN_ON: Final[Names] = ("accessKeyId", "secretAccessKey", "sessionToken", "expiration")
"""Names of key, secret, session token and end: at metadata servers, at STS and programs, at the sign-on portal."""
BUSY: Final = ("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException")


@dataclass(frozen=True, slots=True)
class Lease:
    """Keys, and when they end; None for keys that do not."""

    keys: Keys
    end: datetime | None = None


def lease_of(found: Mapping[str, Any], names: Names) -> Lease:
    """The keys under these names. Raises AuthenticationError when there are none."""
    access, secret, token, end = (found.get(name) for name in names)
    if not (isinstance(access, str) and access and isinstance(secret, str) and secret):
        raise AuthenticationError("the service for temporary keys answered without keys")
    return Lease(Keys(access, Secret(secret), Secret(token) if isinstance(token, str) and token else None), _time(end))


def document(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises AuthenticationError for anything else."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AuthenticationError("the answer of the service for temporary keys is not JSON") from error
    if not isinstance(found, dict):
        raise AuthenticationError("the answer of the service for temporary keys is not a JSON object")
    return found


def lease_in_xml(body: bytes) -> Lease:
    """The `Credentials` of STS. Raises AuthenticationError when there are none."""
    found = _xml(body)
    part = found.find(".//{*}Credentials") if found is not None else None
    if part is None:
        raise AuthenticationError("the security token service answered without credentials")
    return lease_of({_local(child.tag): child.text for child in part}, SESSION)


def refused(response: UpstreamResponse) -> NovaError:
    """What it means that no keys were given: bad credentials, unless the service is busy or broken."""
    code, message = _said(response)
    if response.status >= 500 or response.status == 429 or code in BUSY:
        status = response.status if response.status >= 500 else 429
        return classify(status, message, headers=response.headers)
    told = AuthenticationError(f"the credentials were refused: {redacted(message)}", code="credentials_refused")
    told.from_upstream = True
    return told


def _said(response: UpstreamResponse) -> tuple[str, str]:
    """Code and message of an error, in XML or in JSON."""
    found = _xml(response.body) if response.body.lstrip().startswith(b"<") else None
    part = found.find(".//{*}Error") if found is not None else None
    if part is None:
        facts = facts_of(response.body)
        return facts.code or "", facts.message or f"status {response.status}"
    said = {_local(child.tag): child.text or "" for child in part}
    code = said.get("Code", "")
    return code, shortened(f"{code}: {said.get('Message', '')}")


def _xml(body: bytes) -> ElementTree.Element | None:
    if b"<!DOCTYPE" in body:
        return None
    try:
        return ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return None


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _time(stated: Any) -> datetime | None:
    """A time in ISO 8601, or in milliseconds since 1970. Raises AuthenticationError."""
    if stated is None:
        return None
    try:
        if isinstance(stated, int | float):
            return datetime.fromtimestamp(stated / 1000, UTC)
        end = datetime.fromisoformat(str(stated))
    except (ValueError, OverflowError, OSError) as error:
        raise AuthenticationError("the end of temporary keys is no time") from error
    return end if end.tzinfo is not None else end.replace(tzinfo=UTC)
