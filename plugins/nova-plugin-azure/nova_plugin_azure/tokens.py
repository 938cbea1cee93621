"""Tokens of Entra: kept while they are good, and fetched in exchanges of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from nova_core.types.dialect import Dialect
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange
from nova_core.wire.kept_tokens import KeptTokens
from nova_core.wire.steps import Ending, follow
from nova_plugin_azure.entra import Identity, Token, refused


class Tokens(KeptTokens[Identity]):
    """The tokens of any number of identities; times in Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.operators: set[Secret] = set()
        """Secrets that the operator has given, for the operator's own addresses."""

    def fetch(self, identity: Identity, dialect: Dialect, ask: Callable[[], Exchange]) -> Exchange:
        """The exchanges that get a token, and then the one that needs it. Raises AuthenticationError."""

        def then(token: Token) -> Exchange:
            self.keep(identity, token.secret, token.seconds)
            return ask()

        return follow(identity.steps(self._clock()), Ending(dialect, partial(refused, identity), then))
