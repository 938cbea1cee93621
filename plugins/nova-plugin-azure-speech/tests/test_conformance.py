"""Azure Speech's provider does what every provider must do."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_azure_speech import plugin


class TestAzureSpeech(UpstreamConformance):
    plugin = plugin
    provider = "azure_speech"
    operations = frozenset({"transcription"})
    model = "fast"
    api_path = ""
    key_env = "AZURE_SPEECH_API_KEY"
