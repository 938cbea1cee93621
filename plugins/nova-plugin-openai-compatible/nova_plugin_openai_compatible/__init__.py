"""Vendors that speak OpenAI's API, one row of data each: `nova_plugin_openai_compatible:<row's name>`."""

from nova_plugin_openai_compatible.provider import VendorProvider
from nova_plugin_openai_compatible.vendors import VENDORS


def __getattr__(name: str) -> VendorProvider:
    """The provider of the row called `name`, or of one of its aliases; entry points ask for it by attribute.

    A name that is no Python name is asked for with underscores.
    """
    for vendor in VENDORS:
        for known in (vendor.name, *vendor.aliases):
            if known.replace("-", "_") == name:
                return VendorProvider(vendor, known)
    raise AttributeError(f"there is no row for {name!r} in the table of vendors")
