"""Vendors that speak OpenAI's API, one row of data each: `nova_plugin_openai_compatible:<row's name>`."""

from nova_plugin_openai_compatible.provider import VendorProvider
from nova_plugin_openai_compatible.vendors import VENDORS


def __getattr__(name: str) -> VendorProvider:
    """The provider of the row called `name`; entry points ask for it by attribute."""
    for vendor in VENDORS:
        if vendor.name == name:
            return VendorProvider(vendor)
    raise AttributeError(f"there is no row for {name!r} in the table of vendors")
