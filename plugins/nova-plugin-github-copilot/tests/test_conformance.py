"""GitHub Copilot's provider does what every provider must do."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_github_copilot import plugin


class TestGithubCopilot(UpstreamConformance):
    plugin = plugin
    provider = "github_copilot"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "gpt-4.1"
    embedding_model = "text-embedding-3-small"
    key_env = "GITHUB_COPILOT_TOKEN"
