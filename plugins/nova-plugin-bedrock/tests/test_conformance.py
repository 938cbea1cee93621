"""Bedrock's families of models do what every provider must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import UpstreamConformance
from nova_core.testing.conformance import PUBLIC_NAME
from nova_core.testing.provider_bench import embeddings_request
from nova_core.testing.upstream_http import Received
from nova_core.types.deployment import Deployment
from nova_plugin_bedrock import mantle, plugin


class TestConverse(UpstreamConformance):
    plugin = plugin
    provider = "bedrock"
    operations = frozenset({"chat", "completion", "count_tokens", "embedding"})
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    embedding_model = "amazon.titan-embed-text-v2:0"
    api_path = ""
    key_env = "AWS_BEARER_TOKEN_BEDROCK"
    unsupported = ("logit_bias", {"50256": -100})

    async def test_embeddings_ask_for_the_upstreams_own_model(self) -> None:
        async with self.bench(model=self.embedding_model) as bench:
            await bench.ask(embeddings_request(PUBLIC_NAME, ["one", "two"]))
        assert {received.model for received in self.upstream.requests} == {self.embedding_model}
        assert [received.json["inputText"] for received in self.upstream.requests] == ["one", "two"]


class TestInvokedClaude(UpstreamConformance):
    plugin = plugin
    provider = "bedrock"
    operations = frozenset({"chat", "completion"})
    model = "anthropic.claude-opus-4-8"
    api_path = ""

    def deployment(self, **changes: Any) -> Deployment:
        return super().deployment(**{"model": f"invoke/{self.model}", **changes})


class TestCohereEmbeddings(UpstreamConformance):
    plugin = plugin
    provider = "bedrock"
    operations = frozenset({"embedding"})
    embedding_model = "cohere.embed-multilingual-v3"
    api_path = ""

    def now(self, **answer: Any) -> None:
        super().now(**answer)
        self.upstream.script(self.embedding_model, headers={"x-amzn-bedrock-input-token-count": "2"})

    def inputs(self, received: Received) -> list[Any]:
        return list(received.json["texts"])


class TestNovaEmbeddings(TestCohereEmbeddings):
    embedding_model = "amazon.nova-2-multimodal-embeddings-v1:0"

    async def test_embeddings_ask_for_the_upstreams_own_model(self) -> None:
        async with self.bench(model=self.embedding_model) as bench:
            await bench.ask(embeddings_request(PUBLIC_NAME, ["one", "two"]))
        asked = [received.json["singleEmbeddingParams"]["text"]["value"] for received in self.upstream.requests]
        assert asked == ["one", "two"]


class TestMantle(UpstreamConformance):
    plugin = mantle
    provider = "bedrock_mantle"
    operations = frozenset({"chat", "completion"})
    model = "openai.gpt-oss-120b"
    key_env = "BEDROCK_MANTLE_API_KEY"


class TestClaudePlatform(UpstreamConformance):
    plugin = plugin
    provider = "bedrock"
    operations = frozenset({"chat", "completion", "count_tokens"})
    model = "claude_platform/claude-opus-4-8"
    api_path = ""
    key_env = None
    settings: ClassVar = {"settings": {"anthropic_workspace_id": "wrkspc_1", "aws_region_name": "us-east-2"}}

    def now(self, **answer: Any) -> None:
        self.upstream.forget().script("*", **answer)

    def asked_model(self, received: Received) -> str:
        return f"claude_platform/{received.model}"
