"""The tokens of a login: what they say of themselves, and the members of a file that holds them."""

# Two files are known: one whose members are the tokens, and Codex' own, which has them in `tokens`.

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from nova_core.types.secret import Secret
from nova_core.wire.body import NOT_JSON

CLAIMS: Final = "https://api.openai.com/auth"
"""The claim of a token that holds the account."""
NESTED: Final = "tokens"
SECRET_MEMBERS: Final = ("access_token", "refresh_token", "id_token")


@dataclass(frozen=True, slots=True)
class Tokens:
    """A login. `end` is the Unix second in which the access token ends, None where nothing says so."""

    access: Secret
    refresh: Secret | None = None
    id: Secret | None = None
    account: str | None = None
    end: float | None = None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What is never shown."""
        return tuple(each for each in (self.access, self.refresh, self.id) if each is not None)


def tokens_in(members: Mapping[str, Any]) -> Tokens | None:
    """The tokens that a file, or an answer of the login service, holds; None without an access token."""
    nested = members.get(NESTED)
    found = nested if isinstance(nested, Mapping) else members
    access, refresh, id = (_text(found.get(name)) for name in SECRET_MEMBERS)
    if access is None:
        return None
    return Tokens(
        access=Secret(access),
        refresh=Secret(refresh) if refresh else None,
        id=Secret(id) if id else None,
        account=_text(found.get("account_id")) or account_of(id) or account_of(access),
        end=_number(found.get("expires_at")) or end_of(access),
    )


def members_with(tokens: Tokens, before: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a file with these tokens, laid out as it was; what else it holds stays."""
    said: dict[str, Any] = {"access_token": tokens.access.reveal(), "account_id": tokens.account}
    for name, secret in (("refresh_token", tokens.refresh), ("id_token", tokens.id)):
        if secret is not None:
            said[name] = secret.reveal()
    nested = before.get(NESTED)
    if isinstance(nested, Mapping):
        return {**before, NESTED: {**nested, **said}}
    return {**before, **said, "expires_at": tokens.end}


def account_of(token: str | None) -> str | None:
    """The account that a token is for, where it says so."""
    inner = claims_of(token).get(CLAIMS)
    return _text(inner.get("chatgpt_account_id")) if isinstance(inner, Mapping) else None


def end_of(token: str) -> float | None:
    """The Unix second in which a token ends, where it says so."""
    return _number(claims_of(token).get("exp"))


def claims_of(token: str | None) -> Mapping[str, Any]:
    """What a JSON Web Token says (RFC 7519), unverified: whom it is sent to verifies it. Nothing of anything else."""
    parts = (token or "").split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (*NOT_JSON, binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, Mapping) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
