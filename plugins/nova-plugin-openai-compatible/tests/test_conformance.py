"""Rows that stand for all others make providers that do what every provider must do."""

from __future__ import annotations

from hashlib import sha256

import pytest

from nova_core.testing import UpstreamConformance
from nova_plugin_openai_compatible.provider import VendorProvider
from nova_plugin_openai_compatible.row import Vendor
from nova_plugin_openai_compatible.vendors import VENDORS

# One row for each way to be different: plain, every operation, tools refused, and
# menders of answers. What differs only in data is tested over the whole table, in test_table.py.
REPRESENTATIVE = ("poe", "hosted_vllm", "groq", "mistral", "moonshot", "perplexity", "xai")
# A value for each member that some row refuses; the first one that a row has is tried.
REFUSED = {"logit_bias": {"50256": -100}, "n": 2, "presence_penalty": 0.5}


def conformance(vendor: Vendor) -> type[UpstreamConformance]:
    """The kit for one row."""
    served = frozenset(vendor.operations)
    kit: type[UpstreamConformance] = type(
        f"Test_{vendor.name}",
        (UpstreamConformance,),
        {
            "plugin": VendorProvider(vendor),
            "provider": vendor.name,
            "operations": served | ({"completion"} if "chat" in served else set()),
            "model": "model-a",
            "embedding_model": "embed-a",
            "key_env": vendor.key_variables[0],
            "calls_tools": "tools" not in vendor.unsupported,
            "usage_unasked": "stream_options" in vendor.hints,
            "call_ids": tuple(_call_id(vendor, said).encode() for said in ("c1", "c2")),
            "unsupported": next(((name, value) for name, value in REFUSED.items() if name in vendor.unsupported), None),
        },
    )
    return kit


def _call_id(vendor: Vendor, said: str) -> str:
    """What a row makes of an id of another vendor."""
    rewrites = vendor.messages.call_id_length
    return said if rewrites is None else sha256(said.encode()).hexdigest()[:rewrites]


globals().update(
    {kit.__name__: kit for kit in map(conformance, (row for row in VENDORS if row.name in REPRESENTATIVE))}
)


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_every_row_that_stands_for_others_is_in_the_table(name: str) -> None:
    assert f"Test_{name}" in globals()
