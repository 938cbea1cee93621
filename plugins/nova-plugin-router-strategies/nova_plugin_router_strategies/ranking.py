"""Orders of preference as pure functions of the candidates, what is known of them, and a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import nsmallest
from math import exp, inf

from nova_core.types.deployment import Deployment
from nova_core.types.shuffling import MOST_TRIED, evenly
from nova_plugin_router_strategies.plans import LatencyArgs

Order = tuple[Deployment, ...]
Used = tuple[int, int]
"""Requests and tokens of the current minute."""
Seen = tuple[float, float]
"""A latency, and the monotonic second it was last heard of."""

NOTHING: Used = (0, 0)
UNHEARD = 1.0
"""Seconds that a call is taken to need on a deployment that has not answered yet."""


def lowest(candidates: Order, scores: Sequence[float], seed: int, slack: float = 0.0) -> Order:
    """The lowest score first, at random between those that are at most `slack` (a share) above it."""
    most = min(scores) * (1.0 + slack)
    first = evenly([each for each, score in zip(candidates, scores, strict=True) if score <= most], seed)
    left = min(len(candidates), MOST_TRIED) - len(first)
    if left <= 0:
        return first
    above = (place for place, score in enumerate(scores) if score > most)
    return (*first, *(candidates[place] for place in nsmallest(left, above, key=scores.__getitem__)))


def busyness(candidates: Order, busy: Mapping[str, int]) -> list[float]:
    """How many calls run on each."""
    return [busy.get(each.id, 0) for each in candidates]


def usage(candidates: Order, used: Mapping[str, Used]) -> list[float]:
    """The share of its limits that each would have used with this call, infinite for who has no room.

    Where a candidate has no limit at all: the tokens used by each, a request counted like one more.
    """
    if not used:
        return [0.0] * len(candidates)
    limited = all(each.rpm or each.tpm for each in candidates)
    scores: list[float] = []
    for each in candidates:
        requests, tokens = used.get(each.id, NOTHING)
        of_requests = (requests + 1) / each.rpm if each.rpm else 0.0
        of_tokens = tokens / each.tpm if each.tpm else 0.0
        if of_requests > 1 or of_tokens >= 1:
            scores.append(inf)
        else:
            scores.append(max(of_requests, of_tokens) if limited else tokens + requests)
    return scores


def speed(each: Deployment, seen: Mapping[str, Seen], busy: Mapping[str, int], now: float, args: LatencyArgs) -> float:
    """What a call would wait for on this one: its latency, the less the longer ago, times the calls it runs.

    Who was never heard of, or not for `ttl` seconds, is tried, but hardly by several calls at a time.
    """
    running = busy.get(each.id, 0)
    latency, at = seen.get(each.id, (0.0, -inf))
    if now - at > args.ttl:
        return running * UNHEARD
    return latency * exp(max(-700.0, (at - now) / args.decay)) * (running + 1)


def better_of_two(
    candidates: Order, seen: Mapping[str, Seen], busy: Mapping[str, int], now: float, args: LatencyArgs, seed: int
) -> tuple[Order, Mapping[str, float]]:
    """A random order, of whose first two the faster goes first; and the scores of these two."""
    order = evenly(candidates, seed)
    one, other = order[0], order[1]
    scores = {each.id: speed(each, seen, busy, now, args) for each in (one, other)}
    return (order if scores[one.id] <= scores[other.id] else (other, one, *order[2:])), scores


def latencies(candidates: Order, seen: Mapping[str, Seen], now: float, ttl: float) -> list[float]:
    """The latency of each as it was last known; 0 for who was not heard of within `ttl` seconds."""
    found = (seen.get(each.id, (0.0, -inf)) for each in candidates)
    return [latency if now - at <= ttl else 0.0 for latency, at in found]
