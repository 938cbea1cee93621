"""What every call of an account carries: a token that the operator has, or one that a user signs."""

# https://docs.snowflake.com/en/developer-guide/snowflake-rest-api/authentication

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from nova_core.errors import AuthenticationError, ConfigurationError, NovaError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.kept_tokens import KeptTokens
from nova_core.wire.provider import DialectProvider
from nova_plugin_snowflake.addresses import OWN
from nova_plugin_snowflake.key_pair import LIFETIME, KeyPair, key_pair_of

ACCOUNT, KEY_FILE = "snowflake_account_id", "snowflake_private_key_file"
VARIABLES: Mapping[str, tuple[str, ...]] = {
    ACCOUNT: ("SNOWFLAKE_ACCOUNT_ID", "SNOWFLAKE_ACCOUNT"),
    "snowflake_user": ("SNOWFLAKE_USER",),
    "snowflake_private_key": ("SNOWFLAKE_PRIVATE_KEY",),
    KEY_FILE: ("SNOWFLAKE_PRIVATE_KEY_FILE", "SNOWFLAKE_PRIVATE_KEY_PATH"),
    "snowflake_private_key_passphrase": ("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "PRIVATE_KEY_PASSPHRASE"),
}
"""Settings of a deployment, and the environment variables that stand in for them."""
ADDRESS = "snowflake_address"
"""Where a deployment was completed with its address, which callers may have replaced since."""
PAT = "pat/"
"""What a key begins with that is said to be a programmatic access token; the vendor tells other tokens by itself."""
TOKEN_TYPE = "X-Snowflake-Authorization-Token-Type"


class Account(DialectProvider):
    """Says who asks. A deployment's own key or key pair beats the environment's, and there a key beats a key pair."""

    base_url = OWN
    api_base_env = ("SNOWFLAKE_API_BASE",)
    api_key_env = ("SNOWFLAKE_JWT", "SNOWFLAKE_API_KEY", "SNOWFLAKE_PAT")
    settings_keys: tuple[str, ...] = tuple(VARIABLES)

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tokens: KeptTokens[KeyPair] = KeptTokens(clock)

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, and key or key pair. Raises ConfigurationError without an account, or for a file that is not."""
        found = {
            name: value
            for name, variables in VARIABLES.items()
            if (value := next((environ[each].strip() for each in variables if environ.get(each, "").strip()), ""))
        }
        own = {name: value for name, value in deployment.settings.items() if value is not None}
        deployment = replace(deployment, settings=_with_key({**found, **own}))
        if _has_key(own) and not _token(deployment):
            environ = {name: value for name, value in environ.items() if name not in self.api_key_env}
        complete = super().complete(deployment, environ)
        account, base = complete.settings.get(ACCOUNT), complete.api_base
        if base != OWN:
            return replace(complete, settings={**complete.settings, ADDRESS: base})
        if not isinstance(account, str) or not account:
            raise ConfigurationError(
                f"provider {deployment.provider} needs `{ACCOUNT}` of {deployment.model}, the environment variable "
                f"{' or '.join(VARIABLES[ACCOUNT])}, or an `api_base`"
            )
        base = OWN.replace("{SNOWFLAKE_ACCOUNT_ID}", account)
        return replace(complete, api_base=base, settings={**complete.settings, ADDRESS: base})

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The token, and of which kind it is where that is known. Raises AuthenticationError without any."""
        if key := _token(deployment):
            kind = [(TOKEN_TYPE, "PROGRAMMATIC_ACCESS_TOKEN")] if key.startswith(PAT) else []
            return [("Authorization", f"Bearer {key.removeprefix(PAT)}"), *kind]
        if (pair := key_pair_of(deployment.settings)) is not None:
            if deployment.settings.get(ADDRESS) != deployment.api_base:
                raise AuthenticationError("the operator's credentials are not sent to another `api_base`")
            return [("Authorization", f"Bearer {self._signed(pair).reveal()}"), (TOKEN_TYPE, "KEYPAIR_JWT")]
        raise AuthenticationError(
            f"no key for provider {deployment.provider}: the operator must set `api_key`, or `snowflake_user` and "
            f"`snowflake_private_key`, for {deployment.model}, or the environment variable "
            f"{' or '.join(self.api_key_env)}",
            code="missing_api_key",
        )

    def _signed(self, pair: KeyPair) -> Secret:
        token = self._tokens.current(pair)
        if token is None:
            token = pair.token(self._clock())
            self._tokens.keep(pair, token, LIFETIME)
        return token

    def _read_error(self, deployment: Deployment, response: UpstreamResponse) -> NovaError:
        """The error, a signed token masked in it; one that was refused is not used again."""
        error = super()._read_error(deployment, response)
        pair = None if _token(deployment) else key_pair_of(deployment.settings)
        if pair is None:
            return error
        if (token := self._tokens.known(pair)) is not None:
            error.message = error.message.replace(token.reveal(), "****")
            error.args = (error.message,)
        if response.status == 401:
            self._tokens.forget(pair)
        return error


def _token(deployment: Deployment) -> str:
    return deployment.api_key.reveal() if deployment.api_key is not None else ""


def _has_key(settings: Mapping[str, object]) -> bool:
    return bool(settings.get("snowflake_private_key") or settings.get(KEY_FILE))


def _with_key(settings: dict[str, object]) -> dict[str, object]:
    """The private key itself in place of the file that holds it. Raises ConfigurationError for one without."""
    path = settings.pop(KEY_FILE, None)
    if path is None or settings.get("snowflake_private_key"):
        return settings
    try:
        return {**settings, "snowflake_private_key": Path(str(path)).read_text(encoding="utf-8")}
    except OSError as error:
        raise ConfigurationError(f"`{KEY_FILE}` cannot be read: {error.strerror}") from error
