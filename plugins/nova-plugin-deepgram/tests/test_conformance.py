"""Deepgram's provider does what every provider must do."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_deepgram import plugin


class TestDeepgram(UpstreamConformance):
    plugin = plugin
    provider = "deepgram"
    operations = frozenset({"transcription", "speech"})
    model = "nova-3"
    key_env = "DEEPGRAM_API_KEY"
