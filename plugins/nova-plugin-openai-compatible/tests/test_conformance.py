"""Every row of the table makes a provider that does what every provider must do."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_openai_compatible.provider import VendorProvider
from nova_plugin_openai_compatible.row import Vendor
from nova_plugin_openai_compatible.vendors import VENDORS

# A value for each member that some row refuses; the first one that a row has is tried.
REFUSED = {"logit_bias": {"50256": -100}, "n": 2, "presence_penalty": 0.5}


def conformance(vendor: Vendor) -> type[UpstreamConformance]:
    """The kit for one row."""
    served = frozenset(vendor.operations)
    return type(
        f"Test_{vendor.name}",
        (UpstreamConformance,),
        {
            "plugin": VendorProvider(vendor),
            "provider": vendor.name,
            "operations": served | ({"completion"} if "chat" in served else set()),
            "model": f"{vendor.model_prefix}model-a",
            "embedding_model": "embed-a",
            "key_env": vendor.api_key_env[0] if vendor.api_key_env else None,
            "calls_tools": "tools" not in vendor.unsupported,
            "usage_unasked": "stream_options" in vendor.hints,
            "unsupported": next(((name, value) for name, value in REFUSED.items() if name in vendor.unsupported), None),
        },
    )


globals().update({kit.__name__: kit for kit in map(conformance, VENDORS)})
