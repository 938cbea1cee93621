"""Nova's own servers are spoken to as every provider must be."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_remodlai import plugin


class TestRemodlai(UpstreamConformance):
    plugin = plugin
    provider = "remodlai"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "nova-chat"
    embedding_model = "nova-embeddings-v1"
    key_env = "REMODLAI_API_KEY"
