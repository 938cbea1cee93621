"""The table: one row a vendor. A row and a line under `[project.entry-points]` make a provider."""

from __future__ import annotations

from nova_plugin_openai_compatible.row import Vendor
from nova_plugin_openai_compatible.vendors.plain import PLAIN
from nova_plugin_openai_compatible.vendors.quirks import QUIRKS
from nova_plugin_openai_compatible.vendors.servers import SERVERS

VENDORS: tuple[Vendor, ...] = (*PLAIN, *QUIRKS, *SERVERS)
