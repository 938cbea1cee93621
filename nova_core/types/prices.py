"""What tokens cost: prices by bucket, prices that hold only sometimes, and the cost of what was used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from nova_core.types.usage import Units, Usage

SIDES: tuple[tuple[str, ...], ...] = (
    ("input", "cache_read", "cache_write_5m", "cache_write_1h", "input_audio", "input_image"),
    ("output", "reasoning", "output_audio", "output_image"),
    ("per_request",),
    ("per_character",),
    ("per_image",),
    ("per_input_second",),
    ("per_output_second",),
    ("per_query",),
)
"""Prices that belong together; the first of each stands for the others where they have none of their own."""


UNIT_PRICES: Mapping[str, str] = {
    "characters": "per_character",
    "images": "per_image",
    "input_seconds": "per_input_second",
    "output_seconds": "per_output_second",
    "queries": "per_query",
}
"""Units of usage → their prices."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in US dollars per token (`per_request`: per call; `per_image`, …: per unit). None means unknown, which is
    never counted as 0.

    What is used may be stated in tokens and in units: a model that has a price for the units and none for tokens
    is sold by the unit, and the other way round; one that has both prices charges both.

    `cases` are prices that hold instead of these under a condition; of those that hold, the last one does.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None
    reasoning: Decimal | None = None
    per_request: Decimal | None = None
    input_image: Decimal | None = None
    output_image: Decimal | None = None
    per_character: Decimal | None = None
    per_image: Decimal | None = None
    per_input_second: Decimal | None = None
    per_output_second: Decimal | None = None
    per_query: Decimal | None = None
    cases: tuple[PriceCase, ...] = ()

    @property
    def known(self) -> bool:
        """True when at least one price is known."""
        return self != UNPRICED

    def cost(self, usage: Usage, at: datetime | None = None) -> Decimal | None:
        """Dollars for `usage` of a call `at` that time, by default now; None as soon as a used bucket has no price.

        Cache, audio, image and reasoning buckets without a price of their own are charged at the plain input
        or output price, which is what vendors without a discount do.
        """
        if not self.cases and self.input is not None and self.output is not None and usage.is_plain:
            total = usage.input * self.input + usage.output * self.output
            return total if self.per_request is None else total + self.per_request
        if self.cases:
            return self.holding(usage.input_total, at, usage.tier)._cost(usage)
        return self._cost(usage)

    def _cost(self, usage: Usage) -> Decimal | None:
        if not self.known:
            return None
        if usage.units is not None:
            return self._with_units(usage, usage.units)
        total = self._by_token(usage)
        return None if total is None else total + (self.per_request or 0)

    def _with_units(self, usage: Usage, units: Units) -> Decimal | None:
        """The cost where units were used: of those that have a price, and of tokens unless it is sold by unit."""
        counts = ((getattr(units, unit), getattr(self, price)) for unit, price in UNIT_PRICES.items())
        priced = [Decimal(str(count)).normalize() * price for count, price in counts if count and price is not None]
        if all(getattr(self, name) is None for side in SIDES[:2] for name in side):
            known = [*priced, *(() if self.per_request is None else (self.per_request,))]
            return sum(known, Decimal(0)) if known else None
        if not (priced or usage.total):
            return None
        tokens = self._by_token(usage)
        return None if tokens is None else sum(priced, tokens) + (self.per_request or 0)

    def _by_token(self, usage: Usage) -> Decimal | None:
        read, short = _first(self.cache_read, self.input), _first(self.cache_write_5m, self.input)
        buckets = (
            (usage.input, self.input),
            (usage.cache_read, read),
            (usage.cache_write_5m, short),
            (usage.cache_write_1h, _first(self.cache_write_1h, short)),
            (usage.input_audio, _first(self.input_audio, self.input)),
            (usage.output + usage.accepted_prediction + usage.rejected_prediction, self.output),
            (usage.reasoning, _first(self.reasoning, self.output)),
            (usage.output_audio, _first(self.output_audio, self.output)),
            (usage.input_image, _first(self.input_image, self.input)),
            (usage.output_image, _first(self.output_image, self.output)),
        )
        total = Decimal(0)
        for count, price in buckets:
            if not count:
                continue
            if price is None:
                return None
            total += count * price
        return total

    def holding(self, prompt_tokens: int, at: datetime | None = None, tier: str = "") -> Prices:
        """The prices of a call with so many prompt tokens at that time in that service tier.

        They are those of a case, or these themselves.
        """
        for case in reversed(self.cases):
            if case.holds(prompt_tokens, at, tier):
                return case.prices
        return self

    def filled(self, base: Prices) -> Prices:
        """These prices, and those of `base` where these are unknown. The cases stay these."""
        return replace(self, **{name: getattr(base, name) for name in _NAMES if getattr(self, name) is None})

    def over(self, base: Prices) -> Prices:
        """These prices laid over a vendor's: a price of one's own replaces the vendor's under every condition.

        `input` replaces all of the vendor's prices for prompt tokens (a discount on a price that is not paid means
        nothing), `output` all for completion tokens; any other price replaces itself alone. Cases of one's own replace
        the vendor's, unless they are those of service tiers alone: these come beside them.
        """
        if self == UNPRICED or base == UNPRICED:
            return base if self == UNPRICED else self
        flat = replace(self, cases=())
        whole = flat._laid(base)
        replaces = any(not case.tier for case in self.cases)
        cases = () if replaces else tuple(replace(case, prices=flat._laid(case.prices)) for case in base.cases)
        cases += tuple(replace(case, prices=case.prices.filled(whole)) for case in self.cases)
        return replace(whole, cases=cases if any(case.prices != whole for case in cases) else ())

    def _laid(self, base: Prices) -> Prices:
        kept: dict[str, Any] = {}
        for side in SIDES:
            whole_side = getattr(self, side[0]) is not None
            for name in side:
                own: Decimal | None = getattr(self, name)
                kept[name] = own if whole_side or own is not None else getattr(base, name)
        return replace(UNPRICED, **kept)


@dataclass(frozen=True, slots=True)
class PriceCase:
    """Prices for calls that meet every condition given: all prices of such a call, not only those that differ.

    `above`: the prompt has more tokens than this; then all tokens cost these prices, those below too. `since`: the
    day (UTC) they begin. `daily`: from the first time of the day (UTC) until before the second, across midnight too.
    `tier`: the service tier that served the call (see `Usage.tier`); one without a case costs what the plain one does.
    """

    prices: Prices
    above: int = 0
    since: date | None = None
    daily: tuple[time, time] | None = None
    tier: str = ""

    def holds(self, prompt_tokens: int, at: datetime | None = None, tier: str = "") -> bool:
        """Whether a call with so many prompt tokens at that time (by default now) in that tier meets the conditions."""
        if (self.above and prompt_tokens <= self.above) or (self.tier and self.tier != tier):
            return False
        if self.since is None and self.daily is None:
            return True
        moment = datetime.now(UTC) if at is None else at.astimezone(UTC)
        if self.since is not None and moment.date() < self.since:
            return False
        return self.daily is None or _within(moment.time(), *self.daily)


def _within(moment: time, start: time, end: time) -> bool:
    return start <= moment < end if start <= end else moment >= start or moment < end


def _first(own: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if own is None else own


_NAMES = tuple(field.name for field in fields(Prices) if field.name != "cases")
UNPRICED = Prices()
