"""The rules a configuration sets for calls: retries, deadlines, fallbacks, cooldowns, dropping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nova_core.types.call import Call
from nova_core.types.deployment import Deployment

GENERIC = "*"


@dataclass(frozen=True, slots=True)
class Policy:
    """Times are in seconds; None = no limit of this kind.

    `fallbacks` maps a model group to the groups tried after it; the key `*` serves every group without its own.
    `request_timeout` bounds a whole attempt that is not streamed, and the gaps between chunks of a stream.
    """

    num_retries: int = 2
    retry_after: float = 0.0
    timeout: float | None = None
    stream_timeout: float | None = None
    request_timeout: float | None = 600.0
    connect_timeout: float = 10.0
    fallbacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    max_fallbacks: int = 5
    cooldown_time: float = 5.0
    disable_cooldowns: bool = False
    allowed_fails: int | None = None
    always_include_stream_usage: bool = False

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

    def retries(self, call: Call, deployment: Deployment) -> int:
        """How many more attempts a group gets after the first; 0 counts as given."""
        if call.options.num_retries is not None:
            return call.options.num_retries
        return deployment.num_retries if deployment.num_retries is not None else self.num_retries


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
