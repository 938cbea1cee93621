"""ElevenLabs' provider does what every provider must do."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_elevenlabs import plugin


class TestElevenLabs(UpstreamConformance):
    plugin = plugin
    provider = "elevenlabs"
    operations = frozenset({"transcription", "speech"})
    model = "scribe_v2"
    api_path = ""
    key_env = "ELEVENLABS_API_KEY"
