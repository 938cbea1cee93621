"""Black Forest Labs' provider does what every provider must do."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_black_forest_labs import plugin


class TestBlackForestLabs(UpstreamConformance):
    plugin = plugin
    provider = "black_forest_labs"
    operations = frozenset({"image_generation"})
    model = "flux-2-pro"
    api_path = ""
    key_env = "BFL_API_KEY"
