"""Which model groups a call may try, one after the other: bounded and free of cycles."""

from __future__ import annotations

from collections.abc import Iterator

from nova_core.gateway.policy import GENERIC, Policy
from nova_core.types.call import Call


def fallbacks_of(group: str, policy: Policy) -> tuple[str, ...]:
    """The configured fallbacks of a group; a group without its own takes those of `*`."""
    specific = policy.fallbacks.get(group)
    return specific if specific is not None else policy.fallbacks.get(GENERIC, ())


class FallbackPlan:
    """Iterates over the groups to try. A group is tried once; its own fallbacks come right after it failed.

    The caller's `fallbacks` replace the configured ones of the first group. Groups that the caller may not
    call are left out. At most `max_fallbacks` groups follow the first.
    """

    def __init__(self, call: Call, policy: Policy, *, first: str) -> None:
        self._call = call
        self._policy = policy
        self._pending: list[str] = [first]
        self._seen: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        while self._pending and len(self._seen) <= self._policy.max_fallbacks:
            group = self._pending.pop(0)
            if group in self._seen:
                continue
            if self._seen and not self._call.principal.may_call(group):
                self._call.note("fallback", f"{group} left out", "the key may not call it")
                continue
            first = not self._seen
            self._seen.add(group)
            yield group
            self._pending = [*self._next(group, first), *self._pending]

    def _next(self, group: str, first: bool) -> tuple[str, ...]:
        if self._call.options.disable_fallbacks:
            return ()
        if first and self._call.options.fallbacks is not None:
            return self._call.options.fallbacks
        return fallbacks_of(group, self._policy)
