"""A login as a provider uses it: its file, who renews it, and the address that its token is for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from nova_core.errors import AuthenticationError, NovaError
from nova_core.types.secret import Secret
from nova_plugin_chatgpt.auth_file import AuthFile, auth_path
from nova_plugin_chatgpt.service import ISSUER, LoginService
from nova_plugin_chatgpt.tokens import Tokens, tokens_in

EARLY: Final = 300.0
"""Seconds before its end in which an access token is renewed."""
UNKNOWN: Final = 3600.0
"""Seconds for which a token is used that does not say when it ends; the vendor refuses it when it has."""
AUTH_BASE: Final = "CHATGPT_AUTH_BASE"
COMMAND: Final = "the operator must run `nova chatgpt-login`"


@dataclass(frozen=True, slots=True)
class Login:
    """Made of the operator's configuration alone, when the catalog is built; callers' JSON is never one."""

    path: str
    issuer: str
    base: str

    @classmethod
    def of(cls, settings: Mapping[str, Any], environ: Mapping[str, str], base: str) -> Login:
        """The login of a deployment whose calls go to `base`."""
        folder, name, issuer = (settings.get(f"chatgpt_{what}") for what in ("token_dir", "auth_file", "auth_base"))
        issuer = str(issuer or environ.get(AUTH_BASE, "").strip() or ISSUER)
        path = auth_path(str(folder) if folder else None, str(name) if name else None, environ)
        return cls(path, issuer.rstrip("/"), base)

    def fresh(self, refused: Secret | None = None) -> bytes:
        """A JSON object with a good token; `refused` is one that the vendor does not take any more. Blocks.

        Raises AuthenticationError, or what keeps the login service from answering.
        """
        file = AuthFile(self.path)
        found = _logged_in(file)
        if not _is_good(found, refused):
            with file.locked():
                found = _logged_in(file)  # somebody else may have renewed it meanwhile
                if not _is_good(found, refused):
                    found = self._renewed(file, found, refused)
        said = {"access_token": found.access.reveal(), "account_id": found.account, "expires_at": found.end}
        return msgspec.json.encode(said)

    def _renewed(self, file: AuthFile, old: Tokens, refused: Secret | None) -> Tokens:
        try:
            new = LoginService(self.issuer).renewed(old)
        except AuthenticationError as error:
            error.message = f"{error.message}: {COMMAND}"
            error.args = (error.message,)
            raise
        except NovaError:
            if old.access != refused and (old.end or 0.0) > time.time():
                return old  # good for a while, and asked about again soon
            raise
        file.keep(new)
        return new


@dataclass(frozen=True, slots=True)
class Access:
    """An access token, and the account that it is for."""

    token: Secret
    account: str | None


def access_in(body: bytes, now: float) -> tuple[Access, float]:
    """What `Login.fresh` tells, and for how many seconds it is good."""
    tokens = tokens_in(msgspec.json.decode(body))
    assert tokens is not None
    seconds = UNKNOWN if tokens.end is None else max(0.0, tokens.end - now)
    return Access(tokens.access, tokens.account), seconds


def _logged_in(file: AuthFile) -> Tokens:
    tokens = file.tokens()
    if tokens is None:
        hint = f"the login is looked for in {file.path}"
        raise AuthenticationError(f"nobody is logged in at ChatGPT: {COMMAND}", code="missing_api_key", hint=hint)
    return tokens


def _is_good(tokens: Tokens, refused: Secret | None) -> bool:
    return tokens.access != refused and (tokens.end is None or time.time() < tokens.end - EARLY)


def without_token(error: NovaError, access: Access) -> NovaError:
    """The same error, the token masked in its message."""
    error.message = error.message.replace(access.token.reveal(), "****")
    error.args = (error.message,)
    return error
