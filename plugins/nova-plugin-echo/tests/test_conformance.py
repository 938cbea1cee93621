"""The echo does what every provider must do."""

from __future__ import annotations

from nova_core.testing import ProviderConformance
from nova_plugin_echo import plugin


class TestEcho(ProviderConformance):
    plugin = plugin
    provider = "echo"
    operations = frozenset({"chat", "completion", "embedding", "count_tokens"})
    model = "echo"
    embedding_model = "embed"
