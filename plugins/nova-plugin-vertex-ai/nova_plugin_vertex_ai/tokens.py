"""Tokens of Google: kept while they are good, and fetched in exchanges of their own."""

from __future__ import annotations

from collections.abc import Callable

from nova_core.errors import AuthenticationError, NovaError
from nova_core.types.dialect import Dialect
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.kept_tokens import KeptTokens
from nova_core.wire.steps import Ending, follow
from nova_core.wire.upstream_errors import error_from_response
from nova_plugin_vertex_ai.credentials import Credentials, Token


class Tokens(KeptTokens[str]):
    """The tokens of any number of credentials, by a text that names them; times in Unix seconds."""

    def fetch(self, name: str, credentials: Credentials, dialect: Dialect, ask: Callable[[], Exchange]) -> Exchange:
        """The exchanges that get a token, and then the call that needs it. Raises AuthenticationError."""

        def then(token: Token) -> Exchange:
            self.keep(name, token.secret, token.seconds)
            return ask()

        return follow(credentials.steps(self._clock()), Ending(dialect, refused, then))


def refused(response: UpstreamResponse) -> NovaError:
    """What it means that a token service answered with an error: bad credentials, unless it is busy or broken."""
    error = error_from_response(response)
    if error.status >= 500 or error.status == 429:
        return error
    told = AuthenticationError(f"the credentials were refused: {error.message}", code="credentials_refused")
    told.from_upstream = True
    return told
