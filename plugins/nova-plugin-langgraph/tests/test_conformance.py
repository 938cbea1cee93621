"""LangGraph's provider does what every provider must do."""

from __future__ import annotations

from typing import Any

import msgspec

from nova_core.testing import Received, UpstreamConformance
from nova_core.testing.upstream_replies import Said, Shape
from nova_plugin_langgraph import plugin


def _state(said: Said) -> dict[str, Any]:
    given, made = said.usage
    usage = {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
    answer = {"type": "ai", "id": "run-1", "content": said.text, "tool_calls": [], "usage_metadata": usage}
    asked = [{"type": "human", "id": f"h{n}", "content": "…"} for n, _ in enumerate(said.body["input"]["messages"])]
    return {"messages": [*asked, answer]}


def _event(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"


def _pieces(said: Said) -> tuple[bytes, ...]:
    whole = _state(said)
    pieces = [_event("metadata", {"run_id": "r"}), _event("values", {"messages": whole["messages"][:-1]})]
    for piece in said.pieces:
        message = {"type": "AIMessageChunk", "id": "run-1", "content": piece, "tool_calls": []}
        pieces.append(_event("messages", [message, {"langgraph_node": "agent"}]))
    return (*pieces, _event("values", whole))


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"detail": message}


class TestLangGraph(UpstreamConformance):
    plugin = plugin
    provider = "langgraph"
    operations = frozenset({"chat", "completion"})
    model = "agent"
    api_path = ""
    key_env = "LANGGRAPH_API_KEY"
    calls_tools = False
    usage_unasked = True
    unsupported = ("logit_bias", {"50256": -100})
    shapes = (
        ("/runs/wait", Shape(_state, _error)),
        ("/runs/stream", Shape(_state, _error, _pieces, streams=True, always_streams=True)),
    )

    def error_amid(self, message: str) -> bytes:
        """An event of its own."""
        return _event("error", {"error": "SomeError", "message": message})

    def asked_model(self, received: Received) -> str:
        return str(received.json["assistant_id"])
