"""Oracle Cloud's provider does what every provider must do, in each of its formats."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from nova_core.testing import OperationConformance, Received, Sent, UpstreamConformance
from nova_core.testing.conformance import PUBLIC_NAME, TOOLS
from nova_core.testing.conformance_upstream import PARALLEL_RESULTS
from nova_core.testing.provider_bench import chat_request
from nova_core.testing.sent import texts_in
from nova_core.types.usage import Units, Usage
from nova_plugin_oci import plugin

from .oci_upstream import SHAPES, key, settings


class TestGeneric(UpstreamConformance):
    plugin = plugin
    provider = "oci"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "meta.llama-3.3-70b-instruct"
    embedding_model = "cohere.embed-v4.0"
    api_path = ""
    shapes = SHAPES
    settings = MappingProxyType({"settings": settings()})
    usage_unasked = True
    unsupported = ("modalities", ["text", "audio"])

    def asked_model(self, received: Received) -> str:
        return str(received.json["servingMode"]["modelId"])

    def inputs(self, received: Received) -> list[Any]:
        return list(received.json["inputs"])

    async def test_the_upstream_is_asked_for_its_own_model_with_the_key(self) -> None:
        """What proves who asks is a signature over the headers and the body."""
        async with self.bench(extra_headers={"x-extra": "yes"}) as bench:
            await bench.chat(chat_request(PUBLIC_NAME, "Some words to pass on."))
        received = self.upstream.last
        assert self.asked_model(received) == self.model
        assert b"Some words to pass on." in received.body
        assert received.header("x-extra") == "yes"
        proof = received.header("authorization") or ""
        fields = dict(part.split("=", 1) for part in proof.removeprefix("Signature ").split(",") if "=" in part)
        assert fields["keyId"] == '"ocid1.tenancy.t/ocid1.user.u/aa:bb"'
        names = fields["headers"].strip('"').split()
        said = {"(request-target)": f"post {received.path}"}
        text = "\n".join(f"{name}: {said.get(name) or received.header(name)}" for name in names)
        signature = msgspec.json.decode(fields["signature"], type=bytes)
        key().public_key().verify(signature, text.encode(), PKCS1v15(), SHA256())


class TestCohere(TestGeneric):
    model = "cohere.command-r-plus-08-2024"
    unsupported = ("logit_bias", {"50256": -100})

    def said_to(self, received: Received) -> str:
        """What was said before has a member of its own."""
        chat = received.json["chatRequest"]
        return " ".join([*texts_in(chat.get("chatHistory")), chat["message"]])

    async def test_parallel_tool_results_reach_the_upstream(self) -> None:
        """Calls have no ids in this format, and stand beside their results."""
        async with self.bench() as bench:
            await bench.chat(chat_request(PUBLIC_NAME, PARALLEL_RESULTS, tools=TOOLS))
        results = self.upstream.last.json["chatRequest"]["toolResults"]
        assert [(each["call"]["name"], each["outputs"]) for each in results] == [
            ("get_weather", [{"output": "minus seven degrees"}]),
            ("get_time", [{"output": "a quarter past nine"}]),
        ]


class TestCohereV2(TestGeneric):
    model = "cohere.command-a-reasoning-08-2025"
    unsupported = ("logit_bias", {"50256": -100})


class TestRanking(OperationConformance):
    plugin = plugin
    provider = "oci"
    operation = "rerank"
    model = "cohere.rerank-v3.5"
    api_path = ""
    settings = MappingProxyType({"settings": settings()})
    sent = Sent("/20231130/actions/rerankText")
    answer = MappingProxyType(
        {
            "json": {
                "id": "r",
                "documentRanks": [{"index": 0, "relevanceScore": 0.9}, {"index": 1, "relevanceScore": 0.2}],
            }
        }
    )
    tells = MappingProxyType({"id": "r"})
    used = Usage(units=Units(queries=1))

    def error_body(self, message: str) -> Any:
        """The vendor's `code` and `message`."""
        return {"code": "SomeError", "message": message}
