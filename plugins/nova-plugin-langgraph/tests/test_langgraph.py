"""LangGraph: threads, runs with settings of their own, states and events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, StreamBrokenError
from nova_core.testing.provider_bench import chat_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.assemble import assemble
from nova_plugin_langgraph import plugin

TALK = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Bye"},
]
ANSWER = {"type": "ai", "id": "run-1", "content": "Goodbye."}


def attempted(request: Request, base: str = "http://graphs.test/") -> tuple[Call, Exchange]:
    where = plugin.complete(Deployment("d", "public", "langgraph", "agent", api_base=base), {})
    call = Call(request)
    return call, plugin.provider_call(call, request, where)


def read(exchange: Exchange, body: Any) -> Any:
    return exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))


def streamed(exchange: Exchange, *events: tuple[str, Any]) -> Any:
    assert exchange.frames is not None
    parser, decoder = exchange.frames(), exchange.dialect.decoder()
    data = b"".join(f"event: {name}\ndata: {json.dumps(said)}\n\n".encode() for name, said in events)
    frames = [*parser.feed(data), *parser.end()]
    return assemble([*(event for frame in frames for event in decoder.decode(frame)), *decoder.end()])


def test_a_run_of_its_own_gets_the_whole_conversation():
    _, exchange = attempted(chat_request("public", TALK, config={"recursion_limit": 5}, metadata={"a": "b"}))
    assert exchange.request.url == "http://graphs.test/runs/wait"
    assert json.loads(exchange.request.body or b"") == {
        "assistant_id": "agent",
        "input": {"messages": TALK},
        "config": {"recursion_limit": 5},
        "metadata": {"a": "b"},
    }


def test_a_thread_gets_what_is_new():
    call, exchange = attempted(chat_request("public", TALK, thread_id="t/1", stream=True))
    assert exchange.request.url == "http://graphs.test/threads/t%2F1/runs/stream"
    body = json.loads(exchange.request.body or b"")
    assert body["input"] == {"messages": TALK[2:]}
    assert body["stream_mode"] == ["messages-tuple", "values"]
    assert "messages" in [note.field for note in call.fidelity.notes]


def test_the_address_may_end_in_a_run():
    for base in ("http://graphs.test/app/runs/stream", "http://graphs.test/app/runs/wait", "http://graphs.test/app"):
        assert attempted(chat_request("public"), base)[1].request.url == "http://graphs.test/app/runs/wait"


def test_usage_is_of_all_models_since_the_caller_spoke():
    _, exchange = attempted(chat_request("public"))
    used = {"usage_metadata": {"input_tokens": 5, "output_tokens": 2}}
    old = {"type": "ai", "content": "old", "usage_metadata": {"input_tokens": 99, "output_tokens": 99}}
    calling = {"type": "ai", "content": "", "tool_calls": [{"name": "f", "args": {}, "id": "c"}], **used}
    messages = [old, {"type": "human", "content": "Bye"}, calling, {"type": "tool", "content": "1"}, {**ANSWER, **used}]
    reply = read(exchange, {"messages": messages})
    assert (reply.usage.input_total, reply.usage.output_total) == (10, 4)
    assert read(exchange, {"messages": [ANSWER]}).usage is None


def test_a_graph_that_waits_for_a_tool_says_so():
    _, exchange = attempted(chat_request("public"))
    calling = {"type": "ai", "content": "", "tool_calls": [{"name": "f", "args": {"a": 1}, "id": "c"}]}
    reply = read(exchange, {"messages": [calling]})
    (call,) = reply.typed.choices[0].message.parts
    assert (call.id, call.name, call.arguments, reply.typed.choices[0].finish) == ("c", "f", '{"a":1}', "tool_calls")
    _, exchange = attempted(chat_request("public", stream=True))
    assert streamed(exchange, ("values", {"messages": [calling]})).choices[0].finish == "tool_calls"


def test_graphs_that_stream_nothing_are_heard_in_the_end():
    _, exchange = attempted(chat_request("public", stream=True))
    values = ("values", {"messages": [{"type": "human", "content": "x"}, ANSWER]})
    assert streamed(exchange, values).text == "Goodbye."
    whole = ("messages", [{**ANSWER, "type": "ai"}, {}])
    assert streamed(exchange, whole, values, ("end", None)).text == "Goodbye."
    parts = ("messages", [{"type": "AIMessageChunk", "id": "run-1", "content": [{"type": "text", "text": "Bye"}]}, {}])
    assert streamed(exchange, parts, whole, values).text == "Bye"


def test_failures_and_half_streams_are_errors():
    _, exchange = attempted(chat_request("public"))
    for body, words in (
        ({"__error__": {"error": "ValueError", "message": "no such node"}}, "no such node"),
        ({"messages": [{"type": "human", "content": "x"}]}, "without an answer"),
        ({"topic": "cats"}, "shape"),
    ):
        with pytest.raises(BadGatewayError, match=words):
            read(exchange, body)
    _, exchange = attempted(chat_request("public", stream=True))
    with pytest.raises(StreamBrokenError):
        streamed(exchange, ("messages", [{"type": "AIMessageChunk", "id": "a", "content": "By"}, {}]))
    with pytest.raises(Exception, match="graph failed"):
        streamed(exchange, ("error", {"error": "E", "message": "graph failed"}))
