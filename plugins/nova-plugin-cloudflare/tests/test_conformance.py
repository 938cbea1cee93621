"""Cloudflare's provider does what every provider must do."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_cloudflare import plugin


class TestCloudflare(UpstreamConformance):
    plugin = plugin
    provider = "cloudflare"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "@cf/meta/llama-3.3-70b-instruct-fp8-fast"
    embedding_model = "@cf/baai/bge-m3"
    api_path = "/client/v4/accounts/1/ai/v1"
    key_env = "CLOUDFLARE_API_KEY"


class TestOpenModels(TestCloudflare):
    model = "@cf/openai/gpt-oss-120b"
    key_env = "CLOUDFLARE_API_TOKEN"
