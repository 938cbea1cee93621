"""Prices and context windows out of the data file of genai-prices."""

# Source: https://github.com/pydantic/genai-prices, its `data.py` (MIT) as installed; prices are per million tokens.

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.machinery import SourceFileLoader
from typing import Any

from nova_core.types.prices import UNPRICED, PriceCase, Prices
from nova_plugin_catalog_packaged.types import (
    Constraint,
    ListPrices,
    Model,
    PriceList,
    StartDateConstraint,
    TieredPrices,
)

PACKAGE = "genai_prices"
FILE = "data.py"
PER_MILLION, PER_THOUSAND = -6, -3
FIELDS: Mapping[str, tuple[str, int]] = {
    "input_mtok": ("input", PER_MILLION),
    "output_mtok": ("output", PER_MILLION),
    "cache_read_mtok": ("cache_read", PER_MILLION),
    "cache_write_mtok": ("cache_write_5m", PER_MILLION),
    "cache_write_5m_mtok": ("cache_write_5m", PER_MILLION),
    "cache_write_1h_mtok": ("cache_write_1h", PER_MILLION),
    "input_audio_mtok": ("input_audio", PER_MILLION),
    "output_audio_mtok": ("output_audio", PER_MILLION),
    "output_reasoning_mtok": ("reasoning", PER_MILLION),
    "requests_kcount": ("per_request", PER_THOUSAND),
}
"""Price keys of the file → prices, and the power of ten to the price of one; of two for one price the later counts."""

BY_THE_PIECE = frozenset({"web_searches_kcount", "storage_searches_kcount", "cache_audio_read_mtok"})
"""Prices that are left out: what tools cost, and cached audio, which is taken for cached text.

Any other key makes the price unknown: it is for something that a usage does not tell apart.
"""

VENDOR = re.compile(rb"^    Provider\(\s+id='([^']+)'", re.MULTILINE)
LISTED = re.compile(rb"^providers\b", re.MULTILINE)
"""Where the vendors of the file begin, and each of them; it is generated, one layout for all."""

COMPACT_DATE = re.compile(r"-(20\d\d)(\d\d)(\d\d)(?=-|:|$)")


class PriceFile(Mapping[str, PriceList]):
    """The vendors of the data file by their ids. Each is made when it is asked for: of most nobody wants to know."""

    def __init__(self, source: bytes) -> None:
        begins = list(VENDOR.finditer(source))
        ends = [*(each.start() for each in begins[1:]), source.rfind(b"]")]
        if not begins:
            raise ValueError(f"the data of {PACKAGE} has another shape")
        self._texts = {each[1].decode(): source[each.start() : end] for each, end in zip(begins, ends, strict=True)}
        own_package = __name__.rpartition(".")[0]
        self._names: dict[str, object] = {"__name__": f"{own_package}.data", "__package__": own_package}
        exec(LISTED.split(source, 1)[0], self._names)  # what the file imports

    def __getitem__(self, vendor: str) -> PriceList:
        made = eval(b"(%b)" % self._texts[vendor].strip().removesuffix(b","), self._names)
        if not isinstance(made, PriceList):
            raise TypeError(f"the data of {PACKAGE} has another shape")
        return made

    def __contains__(self, vendor: object) -> bool:
        return vendor in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def read_price_lists() -> Mapping[str, PriceList]:
    """Every vendor of the installed file by its id. Raises ImportError when the package is not there."""
    package = importlib.util.find_spec(PACKAGE)
    places = package.submodule_search_locations if package else None
    spec = importlib.machinery.PathFinder.find_spec(f"{PACKAGE}.data", places) if places else None
    if spec is None or not isinstance(spec.loader, SourceFileLoader):
        raise ImportError(f"the data of {PACKAGE} is not installed as a file")
    return PriceFile(spec.loader.get_data(spec.loader.path))


def find_model(lists: Iterable[PriceList], name: str) -> Model | None:
    """The first model that goes by this name, whatever its case; a compact date is tried with dashes too."""
    name = name.lower()
    for spelling in dict.fromkeys((name, COMPACT_DATE.sub(r"-\1-\2-\3", name))):
        for each in lists:
            found = next((model for model in each.models if model.match(spelling)), None)
            if found is not None:
                return found
    return None


def prices_of(model: Model) -> Prices:
    """Dollars a token, with the cases in which other prices hold; unpriced when some price cannot be expressed."""
    prices = UNPRICED
    cases: list[PriceCase] = []
    for number, listed in enumerate(model.prices):
        for above, each in _steps(listed.prices or {}):
            if each is None:
                return UNPRICED
            if number == 0 and above == 0:
                prices = each
                continue
            since, daily = _when(listed.constraint if number else None)  # the first holds where no other does
            cases.append(PriceCase(each, above=above, since=since, daily=daily))
    return replace(prices, cases=tuple(cases))


def _steps(listed: ListPrices) -> Iterator[tuple[int, Prices | None]]:
    """The prices of short prompts, then those above each length at which some price changes."""
    given = {key: price for key, price in listed.items() if price is not None and key not in BY_THE_PIECE}
    if not given.keys() <= FIELDS.keys():
        yield 0, None
        return
    lengths = {tier.start for price in given.values() if isinstance(price, TieredPrices) for tier in price.tiers}
    for above in sorted({0, *lengths}):
        fields: dict[str, Any] = {
            field: _at(given[key], above).scaleb(power) for key, (field, power) in FIELDS.items() if key in given
        }
        yield above, replace(UNPRICED, **fields)


def _at(price: Decimal | TieredPrices, above: int) -> Decimal:
    if not isinstance(price, TieredPrices):
        return price
    reached = [tier for tier in price.tiers if tier.start <= above and above]
    return max(reached, key=lambda tier: tier.start).price if reached else price.base


def _when(constraint: Constraint | None) -> tuple[date | None, tuple[time, time] | None]:
    if constraint is None:
        return None, None
    if isinstance(constraint, StartDateConstraint):
        return constraint.start_date, None
    return None, (_utc(constraint.start_time), _utc(constraint.end_time))


def _utc(moment: time) -> time:
    if moment.tzinfo is None:
        return moment
    return datetime.combine(date(2000, 1, 1), moment).astimezone(UTC).time()
