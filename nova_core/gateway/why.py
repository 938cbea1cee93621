"""Makes the decision record of a call from what was kept of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from nova_core._version import __version__
from nova_core.config.redact import redacted
from nova_core.gateway.accounting import record_of
from nova_core.gateway.decisions import Trace, attempt_line, trace_of
from nova_core.gateway.routing import COOLDOWN, EMBEDDING_SPACE
from nova_core.types.call import Call, Note
from nova_core.types.decision import (
    Candidate,
    Change,
    Decision,
    Generation,
    GroupDecision,
    NoteLine,
    Removal,
    Routed,
)
from nova_core.types.deployment import Deployment
from nova_core.types.usage import Usage

WORDS = re.compile(r"[\s,>]+")
DIGEST_CHARACTERS = 12
MOST_LINE = 3500
"""Characters of a record in a header: proxies take about 4,000 of one."""
_ENCODE = msgspec.json.Encoder(enc_hook=str, order="sorted").encode


def decision_of(trace: Trace, *, private: bool = True) -> Decision:
    """The record; without what `private` allows it does not name the configuration and the plugins."""
    return Decision(
        id=trace.id,
        created=trace.created,
        operation=trace.operation,
        dialect=trace.dialect,
        model=trace.model,
        caller=trace.principal.name or trace.principal.id,
        route=trace.route,
        tags=trace.tags,
        stream=trace.stream,
        task=trace.task,
        space=trace.space.name if trace.space is not None else trace.said.get("embedding-space"),
        group=trace.group or None,
        deployment=trace.deployment or trace.said.get("model-id"),
        status=trace.status,
        failure=trace.failure,
        groups=tuple(_groups(trace)),
        fallbacks=tuple(routed.group for routed in trace.routed[1:]),
        attempts=tuple(attempt_line(each, trace.started) for each in trace.attempts),
        notes=tuple(NoteLine(note.step, note.what, note.why, note.scores) for note in trace.notes),
        cache=_cache(trace),
        dropped=trace.fidelity.dropped,
        seconds=None if trace.status is None else round(trace.seconds, 6),
        upstream_seconds=None if trace.status is None else round(trace.upstream_seconds, 6),
        usage=used(trace.usage),
        cost=None if trace.cost is None else f"{trace.cost:f}",
        config=config_version(trace.generation) if private else None,
        nova=__version__,
        plugins=trace.generation.plugins if private else {},
        children=tuple(decision_of(child, private=private) for child in trace.children),
    )


def _cache(trace: Trace) -> str | None:
    """What a cache said, if one was asked."""
    said = (note.what for note in trace.notes if note.step.startswith("cache") and note.what in ("hit", "miss"))
    return "hit" if "cache-key" in trace.said else next(said, None)


def used(usage: Usage | None) -> Mapping[str, int | float]:
    """The buckets that are not empty."""
    return {} if usage is None else usage.counts


def config_version(generation: Generation) -> str:
    """A name for what a configuration says, the same wherever it is read. Secrets are no part of it."""
    return digest_of(generation.raw)


def digest_of(settings: Mapping[str, Any]) -> str:
    """A short name for settings, without their secrets."""
    return hashlib.sha256(_ENCODE(redacted(settings))).hexdigest()[:DIGEST_CHARACTERS]


def _groups(trace: Trace) -> Iterator[GroupDecision]:
    noted = 0
    for routed in trace.routed:
        yield group_decision(routed, trace.notes, noted)
        noted = max(noted, routed.end_note)


def group_decision(routed: Routed, notes: Sequence[Note], first_note: int = 0) -> GroupDecision:
    """One group as a record shows it. Its own notes begin with `first_note` of the call's."""
    snapshot = routed.snapshot
    own = notes[first_note : routed.end_note]
    return GroupDecision(
        group=routed.group,
        candidates=tuple(map(_candidate, routed.candidates)),
        removed=tuple(removal for change in routed.changes for removal in _removals(change, routed, notes)),
        order=tuple(tuple(each.id for each in level) for level in routed.levels),
        scores={note.step: note.scores for note in own if note.scores},
        cooling={} if snapshot is None else _left(snapshot.cooling, routed.candidates, snapshot.now),
        failure=routed.failure,
    )


def _candidate(deployment: Deployment) -> Candidate:
    return Candidate(
        deployment.id, deployment.provider, deployment.model, deployment.tags, deployment.order, deployment.weight
    )


def _left(cooling: Mapping[str, float], candidates: Iterable[Deployment], now: float) -> Mapping[str, float]:
    known = {each.id for each in candidates}
    return {id: round(max(0.0, until - now), 3) for id, until in cooling.items() if id in known}


def _removals(change: Change, routed: Routed, notes: Sequence[Note]) -> Iterator[Removal]:
    kept = {each.id for each in change.after}
    lost = [each.id for each in change.before if each.id not in kept]
    own = notes[change.first_note : change.end_note]
    for id in lost:
        yield Removal(id, change.step, _reason(id, change.step, routed, own))


def _reason(id: str, step: str, routed: Routed, own: Sequence[Note]) -> str:
    """What the step wrote about this candidate, else what it wrote at all."""
    if step == COOLDOWN and routed.snapshot is not None:
        left = routed.snapshot.cooling.get(id, routed.snapshot.now) - routed.snapshot.now
        return f"it rests for another {max(0.0, left):.1f} s after failures"
    if step == EMBEDDING_SPACE:
        return "its vectors are in another embedding space"
    named = [note for note in own if id in WORDS.split(note.what)]
    said = dict.fromkeys(note.why or note.what for note in named or own)
    return "; ".join(said) or "the step did not say"


def decision_line(call: Call) -> str:
    """The record of a call that is being answered as one line of ASCII JSON, short enough for a header.

    What does not fit is left out, the longest tellings first; `cut` names it.
    """
    record = record_of(call, status=200, error=None, streamed=call.streaming)
    said = as_json(decision_of(trace_of(record, called=False), private=False))
    for name in ("id", "created", "route", "nova"):
        said.pop(name, None)
    cut: list[str] = []
    while len(line := json.dumps(said, separators=(",", ":"))) > MOST_LINE:
        longest = max((name for name in said if name != "cut"), key=lambda name: len(json.dumps(said[name])))
        del said[longest]
        cut.append(longest)
        said["cut"] = cut
    return line


def as_json(decision: Decision) -> dict[str, Any]:
    """The record as plain data."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(decision))
    return plain
