"""fal's router is spoken to as every provider must be."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_fal_ai import plugin


class TestFal(UpstreamConformance):
    plugin = plugin
    provider = "fal_ai"
    operations = frozenset({"chat", "completion"})
    model = "openai/gpt-4.1"
    api_path = ""
    key_env = "FAL_AI_API_KEY"
