"""Amazon Polly's provider does what every provider must do."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_aws_polly import plugin


class TestPolly(UpstreamConformance):
    plugin = plugin
    provider = "aws_polly"
    operations = frozenset({"speech"})
    model = "neural"
    api_path = ""
    key_env = None
