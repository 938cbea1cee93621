"""The provider of Agent2Agent's agents does what every provider must do, in both versions of the protocol."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, ClassVar

import msgspec

from nova_core.testing import Received, UpstreamConformance
from nova_core.testing.conformance import PUBLIC_NAME
from nova_core.testing.provider_bench import chat_request, completion_request
from nova_core.testing.upstream_replies import Said, Shape
from nova_plugin_a2a import plugin


def _wrapped(said: Said, kind: str, member: str, result: dict[str, Any]) -> dict[str, Any]:
    new = not said.body["method"].startswith("message/")
    return {"jsonrpc": "2.0", "id": said.body["id"], "result": {member: result} if new else {"kind": kind, **result}}


def _status(said: Said, state: str) -> dict[str, Any]:
    new = not said.body["method"].startswith("message/")
    return {"status": {"state": f"TASK_STATE_{state.upper()}" if new else state}}


def _reply(said: Said) -> dict[str, Any]:
    artifact = {"artifactId": "a", "parts": [{"kind": "text", "text": said.text}]}
    return _wrapped(said, "task", "task", {"id": "t", "artifacts": [artifact], **_status(said, "completed")})


def _pieces(said: Said) -> tuple[bytes, ...]:
    events = [_wrapped(said, "task", "task", {"id": "t", **_status(said, "submitted")})]
    for piece in said.pieces:
        artifact = {"artifactId": "a", "parts": [{"kind": "text", "text": piece}]}
        events.append(_wrapped(said, "artifact-update", "artifactUpdate", {"artifact": artifact, "append": True}))
    events.append(_wrapped(said, "status-update", "statusUpdate", {"final": True, **_status(said, "completed")}))
    return tuple(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events)


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": {"code": code or -32603, "message": message}}


def _streams(body: Any) -> bool:
    return body.get("method") in ("message/stream", "SendStreamingMessage")


class TestOld(UpstreamConformance):
    plugin = plugin
    provider = "a2a"
    operations = frozenset({"chat", "completion"})
    model = "weather-agent"
    api_path = "/weather-agent"
    key_env = "A2A_API_KEY"
    calls_tools = False
    unsupported = ("logit_bias", {"50256": -100})
    shapes = (("/weather-agent", Shape(_reply, _error, _pieces, streams=True, asks_stream=_streams)),)

    def asked_model(self, received: Received) -> str:
        return received.route.strip("/")

    async def test_usage_is_stated_plain_and_streamed(self) -> None:
        """Agents do not say what they used, and nothing is made up for them."""
        async with self.bench() as bench:
            assert (await bench.chat(chat_request(PUBLIC_NAME, stream=True))).usage is None

    async def test_usage_is_what_the_upstream_says(self) -> None:
        async with self.bench() as bench:
            assert (await bench.chat(chat_request(PUBLIC_NAME))).usage is None

    async def test_a_completion_is_answered_plain_and_streamed(self) -> None:
        async with self.bench() as bench:
            for stream in (False, True):
                reply = await bench.chat(completion_request(PUBLIC_NAME, self.prompt, stream=stream))
                assert reply.text == "Hello from the upstream."


class TestNew(TestOld):
    settings: ClassVar[Any] = MappingProxyType({"settings": {"a2a_version": "1.0"}})
