"""Runway's provider does what every provider must do."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_runwayml import plugin


class TestRunway(UpstreamConformance):
    plugin = plugin
    provider = "runwayml"
    operations = frozenset({"image_generation"})
    model = "gen4_image"
    api_path = ""
    key_env = "RUNWAYML_API_SECRET"
