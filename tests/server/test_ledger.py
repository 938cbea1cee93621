"""Finished calls are counted a few at a time, and all of them soon."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast

from nova_core.gateway.decisions import DecisionStore
from nova_core.server.ledger import FEW_AT_ONCE, MOST_PENDING, PAUSE_SECONDS, Ledger


class Books:
    """Stands for metrics and for the log, and notes what comes together."""

    may_wait = True

    def __init__(self) -> None:
        self.counted: list[list[object]] = []
        self.written: list[object] = []
        self.shared = 0

    def count(self, records: Iterable[object]) -> None:
        self.counted.append(list(records))

    def write(self, records: Iterable[object]) -> None:
        self.written.extend(records)

    def share(self) -> None:
        self.shared += 1


def a_ledger(books: Books) -> Ledger:
    ledger = Ledger(cast(Any, books), cast(Any, books), DecisionStore(0))
    ledger.finished(cast(Any, "first"))  # whether lines may wait is known from the first on
    return ledger


async def test_fifty_calls_are_counted_in_their_order_over_several_rounds_of_the_loop() -> None:
    books = Books()
    ledger = a_ledger(books)
    for number in range(50):
        ledger.finished(cast(Any, number))
    assert books.written == ["first"]
    await asyncio.sleep(PAUSE_SECONDS * 3)
    assert books.written == ["first", *range(50)]
    assert [each for batch in books.counted for each in batch] == books.written
    assert max(map(len, books.counted)) <= FEW_AT_ONCE
    assert books.shared < len(books.counted) / 2  # not for every round


async def test_calls_that_finish_meanwhile_are_counted_as_well() -> None:
    books = Books()
    ledger = a_ledger(books)
    for number in range(200):
        ledger.finished(cast(Any, number))
        if number % 7 == 0:
            await asyncio.sleep(PAUSE_SECONDS / 20)
    await asyncio.sleep(PAUSE_SECONDS * 3)
    assert books.written == ["first", *range(200)]


async def test_what_has_gathered_is_bounded_and_can_be_settled_at_once() -> None:
    books = Books()
    ledger = a_ledger(books)
    for number in range(MOST_PENDING):
        ledger.finished(cast(Any, number))
    assert len(books.written) == 1 + MOST_PENDING
    ledger.finished(cast(Any, "last"))
    ledger.settle()
    assert books.written[-1] == "last"
    await asyncio.sleep(PAUSE_SECONDS * 2)
    assert len(books.written) == 2 + MOST_PENDING
