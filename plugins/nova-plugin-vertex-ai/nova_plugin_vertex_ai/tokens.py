"""Tokens: kept while they are good, and fetched anew before they are not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from nova_core.errors import AuthenticationError, NovaError
from nova_core.types.dialect import Dialect
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.upstream_errors import error_from_response
from nova_plugin_vertex_ai.credentials import Credentials, Steps, Token

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
    """The tokens of any number of credentials, by a text that names them; times in Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    def current(self, name: str) -> Secret | None:
        """A token that is good; None when the caller of this has to fetch one."""
        kept, now = self._kept.get(name), self._clock()
        if kept is None or now >= kept.end - LAST:
            return None
        if now >= kept.renew:
            kept.renew = now + PATIENCE
            return None
        return kept.secret

    def last(self, name: str) -> Secret:
        """The token that was fetched last."""
        return self._kept[name].secret

    def forget(self, name: str) -> None:
        """Do not use what is kept: it was refused."""
        self._kept.pop(name, None)

    def fetch(self, name: str, credentials: Credentials, dialect: Dialect, then: Callable[[], Exchange]) -> Exchange:
        """The exchanges that get a token, and then the call that needs it. Raises AuthenticationError."""
        steps = credentials.steps(self._clock())
        return self._exchange(next(steps), _Fetching(name, steps, dialect, then))

    def _exchange(self, request: UpstreamRequest, fetching: _Fetching) -> Exchange:
        def read(response: UpstreamResponse) -> Exchange:
            try:
                following = fetching.steps.send(response)
            except StopIteration as done:
                self._keep(fetching.name, done.value)
                return fetching.then()
            return self._exchange(following, fetching)

        return Exchange(request, fetching.dialect, read, refused)

    def _keep(self, name: str, token: Token) -> None:
        now = self._clock()
        if len(self._kept) >= MOST:
            self._kept.clear()
        early = min(EARLY, token.seconds / 5)
        self._kept[name] = _Kept(token.secret, now + token.seconds - early, now + token.seconds)


@dataclass(frozen=True, slots=True)
class _Fetching:
    name: str
    steps: Steps
    dialect: Dialect
    then: Callable[[], Exchange]


def refused(response: UpstreamResponse) -> NovaError:
    """What it means that a token service answered with an error: bad credentials, unless it is busy or broken."""
    error = error_from_response(response)
    if error.status >= 500 or error.status == 429:
        return error
    told = AuthenticationError(f"the credentials were refused: {error.message}", code="credentials_refused")
    told.from_upstream = True
    return told
