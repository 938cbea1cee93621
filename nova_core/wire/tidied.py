"""Jobs at vendors that keep what they are given: all of it is deleted before the job answers, or fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import msgspec

from nova_core.errors import BadGatewayError, NovaError
from nova_core.types.message import Reply
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.body import NOT_JSON

Step: TypeAlias = Callable[[UpstreamResponse], Reply | Exchange]
Delete: TypeAlias = Callable[[], UpstreamRequest]


@dataclass(frozen=True, slots=True)
class Tidied:
    """What the exchanges of a job have in common: the first of them, and what deletes what the vendor keeps so far."""

    exchange: Exchange
    left: tuple[Delete, ...] = ()

    def keeping(self, delete: Delete) -> Tidied:
        """The job with one thing more to delete, before the others."""
        return replace(self, left=(delete, *self.left))

    def asking(self, request: UpstreamRequest, read: Step, wait: float = 0.0) -> Exchange:
        """The next exchange; what fails, while it is carried out or read, is told when all is deleted."""

        def tidily(response: UpstreamResponse) -> Reply | Exchange:
            try:
                return read(response)
            except NovaError as error:
                return self.failing(error)

        return msgspec.structs.replace(
            self.exchange, request=request, read=tidily, frames=None, wait=wait, otherwise=self.failing
        )

    def failing(self, error: NovaError) -> Exchange:
        """Deletes what is left and then fails. Raises the error where nothing is."""
        if not self.left:
            raise error
        return self._deleting(lambda rest: rest.failing(error))

    def ending(self, reply: Reply) -> Reply | Exchange:
        """Deletes what is left and then answers, also where something cannot be deleted."""
        return self._deleting(lambda rest: rest.ending(reply)) if self.left else reply

    def _deleting(self, then: Callable[[Tidied], Reply | Exchange]) -> Exchange:
        rest = replace(self, left=self.left[1:])
        return msgspec.structs.replace(
            self.exchange,
            request=self.left[0](),
            read=lambda response: then(rest),
            frames=None,
            otherwise=lambda error: then(rest),
        )


def document(response: UpstreamResponse) -> dict[str, Any]:
    """The JSON object of a step. Raises BadGatewayError for anything else."""
    try:
        return msgspec.json.decode(response.body, type=dict[str, Any])
    except NOT_JSON as error:
        raise BadGatewayError("the upstream's answer is not a JSON object") from error


def named(found: Any, *path: str) -> str:
    """A text in a step's object, by the names that lead to it. Raises BadGatewayError where there is none."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, str) or not found:
        raise BadGatewayError(f"the upstream's answer has no `{'.'.join(path)}`")
    return found
