"""What tests of the gateway and of plugins are made of: a scripted upstream, fixtures, conformance kits."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nova_core.testing.conformance import ProviderConformance as ProviderConformance
    from nova_core.testing.conformance_operations import OperationConformance as OperationConformance
    from nova_core.testing.conformance_upstream import UpstreamConformance as UpstreamConformance
    from nova_core.testing.sent import Sent as Sent
    from nova_core.testing.upstream import ScriptedUpstream as ScriptedUpstream
    from nova_core.testing.upstream_http import Received as Received
    from nova_core.testing.upstream_script import Script as Script

HOMES = {
    "OperationConformance": "conformance_operations",
    "ProviderConformance": "conformance",
    "UpstreamConformance": "conformance_upstream",
    "ScriptedUpstream": "upstream",
    "Sent": "sent",
    "Received": "upstream_http",
    "Script": "upstream_script",
}
__all__ = [
    "OperationConformance",
    "ProviderConformance",
    "Received",
    "Script",
    "ScriptedUpstream",
    "Sent",
    "UpstreamConformance",
]


def __getattr__(name: str) -> Any:
    # Loaded on use: pytest imports this package in every project that has nova-core installed.
    if name in HOMES:
        return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
