"""Random orders of candidates that a seed decides: even, or by weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import factorial
from operator import itemgetter
from random import Random

from nova_core.types.deployment import Deployment

MOST_TRIED = 32
"""Candidates of a level that are put in order; more are not tried in one call anyway."""
MOST_BY_SEED = 12
"""12! orders are so few beside 2 ** 64 seeds that none is noticeably likelier."""
MOST_AT_ONCE = 4
"""So few candidates have so few orders that all of them are made once."""
_WORD = 2**64 - 1
_HALF = 2**32 - 1
_STEPS = 2.0**32


def shuffled(candidates: Sequence[Deployment], seed: int) -> tuple[Deployment, ...]:
    """A weighted shuffle: the first of `weight`, `rpm`, `tpm` that any candidate has decides; 0 goes last.

    Of very many candidates as many as may be tried.

    Sampling without replacement after Efraimidis and Spirakis (2006): sort by u ** (1 / weight).
    """
    if len(candidates) < 2:
        return tuple(candidates)
    weights = [each.weight or 0.0 for each in candidates]
    if max(weights) <= 0:
        weights = [each.rpm or 0.0 for each in candidates]
        if max(weights) <= 0:
            weights = [each.tpm or 0.0 for each in candidates]
            if max(weights) <= 0:
                return evenly(candidates, seed)
    chances = _uniform(seed, len(weights))
    keys = [u ** (1.0 / weight) if weight > 0 else -u for u, weight in zip(chances, weights, strict=False)]
    places = sorted(range(len(keys)), key=keys.__getitem__, reverse=True)
    return tuple([candidates[place] for place in places[:MOST_TRIED]])


def _uniform(seed: int, count: int) -> list[float]:
    """At least so many numbers between 0 and 1: halves of the words of SplitMix64 (Steele, Lea and Flood, 2014),
    which takes no time to be seeded.
    """
    numbers: list[float] = []
    while len(numbers) < count:
        seed = (seed + 0x9E3779B97F4A7C15) & _WORD
        mixed = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _WORD
        mixed ^= mixed >> 31
        numbers += (((mixed >> 32) + 0.5) / _STEPS, ((mixed & _HALF) + 0.5) / _STEPS)
    return numbers


def evenly(candidates: Sequence[Deployment], seed: int) -> tuple[Deployment, ...]:
    """A shuffle in which every order is as likely; of very many candidates as many as may be tried.

    The seed of 64 bits is itself the random choice of an order.
    """
    count = len(candidates)
    if 2 <= count <= MOST_AT_ONCE:
        orders = _orders(count)
        return orders[seed % len(orders)](candidates)
    if count > MOST_BY_SEED:
        return tuple(Random(seed).sample(candidates, min(count, MOST_TRIED)))
    return tuple(candidates[place] for place in _order(count, seed))


def _order(count: int, seed: int) -> list[int]:
    left, chosen = list(range(count)), []
    while left:
        seed, place = divmod(seed, len(left))
        chosen.append(left.pop(place))
    return chosen


@lru_cache(maxsize=MOST_AT_ONCE)
def _orders(count: int) -> list[Callable[[Sequence[Deployment]], tuple[Deployment, ...]]]:
    """All orders of so few, by what the seed leaves when it is divided by their number."""
    return [itemgetter(*_order(count, seed)) for seed in range(factorial(count))]
