"""Triton's provider does what every provider must do."""

from __future__ import annotations

from itertools import chain
from typing import Any

import msgspec

from nova_core.testing import UpstreamConformance
from nova_core.testing.conformance import PUBLIC_NAME
from nova_core.testing.provider_bench import embeddings_request
from nova_core.testing.upstream_http import Received
from nova_core.testing.upstream_replies import Said, Shape, unit_vector
from nova_core.types.message import Reply
from nova_plugin_triton import plugin

WIDTH = 8


def generated(said: Said) -> dict[str, Any]:
    """A whole answer of a model that states its counts."""
    return answer(said.text, "stop", *said.usage)


def answer(text: str, finish: str, given: int, made: int) -> dict[str, Any]:
    """One answer of the generate extension."""
    counts = {"num_input_tokens": given, "num_output_tokens": made}
    return {"model_name": "m", "model_version": "1", "text_output": text, "finish_reason": finish, **counts}


def pieces(said: Said) -> tuple[bytes, ...]:
    """One answer a piece; the last counts what is left."""
    given, made = said.usage
    answers = [answer(text, "None", given, 0) for text in said.pieces]
    last = answer("", "stop", given, made)
    return tuple(b"data: " + msgspec.json.encode(each) + b"\n\n" for each in (*answers, last))


def inferred(said: Said) -> dict[str, Any]:
    """Vectors as one flat tensor."""
    texts = said.body["inputs"][0]["data"]
    flat = list(chain.from_iterable(unit_vector(text, WIDTH) for text in texts))
    tensor = {"name": "embedding", "datatype": "FP32", "shape": [len(texts), WIDTH], "data": flat}
    return {"model_name": "m", "model_version": "1", "outputs": [tensor]}


def error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    """The server's errors."""
    return {"error": message}


class TestTriton(UpstreamConformance):
    plugin = plugin
    provider = "triton"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "ensemble"
    embedding_model = "bge"
    api_path = ""
    key_env = "TRITON_API_KEY"
    calls_tools = False
    unsupported = ("n", 2)
    shapes = (
        ("/generate", Shape(generated, error)),
        ("/generate_stream", Shape(generated, error, pieces, streams=True, always_streams=True)),
        ("/infer", Shape(inferred, error)),
    )

    def asked_model(self, received: Received) -> str:
        return received.route.split("/")[3]

    def inputs(self, received: Received) -> list[Any]:
        items: list[Any] = received.json["inputs"][0]["data"]
        return items

    async def test_embeddings_state_their_usage(self) -> None:
        """Tensors are not counted, and no count is made up."""
        async with self.bench(model=self.embedding_model) as bench:
            reply = await bench.ask(embeddings_request(PUBLIC_NAME, ["some text"]))
        assert isinstance(reply, Reply)
        assert reply.usage is None
