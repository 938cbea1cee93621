"""Random orders of candidates that a seed decides: even, or by weight."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest
from random import Random

from nova_core.types.deployment import Deployment

MOST_TRIED = 32
"""Candidates of a level that are put in order; more are not tried in one call anyway."""
MOST_BY_SEED = 12
"""12! orders are so few beside 2 ** 64 seeds that none is noticeably likelier."""


def shuffled(candidates: Sequence[Deployment], seed: int) -> tuple[Deployment, ...]:
    """A weighted shuffle: the first of `weight`, `rpm`, `tpm` that any candidate has decides; 0 goes last.

    Of very many candidates as many as may be tried.

    Sampling without replacement after Efraimidis and Spirakis (2006): sort by u ** (1 / weight).
    """
    if len(candidates) < 2:
        return tuple(candidates)
    for field in ("weight", "rpm", "tpm"):
        weights = [float(getattr(d, field) or 0.0) for d in candidates]
        if any(weight > 0 for weight in weights):
            break
    else:
        return evenly(candidates, seed)
    random = Random(seed)
    keys = [random.random() ** (1.0 / weight) if weight > 0 else -random.random() for weight in weights]
    return tuple(candidates[index] for index in nlargest(MOST_TRIED, range(len(keys)), key=keys.__getitem__))


def evenly(candidates: Sequence[Deployment], seed: int) -> tuple[Deployment, ...]:
    """A shuffle in which every order is as likely; of very many candidates as many as may be tried.

    The seed of 64 bits is itself the random choice of an order.
    """
    if len(candidates) > MOST_BY_SEED:
        return tuple(Random(seed).sample(candidates, min(len(candidates), MOST_TRIED)))
    left, chosen = list(candidates), []
    while left:
        seed, place = divmod(seed, len(left))
        chosen.append(left.pop(place))
    return tuple(chosen)
