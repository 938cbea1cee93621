"""SAP AI Core's provider does what every provider must do."""

from __future__ import annotations

from typing import Any

import msgspec

from nova_core.testing import Received, UpstreamConformance
from nova_core.testing.upstream_replies import Said, Shape, shape_for
from nova_plugin_sap import plugin

CHAT = shape_for("/chat/completions")


def modules(body: Any) -> Any:
    return body["config"]["modules"]


def _reply(said: Said) -> dict[str, Any]:
    return {"request_id": "r", "intermediate_results": {"templating": []}, "final_result": CHAT.reply(said)}


def _pieces(said: Said) -> tuple[bytes, ...]:
    empty = {"index": 0, "delta": {"role": "", "content": ""}, "finish_reason": ""}
    first = {"id": "", "object": "", "created": 0, "model": "", "choices": [empty]}
    pieces = [_event({"request_id": "r", "final_result": first})]
    for piece in CHAT.pieces(said):
        events = [each.removeprefix(b"data: ") for each in piece.strip().split(b"\n\n")]
        wrapped = [_event({"request_id": "r", "final_result": msgspec.json.decode(each)}) for each in events[:1]]
        more = [_event({"final_result": msgspec.json.decode(each)}) for each in events[1:] if each != b"[DONE]"]
        pieces.append(b"".join([*wrapped, *more, *([b"data: [DONE]\n\n"] if events[-1] == b"[DONE]" else [])]))
    return tuple(pieces)


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(document) + b"\n\n"


def _vectors(said: Said) -> dict[str, Any]:
    asked = Said({"input": said.body["input"]["text"]}, "", "", None, (), None, None)
    return {"request_id": "r", "final_result": shape_for("/embeddings").reply(asked)}


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    error = {"request_id": "r", "code": code or status, "message": message, "location": "LLM Module"}
    return {"error": [error]}


class TestSap(UpstreamConformance):
    plugin = plugin
    provider = "sap"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "gpt-4o"
    embedding_model = "text-embedding-3-small"
    api_path = "/v2/inference/deployments/d123"
    key_env = "AICORE_SERVICE_KEY"
    usage_unasked = True
    shapes = (
        (
            "/v2/completion",
            Shape(_reply, _error, _pieces, streams=True, asks_stream=lambda body: "stream" in body["config"]),
        ),
        ("/v2/embeddings", Shape(_vectors, _error)),
    )

    def asked_model(self, received: Received) -> str:
        (module,) = modules(received.json).values()
        return str(module["model"]["name"])

    def inputs(self, received: Received) -> list[Any]:
        return list(received.json["input"]["text"])
