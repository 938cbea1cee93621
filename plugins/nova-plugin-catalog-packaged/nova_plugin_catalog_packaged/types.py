"""The names that the data file of genai-prices is written with, keeping only what is read here.

The file begins with `from .types import *` and is run as a part of this package, so that these are what it calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

Match = Callable[[str], bool]
"""Whether a model goes by this name, given in lower case."""


@dataclass(frozen=True, slots=True)
class TieredPrices:
    """A price that depends on the length of the prompt."""

    base: Decimal
    tiers: Sequence[Tier]


@dataclass(frozen=True, slots=True)
class Tier:
    """The price of prompts with more than `start` tokens."""

    start: int
    price: Decimal


ListPrices = Mapping[str, Decimal | TieredPrices | None]


@dataclass(frozen=True, slots=True)
class StartDateConstraint:
    """From this day on, in UTC."""

    start_date: date


@dataclass(frozen=True, slots=True)
class TimeOfDateConstraint:
    """Between these times of the day, in UTC where they say nothing else."""

    start_time: time
    end_time: time


Constraint = StartDateConstraint | TimeOfDateConstraint


@dataclass(frozen=True, slots=True)
class ConditionalPrice:
    """Prices under a constraint. Of those that hold, the last one in the file counts."""

    constraint: Constraint | None = None
    prices: ListPrices | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One model: the names it goes by, and what is known of it."""

    match: Match
    context_window: int | None
    prices: tuple[ConditionalPrice, ...]


@dataclass(frozen=True, slots=True)
class PriceList:
    """All models of one vendor; `others` are vendors whose models it sells too."""

    id: str
    models: tuple[Model, ...]
    others: tuple[str, ...]


def Provider(
    *, id: str, models: Sequence[Model] = (), fallback_model_providers: Sequence[str] | None = None, **_: object
) -> PriceList:
    return PriceList(id, tuple(models), tuple(fallback_model_providers or ()))


def ModelInfo(
    *,
    match: Match,
    context_window: int | None = None,
    prices: ListPrices | Sequence[ConditionalPrice] = (),
    **_: object,
) -> Model:
    conditional = (ConditionalPrice(None, prices),) if isinstance(prices, Mapping) else tuple(prices)
    return Model(match, context_window, conditional)


def ModelPrice(**prices: Decimal | TieredPrices | None) -> ListPrices:
    return prices


def ClauseStartsWith(starts_with: str) -> Match:
    return lambda name: name.startswith(starts_with.lower())


def ClauseEndsWith(ends_with: str) -> Match:
    return lambda name: name.endswith(ends_with.lower())


def ClauseContains(contains: str) -> Match:
    return lambda name: contains.lower() in name


def ClauseEquals(equals: str) -> Match:
    return lambda name: name == equals.lower()


def ClauseRegex(regex: str) -> Match:
    return lambda name: re.search(regex, name) is not None


def ClauseOr(or_: Sequence[Match]) -> Match:
    return lambda name: any(match(name) for match in or_)


def ClauseAnd(and_: Sequence[Match]) -> Match:
    return lambda name: all(match(name) for match in and_)


def _left_out(*_: object, **__: object) -> None:
    """Prices of other service tiers, and how usage is read from replies."""


PriceVariant = UsageExtractor = UsageExtractorMapping = ArrayMatch = _left_out
