"""Which model groups a call may try, one after the other: bounded and free of cycles."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from nova_core.errors import (
    ContentPolicyViolationError,
    ContextWindowExceededError,
    InternalServerError,
    ModelNotFoundError,
    NovaError,
    RequestTimeoutError,
)
from nova_core.gateway.policy import GENERIC, Policy, Targets
from nova_core.types.call import Call

NO_ALIASES: Mapping[str, str] = {}
DOWN = InternalServerError("the group is down")


def targets_of(group: str, targets: Targets, alias: str | None = None) -> tuple[str, ...] | None:
    """What is configured for a group, by its name or its alias, with or without a prefix; else what `*` has."""
    for name in (group,) if alias is None or alias == group else (group, alias):
        if name in targets:
            return targets[name]
        bare = name.partition("/")[2]
        if bare and bare in targets:
            return targets[bare]
        prefixed = [key for key in targets if key.endswith(f"/{name}")]
        if prefixed:
            return targets[prefixed[-1]]
    return targets.get(GENERIC)


def fallbacks_of(group: str, error: NovaError, policy: Policy, alias: str | None = None) -> tuple[str, ...]:
    """The configured fallbacks of a group after this error: those for its kind, else the general ones."""
    special = _special(error, policy.context_window_fallbacks, policy.content_policy_fallbacks)
    found = targets_of(group, special, alias) if special else None
    if found is not None:
        return found
    if special and policy.special_fallbacks_only:
        return ()
    return targets_of(group, policy.fallbacks, alias) or ()


def _special(error: NovaError, context_window: Targets, content_policy: Targets) -> Targets:
    if isinstance(error, ContextWindowExceededError):
        return context_window
    return content_policy if isinstance(error, ContentPolicyViolationError) else {}


def may_fall_back(error: NovaError, call: Call) -> bool:
    """Unknown names and what the caller must change about routing are answered at once; so is a passed deadline."""
    if isinstance(error, ModelNotFoundError) and not error.from_upstream and not call.attempts:
        return error.deployment_id is not None
    if call.operation == "embedding" and call.space is None:
        return False  # in which space the caller wants vectors is not known, so no other group may answer
    if call.deadline is not None and isinstance(error, RequestTimeoutError) and time.monotonic() >= call.deadline:
        return False
    return bool(call.attempts) or error.retryable or isinstance(error, ContextWindowExceededError)


class FallbackPlan:
    """The groups of one call: `current` is the one being tried, `after` says which is next.

    A group is tried once; its own fallbacks come right after it failed. The caller's fallbacks replace the configured
    ones of the first group. Groups that the caller may not call are left out. At most `max_fallbacks` groups follow the
    first. `aliases` lead from a name to its group.
    """

    __slots__ = ("_aliases", "_call", "_pending", "_policy", "_seen", "current")

    def __init__(self, call: Call, policy: Policy, *, first: str, aliases: Mapping[str, str] = NO_ALIASES) -> None:
        self.current = first
        self._call = call
        self._policy = policy
        self._aliases = aliases
        self._pending: list[str] = []
        self._seen: list[str] = [aliases.get(first, first)]

    def __iter__(self) -> Iterator[str]:
        """All groups, if each of them is down."""
        name: str | None = self.current
        while name is not None:
            yield name
            name = self.after(DOWN)

    def after(self, error: NovaError) -> str | None:
        """The group to try now that the current one failed with this; None when there is none."""
        if len(self._seen) > self._policy.max_fallbacks:
            return None
        self._pending = [*self._following(error), *self._pending]
        while self._pending:
            name = self._pending.pop(0)
            if self._group(name) in self._seen:
                continue
            if self._call.principal.may_call(name):
                self._seen.append(self._group(name))
                self.current = name
                return name
            self._call.note("fallback", f"{name} left out", "the key may not call it")
        return None

    def follows(self, error: NovaError) -> bool:
        """Whether another group is left to try if the current one fails with this."""
        if len(self._seen) > self._policy.max_fallbacks:
            return False
        left = (*self._following(error), *self._pending)
        return any(self._group(name) not in self._seen and self._call.principal.may_call(name) for name in left)

    def _following(self, error: NovaError) -> tuple[str, ...]:
        """What follows the current group after this error."""
        options, name = self._call.options, self.current
        if options.disable_fallbacks:
            return ()
        if len(self._seen) == 1:
            special = _special(error, options.context_window_fallbacks, options.content_policy_fallbacks)
            asked = targets_of(name, special, self._group(name)) if special else options.fallbacks
            if asked is not None:
                return asked
        return fallbacks_of(name, error, self._policy, self._group(name))

    def _group(self, name: str) -> str:
        return self._aliases.get(name, name)
