"""watsonx.ai's providers do what every provider must do."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from nova_core.testing import UpstreamConformance
from nova_core.testing.conformance import KEY
from nova_core.testing.upstream_http import Received
from nova_core.testing.upstream_replies import Said, Shape, shape_for
from nova_plugin_watsonx import plugin, text_generation

CHAT = shape_for("/chat/completions")
ACCOUNT = {"settings": {"project_id": "my-project", "token": KEY}}


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"errors": [{"code": code or "failed", "message": message}], "trace": "t", "status_code": status}


def _chat_pieces(said: Said) -> tuple[bytes, ...]:
    """The vendor's events have a name and a number, and there is no mark of the end."""
    pieces = CHAT.pieces(said)
    last = pieces[-1].replace(b"data: [DONE]\n\n", b"")
    return tuple(b"id: 1\nevent: message\n" + piece for piece in (*pieces[:-1], last))


def _vectors(said: Said) -> dict[str, Any]:
    whole = shape_for("/embeddings").reply(Said({"input": said.body["inputs"]}, *_rest(said)))
    results = [{"embedding": item["embedding"]} for item in whole["data"]]
    return {"model_id": said.body["model_id"], "results": results, "input_token_count": 4}


def _rest(said: Said) -> tuple[Any, ...]:
    return said.model, said.text, said.given_pieces, said.tool_calls, said.given_usage, said.width


def _result(said: Said, text: str, reason: str, **counts: int) -> dict[str, Any]:
    return {"model_id": "m", "results": [{"generated_text": text, "stop_reason": reason, **counts}]}


def _text(said: Said) -> dict[str, Any]:
    given, made = said.usage
    return _result(said, said.text, "eos_token", input_token_count=given, generated_token_count=made)


def _text_pieces(said: Said) -> tuple[bytes, ...]:
    given, made = said.usage
    events = [_result(said, "", "not_finished", input_token_count=given, generated_token_count=0)]
    events += [_result(said, piece, "not_finished", generated_token_count=1) for piece in said.pieces]
    events.append(_result(said, "", "eos_token", input_token_count=0, generated_token_count=made))
    return tuple(b"id: 1\nevent: message\ndata: " + msgspec.json.encode(event) + b"\n\n" for event in events)


class TestWatsonx(UpstreamConformance):
    plugin = plugin
    provider = "watsonx"
    operations = frozenset({"chat", "completion", "embedding", "rerank"})
    model = "ibm/granite-4-h-small"
    embedding_model = "ibm/slate-125m-english-rtrvr-v2"
    api_path = ""
    key_env = "WATSONX_API_KEY"
    settings: ClassVar = ACCOUNT
    usage_unasked = True
    unsupported = ("top_k", 5)
    shapes = (
        ("/text/chat", Shape(CHAT.reply, _error)),
        ("/text/chat_stream", Shape(CHAT.reply, _error, _chat_pieces, streams=True, always_streams=True)),
        ("/text/embeddings", Shape(_vectors, _error)),
    )

    def asked_model(self, received: Received) -> str:
        assert received.json["project_id"] == "my-project"
        return str(received.json["model_id"])

    def inputs(self, received: Received) -> list[Any]:
        return list(received.json["inputs"])


class TestWatsonxText(UpstreamConformance):
    plugin = text_generation
    provider = "watsonx_text"
    operations = frozenset({"chat", "completion"})
    model = "ibm/granite-8b-code-instruct"
    api_path = "/ml/v1"
    key_env = "WX_API_KEY"
    settings: ClassVar = ACCOUNT
    usage_unasked = True
    calls_tools = False
    unsupported = ("n", 2)
    shapes = (
        ("/text/generation", Shape(_text, _error)),
        ("/text/generation_stream", Shape(_text, _error, _text_pieces, streams=True, always_streams=True)),
    )

    def asked_model(self, received: Received) -> str:
        return str(received.json["model_id"])
