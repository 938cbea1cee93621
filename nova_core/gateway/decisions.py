"""The last calls of this process, kept by reference until somebody asks why."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from nova_core.types.call import Attempt, Call, CallRecord, Note, StashKey
from nova_core.types.decision import AttemptLine, Failure, Generation, Routed
from nova_core.types.embeddings import EmbeddingSpace
from nova_core.types.fidelity import Fidelity
from nova_core.types.principal import Principal
from nova_core.types.usage import Usage


class Trace(msgspec.Struct, frozen=True, gc=False):
    """What is kept of a call: all that its decision record is made of, nothing of its bodies and headers."""

    id: str
    created: float
    started: float
    operation: str
    dialect: str
    model: str
    principal: Principal
    route: str
    tags: tuple[str, ...]
    stream: bool
    task: str | None
    space: EmbeddingSpace | None
    group: str
    deployment: str | None
    notes: Sequence[Note]
    routed: Sequence[Routed]
    attempts: Sequence[Attempt | AttemptLine]
    children: tuple[Trace, ...]
    said: Mapping[str, str]
    fidelity: Fidelity
    status: int | None
    seconds: float
    upstream_seconds: float
    usage: Usage | None
    cost: Decimal | None
    failure: Failure | None
    generation: Generation


TRACE = StashKey[Trace]("decisions.trace")


def trace_of(record: CallRecord, *, called: bool = True) -> Trace:
    """What is kept of a call that is over; `called` is false for one that was only decided about.

    Errors are kept as plain data: a traceback keeps everything alive that a call has touched.
    """
    call, error = record.call, record.error
    deployment = call.deployment
    attempts: Sequence[Attempt | AttemptLine] = call.attempts
    if error is not None or len(attempts) > 1:
        attempts = tuple(attempt_line(each, call.started) for each in call.attempts)
    children = tuple(_traces_of(call.children)) if call.children else ()
    return Trace(
        call.id, call.created, call.started, call.operation, call.original.dialect.name, call.model, call.principal,
        call.route, call.tags, call.streaming, call.selected_by_task, call.space, call.group,
        None if deployment is None else deployment.id, call.notes, call.routed, attempts, children,
        call.reply_headers, call.fidelity, record.status if called else None, record.seconds,
        record.upstream_seconds, record.usage, record.cost, None if error is None else Failure.of(error),
        record.generation,
    )  # fmt: skip


def attempt_line(attempt: Attempt | AttemptLine, started: float) -> AttemptLine:
    """An attempt as a record holds it."""
    if isinstance(attempt, AttemptLine):
        return attempt
    return AttemptLine(
        attempt.number,
        attempt.group,
        attempt.deployment.id,
        round(attempt.started - started, 6),
        round(attempt.seconds, 6),
        None if attempt.error is None else Failure.of(attempt.error),
    )


def _traces_of(children: Sequence[Call]) -> Iterator[Trace]:
    """Those of the children that are over: the parent's trace is made after theirs."""
    for child in children:
        trace = child.stash.get(TRACE)
        if trace is not None:
            yield trace


def keep_for_parent(record: CallRecord) -> None:
    """Let the parent of this call find what is kept of it, which is made once."""
    if TRACE not in record.call.stash:
        record.call.stash[TRACE] = trace_of(record)


class DecisionStore:
    """Keeps the last `most` calls; 0 keeps none. `finished` is a watcher of the gateway.

    `settle` is called before a call is looked for: whoever hands in calls in batches hands in what it still has.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.settle: Callable[[], None] = _nothing
        self._kept: deque[Trace] = deque(maxlen=most)

    def __len__(self) -> int:
        return len(self._kept)

    def finished(self, record: CallRecord) -> None:
        """Take in one call."""
        self.keep((record,))

    def keep(self, records: Iterable[CallRecord]) -> None:
        """Take in many calls, each child with its parent, children before their parents.

        One loop over many costs far less than many visits.
        """
        if not self.most:
            return
        for record in records:
            if record.call.parent is None:
                self._kept.append(trace_of(record))
            else:
                keep_for_parent(record)

    def find(self, id: str, principal: Principal) -> Trace | None:
        """The last call of this id that the principal may see: all for an administrator, else its own."""
        self.settle()
        for trace in reversed(self._kept):
            found = _inside(trace, id)
            if found is not None and (principal.admin or found.principal.id == principal.id):
                return found
        return None


def _nothing() -> None:
    """There is nothing to settle."""


def _inside(trace: Trace, id: str) -> Trace | None:
    if trace.id == id:
        return trace
    return next((found for child in trace.children if (found := _inside(child, id)) is not None), None)
