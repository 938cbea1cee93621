"""The core's own last step of routing: leave out what rests, then order levels and a weighted shuffle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from nova_core.errors import NoDeploymentError
from nova_core.types.call import Call, Note
from nova_core.types.deployment import Deployment
from nova_core.types.routing import Snapshot
from nova_core.types.shuffling import evenly, shuffled

Rank = Callable[[tuple[Deployment, ...]], Sequence[Deployment] | None]
"""Who is asked first of one level; None: no opinion."""

UNORDERED = 1 << 30
EVENLY = Note("weighted-shuffle", "every order as likely", "no candidate has an order level or a weight")
BY_WEIGHT = Note("weighted-shuffle", "by level, then by weight, rpm or tpm", "the first of them that a candidate has")
"""The core's own strategy, as records call it."""


def healthy(candidates: Sequence[Deployment], snapshot: Snapshot) -> tuple[Deployment, ...]:
    """The candidates that do not rest. Raises NoDeploymentError saying when the first returns."""
    if not snapshot.cooling:
        return tuple(candidates)
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


def order(
    call: Call, candidates: Sequence[Deployment], snapshot: Snapshot, *, alike: bool = False, rank: Rank | None = None
) -> tuple[tuple[Deployment, ...], ...]:
    """Levels of candidates, most preferred first; within a level by `rank`, else by weighted shuffle.

    `alike`: none of the candidates has an order level or a weight.
    """
    if len(candidates) == 1:
        return (tuple(candidates),)
    if rank is not None:
        return tuple(
            _ranked(call, level, snapshot.seed + place, rank) for place, level in enumerate(by_level(candidates))
        )
    if alike:
        call.notes.append(EVENLY)
        return (evenly(candidates, snapshot.seed),)
    call.notes.append(BY_WEIGHT)
    return tuple(shuffled(level, snapshot.seed + place) for place, level in enumerate(by_level(candidates)))


def by_level(candidates: Sequence[Deployment]) -> list[tuple[Deployment, ...]]:
    """The candidates of each order level, the first level first."""
    if len({each.order for each in candidates}) == 1:
        return [tuple(candidates)]
    return [tuple(level) for _, level in groupby(sorted(candidates, key=level_of), key=level_of)]


def _ranked(call: Call, level: tuple[Deployment, ...], seed: int, rank: Rank) -> tuple[Deployment, ...]:
    ranked = rank(level) if len(level) > 1 else level
    if ranked:
        return tuple(ranked)
    call.notes.append(BY_WEIGHT)
    return shuffled(level, seed)


def are_alike(deployments: Sequence[Deployment]) -> bool:
    """Whether nothing in the configuration prefers one of them."""
    return all(d.order is None and not d.weight and not d.rpm and not d.tpm for d in deployments)
