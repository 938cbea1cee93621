"""Tokens: kept while they are good, and fetched anew before they are not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from nova_core.types.dialect import Dialect
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_plugin_azure.entra import Identity, refused, token_of

EARLY = 300.0
"""Seconds before its end in which a token is fetched anew, at most a fifth of its life."""
LAST = 10.0
"""Seconds before its end in which a token is not used any more."""
PATIENCE = 30.0
"""Seconds for which others go on with the old token while one call fetches a new one."""
MOST = 1000


@dataclass(slots=True)
class _Kept:
    secret: Secret
    renew: float
    end: float


class Tokens:
    """The tokens of any number of identities; times in Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: dict[Identity, _Kept] = {}
        self.operators: set[Secret] = set()
        """Secrets that the operator has given, for the operator's own addresses."""

    def current(self, identity: Identity) -> Secret | None:
        """A token that is good; None when the caller of this has to fetch one."""
        kept, now = self._kept.get(identity), self._clock()
        if kept is None or now >= kept.end - LAST:
            return None
        if now >= kept.renew:
            kept.renew = now + PATIENCE
            return None
        return kept.secret

    def last(self, identity: Identity) -> Secret:
        """The token that was fetched last."""
        return self._kept[identity].secret

    def forget(self, identity: Identity) -> None:
        """Do not use what is kept: it was refused."""
        self._kept.pop(identity, None)

    def fetch(self, identity: Identity, dialect: Dialect, then: Callable[[], Exchange]) -> Exchange:
        """The exchange that gets a token, which leads to the one that needs it. Raises AuthenticationError."""

        def read(response: UpstreamResponse) -> Exchange:
            token = token_of(response)
            now = self._clock()
            if len(self._kept) >= MOST:
                self._kept.clear()
            early = min(EARLY, token.seconds / 5)
            self._kept[identity] = _Kept(token.secret, now + token.seconds - early, now + token.seconds)
            return then()

        return Exchange(identity.request(), dialect, read, partial(refused, identity))
