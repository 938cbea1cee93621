"""Langflow's provider does what every provider must do."""

from __future__ import annotations

from typing import Any

import msgspec

from nova_core.testing import Received, UpstreamConformance
from nova_core.testing.upstream_replies import Said, Shape
from nova_plugin_langflow import plugin


def _reply(said: Said) -> dict[str, Any]:
    given, made = said.usage
    properties = {"usage": {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}}
    message = {"text": said.text, "sender": "Machine", "properties": properties}
    output = {"results": {"message": message}, "component_id": "ChatOutput-1"}
    return {"session_id": "s", "outputs": [{"inputs": {"input_value": "…"}, "outputs": [output]}]}


def _pieces(said: Said) -> tuple[bytes, ...]:
    events = [{"event": "add_message", "data": {"sender": "User", "text": "…"}}]
    events += [{"event": "token", "data": {"chunk": piece, "id": "m"}} for piece in said.pieces]
    events.append({"event": "end", "data": {"result": _reply(said)}})
    return tuple(msgspec.json.encode(event) + b"\n\n" for event in events)


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"detail": message}


class TestLangflow(UpstreamConformance):
    plugin = plugin
    provider = "langflow"
    operations = frozenset({"chat", "completion"})
    model = "my-flow"
    api_path = ""
    key_env = "LANGFLOW_API_KEY"
    calls_tools = False
    usage_unasked = True
    unsupported = ("logit_bias", {"50256": -100})
    shapes = (("/my-flow", Shape(_reply, _error, _pieces, streams=True, always_streams=True)),)

    def now(self, **answer: Any) -> None:
        super().now(**answer)
        plain = (("/my-flow", Shape(_reply, _error)),)
        self.upstream.script("/api/v1/run/my-flow?stream=false", **{**answer, "shapes": plain})

    def error_amid(self, message: str) -> bytes:
        """An event of its own."""
        return msgspec.json.encode({"event": "error", "data": {"error": message}}) + b"\n\n"

    def asked_model(self, received: Received) -> str:
        return received.route.removeprefix("/api/v1/run/")
