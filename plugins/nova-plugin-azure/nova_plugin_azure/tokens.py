"""Tokens of Entra: kept while they are good, and fetched in an exchange of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from nova_core.types.dialect import Dialect
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.kept_tokens import KeptTokens
from nova_plugin_azure.entra import Identity, refused, token_of


class Tokens(KeptTokens[Identity]):
    """The tokens of any number of identities; times in Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.operators: set[Secret] = set()
        """Secrets that the operator has given, for the operator's own addresses."""

    def fetch(self, identity: Identity, dialect: Dialect, then: Callable[[], Exchange]) -> Exchange:
        """The exchange that gets a token, which leads to the one that needs it. Raises AuthenticationError."""

        def read(response: UpstreamResponse) -> Exchange:
            token = token_of(response)
            self.keep(identity, token.secret, token.seconds)
            return then()

        return Exchange(identity.request(), dialect, read, partial(refused, identity))
