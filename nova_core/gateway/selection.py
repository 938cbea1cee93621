"""The core's own last step of routing: leave out what rests, then order levels and a weighted shuffle."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from random import Random

from nova_core.errors import NoDeploymentError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.routing import Snapshot

UNORDERED = 1 << 30


def healthy(candidates: Sequence[Deployment], snapshot: Snapshot) -> tuple[Deployment, ...]:
    """The candidates that do not rest. Raises NoDeploymentError saying when the first returns."""
    left = tuple(d for d in candidates if d.id not in snapshot.cooling)
    if left or not candidates:
        return left
    wait = max(0.0, min(snapshot.cooling[d.id] for d in candidates) - snapshot.now)
    raise NoDeploymentError(
        f"No deployments available for model '{snapshot.group}': all {len(candidates)} are cooling down after "
        f"failures. Try again in {wait:.0f} seconds.",
        retry_after=max(1.0, wait),
    )


def level_of(deployment: Deployment) -> int:
    """The order level; deployments without one come last."""
    return UNORDERED if deployment.order is None else deployment.order


def shuffled(candidates: Sequence[Deployment], random: Random) -> tuple[Deployment, ...]:
    """A weighted shuffle: the first of `weight`, `rpm`, `tpm` that any candidate has decides; 0 goes last.

    Sampling without replacement after Efraimidis and Spirakis (2006): sort by u ** (1 / weight).
    """
    if len(candidates) < 2:
        return tuple(candidates)
    for field in ("weight", "rpm", "tpm"):
        weights = [float(getattr(d, field) or 0.0) for d in candidates]
        if any(weight > 0 for weight in weights):
            break
    else:
        weights = [1.0] * len(candidates)
    keys = [random.random() ** (1.0 / weight) if weight > 0 else -random.random() for weight in weights]
    ranked = sorted(zip(keys, range(len(keys)), strict=True), reverse=True)
    return tuple(candidates[index] for _, index in ranked)


def order(call: Call, candidates: Sequence[Deployment], snapshot: Snapshot) -> tuple[tuple[Deployment, ...], ...]:
    """Levels of candidates, most preferred first; within a level by weighted shuffle."""
    if len(candidates) == 1:
        return (tuple(candidates),)
    ranked = sorted(candidates, key=level_of)
    random = snapshot.random
    levels = tuple(shuffled(tuple(level), random) for _, level in groupby(ranked, key=level_of))
    call.note("weighted-shuffle", " > ".join(d.id for level in levels for d in level))
    return levels
