"""NLP Cloud's provider does what every provider must do."""

from __future__ import annotations

from typing import Any

from nova_core.testing import Received, UpstreamConformance
from nova_core.testing.conformance import PUBLIC_NAME
from nova_core.testing.provider_bench import embeddings_request
from nova_core.testing.sent import texts_in
from nova_core.testing.upstream_replies import Said, Shape, unit_vector
from nova_plugin_nlp_cloud import plugin


def _reply(said: Said) -> dict[str, Any]:
    return {"response": said.text, "history": []}


def _vectors(said: Said) -> dict[str, Any]:
    return {"embeddings": [unit_vector(text, 8) for text in said.body["sentences"]]}


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"detail": message}


class TestNlpCloud(UpstreamConformance):
    plugin = plugin
    provider = "nlp_cloud"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "finetuned-llama-3-70b"
    embedding_model = "paraphrase-multilingual-mpnet-base-v2"
    api_path = "/v1/gpu"
    key_env = "NLP_CLOUD_API_KEY"
    calls_tools = False
    streams = False
    states_usage = False
    unsupported = ("logit_bias", {"50256": -100})
    shapes = (("/chatbot", Shape(_reply, _error)), ("/embeddings", Shape(_vectors, _error)))

    def asked_model(self, received: Received) -> str:
        return received.route.split("/")[3]

    def said_to(self, received: Received) -> str:
        """What was said before has a member of its own."""
        return " ".join([*texts_in(received.json.get("history")), received.json["input"]])

    def inputs(self, received: Received) -> list[Any]:
        return list(received.json["sentences"])

    async def test_embeddings_state_their_usage(self) -> None:
        async with self.bench(model=self.embedding_model) as bench:
            reply = await bench.ask(embeddings_request(PUBLIC_NAME, ["some text"]))
        assert reply.usage is None
