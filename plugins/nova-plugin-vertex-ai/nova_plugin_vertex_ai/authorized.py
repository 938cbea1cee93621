"""What all families of models share: credentials, tokens, and headers."""

from __future__ import annotations

from functools import partial

import msgspec

from nova_core.errors import AuthenticationError, ConfigurationError, NovaError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.provider import DialectProvider
from nova_plugin_vertex_ai.credentials import Credentials
from nova_plugin_vertex_ai.reading import read
from nova_plugin_vertex_ai.tokens import Tokens

CREDENTIALS = ("vertex_credentials", "vertex_ai_credentials")
ACCESS_TOKEN = "ya29."
"""What Google's access tokens begin with; other keys are API keys."""
ADDRESS = "vertex_address"
"""Where a deployment was completed with its address, which callers may have replaced since."""
MOST = 1000


class Keychain:
    """Credentials by their text, read once, and their tokens."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        self.tokens = tokens or Tokens()
        self._given: dict[str, Credentials] = {}
        self._sent: dict[str, Credentials] = {}

    def learn(self, text: str, credentials: Credentials) -> None:
        """Credentials that the operator has given."""
        self._given[text] = credentials

    def find(self, deployment: Deployment) -> Credentials:
        """The credentials of a deployment; what the operator has not given, a caller has sent.

        Raises AuthenticationError for what callers may not send, and for the operator's at another address than theirs.
        """
        text = credentials_text(deployment)
        if text in self._given:
            if deployment.settings.get(ADDRESS) != deployment.api_base:
                raise AuthenticationError("the operator's credentials are not sent to another `api_base`")
            return self._given[text]
        if text not in self._sent:
            try:
                found = read(text, {}, trusted=False)
            except ConfigurationError as error:
                raise AuthenticationError(error.message) from error
            if len(self._sent) >= MOST:
                self._sent.clear()
            self._sent[text] = found.credentials
        return self._sent[text]


class Authorized(DialectProvider):
    """A provider whose calls carry a token; where there is none yet, or an old one, it is fetched first."""

    secret_headers = DialectProvider.secret_headers | {"x-goog-api-key"}

    def __init__(self, keychain: Keychain) -> None:
        self._keychain = keychain

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The key of a deployment that has one, else the token."""
        if deployment.api_key is not None and (key := deployment.api_key.reveal()):
            bearer = key.startswith(ACCESS_TOKEN)
            return [("Authorization", f"Bearer {key}") if bearer else ("x-goog-api-key", key)]
        return [("Authorization", f"Bearer {self._keychain.tokens.last(credentials_text(deployment)).reveal()}")]

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt, after the exchanges for a token where one is needed."""
        ask = partial(super().provider_call, call, request, deployment)
        if deployment.api_key is not None and deployment.api_key.reveal():
            return ask()
        tokens, text = self._keychain.tokens, credentials_text(deployment)
        credentials = self._keychain.find(deployment)
        if tokens.current(text) is not None:
            return ask()
        return tokens.fetch(text, credentials, self.dialect_for(request.operation, deployment), ask)

    def _read_error(self, deployment: Deployment, response: UpstreamResponse) -> NovaError:
        """The error of a status; a token that was refused is not used again."""
        if response.status == 401:
            self._keychain.tokens.forget(credentials_text(deployment))
        return super()._read_error(deployment, response)


def credentials_text(deployment: Deployment) -> str:
    """The text of a deployment's credentials, empty for the machine's own."""
    given = next((deployment.settings[name] for name in CREDENTIALS if deployment.settings.get(name)), "")
    return given if isinstance(given, str) else msgspec.json.encode(given).decode()
