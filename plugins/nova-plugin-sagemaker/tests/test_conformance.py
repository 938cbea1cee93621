"""Endpoints of SageMaker do what every provider must do."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import msgspec

from nova_core.testing import UpstreamConformance
from nova_core.testing.upstream_amazon import STREAMED, event_message
from nova_core.testing.upstream_http import Received
from nova_core.testing.upstream_replies import Said, Shape, shape_for, unit_vector
from nova_plugin_sagemaker import chat, nova, plugin

CHAT = shape_for("/chat/completions")
COMPLETIONS = shape_for("/v1/completions")


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"Message": message}


def _part(data: bytes) -> bytes:
    return event_message(data, event_type="PayloadPart")


def _text(said: Said) -> Any:
    given, made = said.usage
    if isinstance(said.body["inputs"], list):
        return {"embedding": [unit_vector(text, 8) for text in said.body["inputs"]]}
    details = {"finish_reason": "eos_token", "generated_tokens": made, "prefill": [{}] * given}
    return [{"generated_text": said.text, "details": details}]


def _text_pieces(said: Said) -> tuple[bytes, ...]:
    given, made = said.usage
    events = [{"token": {"text": piece, "special": False}, "generated_text": None} for piece in said.pieces]
    details = {"finish_reason": "eos_token", "generated_tokens": made, "input_length": given}
    end = {"token": {"text": "</s>", "special": True}, "generated_text": said.text, "details": details}
    return tuple(_part(b"data:" + msgspec.json.encode(event) + b"\n\n") for event in (*events, end))


def _of_body(said: Said) -> Shape:
    return COMPLETIONS if "prompt" in said.body else CHAT


def _openai_pieces(said: Said) -> tuple[bytes, ...]:
    """Parts are cut where the service pleases, also within events."""
    pieces = _of_body(said).pieces(said)
    return tuple(_part(piece[:7]) + _part(piece[7:]) for piece in pieces)


class TestEndpointText(UpstreamConformance):
    plugin = plugin
    provider = "sagemaker"
    operations = frozenset({"chat", "completion"})
    model = "my-endpoint"
    embedding_model = "my-endpoint"
    api_path = ""
    usage_unasked = True
    calls_tools = False
    unsupported = ("n", 2)
    shapes = (
        ("/invocations", Shape(_text, _error)),
        ("/invocations-response-stream", Shape(_text, _error, _text_pieces, **STREAMED)),
    )

    def asked_model(self, received: Received) -> str:
        return unquote(received.route.split("/")[2])

    def inputs(self, received: Received) -> list[Any]:
        return list(received.json["inputs"])


class TestEndpointChat(UpstreamConformance):
    plugin = chat
    provider = "sagemaker_chat"
    operations = frozenset({"chat", "completion"})
    model = "my-endpoint"
    api_path = ""
    shapes = (
        ("/invocations", Shape(CHAT.reply, _error)),
        ("/invocations-response-stream", Shape(CHAT.reply, _error, _openai_pieces, **STREAMED)),
    )


class TestEndpointNova(UpstreamConformance):
    plugin = nova
    provider = "sagemaker_nova"
    operations = frozenset({"chat", "completion"})
    model = "my-nova"
    api_path = ""
    calls_tools = False
    unsupported = ("seed", 7)
    shapes = (
        ("/invocations", Shape(lambda said: _of_body(said).reply(said), _error)),
        ("/invocations-response-stream", Shape(CHAT.reply, _error, _openai_pieces, **STREAMED)),
    )

    def asked_model(self, received: Received) -> str:
        assert "model" not in received.json
        return unquote(received.route.split("/")[2])
