"""Stability AI's provider does what every provider must do."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_stability import plugin


class TestStability(UpstreamConformance):
    plugin = plugin
    provider = "stability"
    operations = frozenset({"image_generation"})
    model = "stable-image-core"
    api_path = ""
    key_env = "STABILITY_API_KEY"
