"""GigaChat's provider does what every provider must do."""

from __future__ import annotations

from typing import Any

import msgspec

from nova_core.testing import UpstreamConformance
from nova_core.testing.conformance import PUBLIC_NAME, TOOLS
from nova_core.testing.conformance_upstream import CALLS, PARALLEL_RESULTS
from nova_core.testing.provider_bench import chat_request, responses_request
from nova_core.testing.upstream_replies import Said, Shape, shape_for
from nova_core.types.chat import ToolCall
from nova_plugin_gigachat import plugin

STATE = "77d3fb14-457a-46ba-937e-8d856156d003"
CHAT = shape_for("/chat/completions")


def _called(said: Said) -> dict[str, Any]:
    name, arguments = said.tool_calls[0]
    return {"function_call": {"name": name, "arguments": dict(arguments)}, "functions_state_id": STATE}


def _usage(said: Said) -> dict[str, int]:
    given, made = said.usage
    cached = {"precached_prompt_tokens": said.cached} if said.cached else {}
    return {"prompt_tokens": given, **cached, "completion_tokens": made, "total_tokens": given + made}


def _finish(said: Said) -> str:
    return {"tool_calls": "function_call", "content_filter": "blacklist"}.get(said.finish, said.finish)


def _reply(said: Said) -> dict[str, Any]:
    message = {"role": "assistant", "content": said.text, **(_called(said) if said.tool_calls else {})}
    choice = {"index": 0, "message": message, "finish_reason": _finish(said)}
    return {"choices": [choice], "created": 1, "model": said.model, "object": "chat.completion", "usage": _usage(said)}


def _pieces(said: Said) -> tuple[bytes, ...]:
    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta} | ({"finish_reason": finish} if finish else {})
        body = {"choices": [choice], "created": 1, "model": said.model, "object": "chat.completion", **more}
        return b"data: " + msgspec.json.encode(body) + b"\n\n"

    pieces = [chunk({"role": "assistant", "content": piece}) for piece in said.pieces]
    if said.tool_calls:
        pieces.append(chunk({"role": "assistant", "content": "", **_called(said)}))
    return (*pieces, chunk({"content": ""}, _finish(said), usage=_usage(said)) + b"data: [DONE]\n\n")


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"status": status, "message": message}


def _vectors(said: Said) -> dict[str, Any]:
    whole = shape_for("/embeddings").reply(said)
    items = [{**item, "usage": {"prompt_tokens": 3}} for item in whole["data"]]
    return {"object": "list", "data": items, "model": said.model}


class TestGigaChat(UpstreamConformance):
    plugin = plugin
    provider = "gigachat"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "GigaChat-2-Max"
    embedding_model = "EmbeddingsGigaR"
    key_env = "GIGACHAT_CREDENTIALS"
    usage_unasked = True
    unsupported = ("logit_bias", {"50256": -100})
    shapes = (
        ("/chat/completions", Shape(_reply, _error, _pieces, streams=True)),
        ("/embeddings", Shape(_vectors, _error)),
    )

    async def test_tools_are_called_in_parallel_plain_and_streamed(self) -> None:
        """One call at a time is all that there is."""
        self.now(tool_calls=CALLS[:1])
        async with self.bench() as bench:
            for stream in (False, True):
                reply = await bench.chat(chat_request(PUBLIC_NAME, "Go.", tools=TOOLS, stream=stream))
                (call,) = reply.choices[0].message.parts
                assert isinstance(call, ToolCall)
                assert (call.id, call.name, call.arguments) == (STATE, "get_weather", '{"city":"Oslo"}')
                assert reply.choices[0].finish == "tool_calls"

    async def test_callers_of_the_responses_api_are_served_plain_and_streamed(self) -> None:
        async with self.bench() as bench:
            for stream in (False, True):
                reply = await bench.chat(responses_request(PUBLIC_NAME, "Some words to pass on.", stream=stream))
                assert reply.text == "Hello from the upstream."
                assert b"Some words to pass on." in self.upstream.last.body

    async def test_a_stream_is_read_alike_wherever_its_bytes_are_split(self) -> None:
        """Of text alone: two calls in one answer there are not."""
        self.calls_tools = False  # type: ignore[misc]
        await super().test_a_stream_is_read_alike_wherever_its_bytes_are_split()
        assert self.upstream.last.json["stream"] is True

    async def test_parallel_tool_results_reach_the_upstream(self) -> None:
        async with self.bench() as bench:
            await bench.chat(chat_request(PUBLIC_NAME, PARALLEL_RESULTS, tools=TOOLS))
        assert [
            (said["role"], (said.get("function_call") or said).get("name"), said["content"])
            for said in self.upstream.last.json["messages"]
        ] == [
            ("user", None, "Weather in Oslo, and the time?"),
            ("assistant", "get_weather", ""),
            ("function", "get_weather", '{"result":"minus seven degrees"}'),
            ("assistant", "get_time", ""),
            ("function", "get_time", '{"result":"a quarter past nine"}'),
        ]
