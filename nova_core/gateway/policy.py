"""The rules a configuration sets for calls: retries, deadlines, fallbacks, cooldowns, dropping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from nova_core.gateway.by_error import Counts
from nova_core.gateway.cooldowns import Rule
from nova_core.types.call import NO_OPTIONS, Call
from nova_core.types.deployment import Deployment

GENERIC = "*"
MOST_KNOWN = 10_000

Targets = Mapping[str, tuple[str, ...]]


class Limits(msgspec.Struct, frozen=True):
    """Deadlines of one attempt in seconds; `total` bounds a whole reply, `first_chunk` and `idle` a stream."""

    connect: float
    total: float | None
    first_chunk: float | None
    idle: float | None
    reply_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """Times are in seconds; None = no limit of this kind.

    `fallbacks` maps a model group to the groups tried after it; the key `*` serves every group without its own. Those
    for prompts that are too long and for refusals by a content policy come before them, or stand alone with
    `special_fallbacks_only`. `request_timeout` bounds a whole attempt that is not streamed, and the gaps between chunks
    of a stream; `call_timeout` a call with all its attempts, and `max_attempts` their number.
    """

    num_retries: int = 2
    retry_after: float = 0.0
    retry_policy: Counts = field(default_factory=dict)
    group_retry_policies: Mapping[str, Counts] = field(default_factory=dict)
    max_attempts: int = 20
    timeout: float | None = None
    stream_timeout: float | None = None
    request_timeout: float | None = 600.0
    connect_timeout: float = 10.0
    call_timeout: float | None = None
    fallbacks: Targets = field(default_factory=dict)
    context_window_fallbacks: Targets = field(default_factory=dict)
    content_policy_fallbacks: Targets = field(default_factory=dict)
    special_fallbacks_only: bool = False
    max_fallbacks: int = 5
    stream_continuation: bool = False
    cooldowns: Rule = field(default_factory=Rule)
    disable_cooldowns: bool = False
    always_include_stream_usage: bool = False
    known_limits: dict[str, tuple[Deployment, Limits]] = field(default_factory=dict, repr=False, compare=False)

    def limits(self, call: Call, deployment: Deployment) -> Limits:
        """The deadlines of one attempt; for a call without options of its own they are worked out once."""
        if call.options is not NO_OPTIONS:
            return self._limits(call, deployment)
        known = self.known_limits.get(deployment.id)
        if known is None or known[0] is not deployment:
            if len(self.known_limits) >= MOST_KNOWN:
                self.known_limits.clear()
            known = self.known_limits[deployment.id] = (deployment, self._limits(call, deployment))
        return known[1]

    def _limits(self, call: Call, deployment: Deployment) -> Limits:
        return Limits(
            connect=self.connect_timeout,
            total=self.attempt_timeout(call, deployment),
            first_chunk=self.first_chunk_timeout(call, deployment),
            idle=self.idle_timeout(deployment),
        )

    def call_deadline(self, call: Call) -> float | None:
        """The `time.monotonic()` second by which a call is over, of a stream has begun; the caller's value first."""
        seconds = call.options.timeout
        if seconds is None:
            seconds = self.call_timeout
        return None if seconds is None else call.started + seconds

    def attempt_timeout(self, call: Call, deployment: Deployment) -> float | None:
        """Seconds one attempt that is not streamed may take; the caller's own value first."""
        return _first(call.options.timeout, deployment.timeout, self.timeout, self.request_timeout)

    def first_chunk_timeout(self, call: Call, deployment: Deployment) -> float | None:
        """Seconds until the first chunk of a stream."""
        return _first(
            call.options.stream_timeout,
            deployment.stream_timeout,
            self.stream_timeout,
            call.options.timeout,
            deployment.timeout,
            self.request_timeout,
        )

    def idle_timeout(self, deployment: Deployment) -> float | None:
        """Seconds between two chunks of a stream."""
        return _first(deployment.timeout, self.request_timeout)


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
