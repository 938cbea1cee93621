"""What a reply repeats of its request, and under which id the caller knows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from nova_core.types.message import Members, decoded
from nova_core.wire.openai_responses.fields import new_id

DEFAULTS: Final[Mapping[str, Any]] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": None,
    "store": True,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": None,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
"""Fields that every response repeats, and what they are where the request is silent; null where that is unknown."""

NOTHING: Final[Members] = MappingProxyType({})


def known_id(upstream: str) -> str:
    """The upstream's own id where it is one of a response, else a new one."""
    return upstream if upstream.startswith("resp_") else new_id("resp")


def untold(response: Mapping[str, Any]) -> None:
    """Nobody keeps the response."""


class Asked:
    """A request as its reply sees it.

    `members` are the request's, `previous` the id of the response that it goes on from, as the caller gave it.
    `known_as` turns an upstream's id into the caller's. `tell` is given the whole response of a stream that was
    encoded here, before its last event is written.
    """

    def __init__(
        self,
        members: Members = NOTHING,
        *,
        previous: str | None = None,
        known_as: Callable[[str], str] = known_id,
        tell: Callable[[Mapping[str, Any]], None] = untold,
    ) -> None:
        self.previous = previous
        self.known_as = known_as
        self.tell = tell
        self._members = members

    @cached_property
    def echo(self) -> Mapping[str, Any]:
        """The fields of the request that replies repeat."""
        given = {name: decoded(self._members[name]) for name in DEFAULTS if name in self._members}
        said = {name: value for name, value in given.items() if value is not None}
        return {**DEFAULTS, **said, "previous_response_id": self.previous}
