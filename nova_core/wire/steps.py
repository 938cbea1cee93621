"""Exchanges that follow one another to one result, such as a token, written as one generator."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from nova_core.errors import NovaError
from nova_core.types.dialect import Dialect
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse

Result = TypeVar("Result")
Steps: TypeAlias = Generator[UpstreamRequest, UpstreamResponse, Result]
"""Asks for one request (or errand) after the other, is sent the responses, and answers the result."""


@dataclass(frozen=True, slots=True)
class Ending(Generic[Result]):
    """What becomes of the steps: `then` makes the exchange that needed their result.

    `refused` says what a status of 400 and above means; `dialect` is that of the exchange that follows.
    """

    dialect: Dialect
    refused: Callable[[UpstreamResponse], NovaError]
    then: Callable[[Result], Exchange]


def follow(steps: Steps[Result], ending: Ending[Result]) -> Exchange:
    """The first exchange of the steps, which leads to the others and to the end. Raises what the steps raise."""
    try:
        request = next(steps)
    except StopIteration as done:
        return ending.then(done.value)
    return _exchange(request, steps, ending)


def _exchange(request: UpstreamRequest, steps: Steps[Result], ending: Ending[Result]) -> Exchange:
    def read(response: UpstreamResponse) -> Exchange:
        try:
            following = steps.send(response)
        except StopIteration as done:
            return ending.then(done.value)
        return _exchange(following, steps, ending)

    return Exchange(request, ending.dialect, read, ending.refused)
