"""Agent2Agent: what is sent in both versions, contexts, messages, tasks and events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, ConfigurationError
from nova_core.testing.provider_bench import chat_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.assemble import assemble
from nova_plugin_a2a import plugin

TALK = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Bye"},
]


def attempted(request: Request, **settings: Any) -> Exchange:
    given = Deployment("d", "public", "a2a", "agent", api_base="https://agent.test/rpc?x=1", settings=settings)
    exchange: Exchange = plugin.provider_call(Call(request), request, plugin.complete(given, {}))
    return exchange


def sent(exchange: Exchange) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(exchange.request.body or b"")
    return body


def read(exchange: Exchange, result: Any) -> Any:
    body = result if "error" in result else {"jsonrpc": "2.0", "id": "1", "result": result}
    return exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))


def streamed(exchange: Exchange, *results: Any) -> Any:
    assert exchange.frames is not None
    parser, decoder = exchange.frames(), exchange.dialect.decoder()
    frames = [
        frame
        for result in results
        for frame in parser.feed(b"data: " + json.dumps({"jsonrpc": "2.0", "result": result}).encode() + b"\n\n")
    ]
    return assemble([*(event for frame in frames for event in decoder.decode(frame)), *decoder.end()])


def task(state: str, text: str | None = None, **more: Any) -> dict[str, Any]:
    said = {"message": {"role": "agent", "parts": [{"kind": "text", "text": text}]}} if text else {}
    return {"kind": "task", "id": "t", "status": {"state": state, **said}, **more}


def artifact(name: str, text: str) -> dict[str, Any]:
    made = {"artifactId": name, "parts": [{"kind": "text", "text": text}, {"kind": "data", "data": {}}]}
    return {"kind": "artifact-update", "artifact": made}


def test_a_message_is_sent_to_the_agents_url():
    exchange = attempted(chat_request("public", TALK, metadata={"a": "b"}))
    assert exchange.request.url == "https://agent.test/rpc?x=1"
    body = sent(exchange)
    assert (body["jsonrpc"], body["method"], body["params"]["metadata"]) == ("2.0", "message/send", {"a": "b"})
    assert body["params"]["configuration"]["blocking"] is True
    message = body["params"]["message"]
    assert (message["kind"], message["role"]) == ("message", "user")
    assert message["parts"] == [{"kind": "text", "text": "User: Hi\n\nAssistant: Hello.\n\nUser: Bye"}]
    assert sent(attempted(chat_request("public", stream=True)))["method"] == "message/stream"


def test_a_context_remembers_and_the_next_version_has_other_words():
    exchange = attempted(chat_request("public", TALK, context_id="c", task_id="t"), a2a_version="1.0")
    assert dict(exchange.request.headers)["A2A-Version"] == "1.0"
    body = sent(exchange)
    assert body["method"] == "SendMessage"
    message = body["params"]["message"]
    assert (message["role"], message["contextId"], message["taskId"]) == ("ROLE_USER", "c", "t")
    assert message["parts"] == [{"text": "Bye"}]
    stream = attempted(chat_request("public", stream=True), a2a_version="1.0")
    assert sent(stream)["method"] == "SendStreamingMessage"


def test_an_agent_needs_an_address():
    with pytest.raises(ConfigurationError, match="A2A_API_BASE"):
        plugin.complete(Deployment("d", "public", "a2a", "agent"), {})


def test_messages_and_tasks_are_answers():
    exchange = attempted(chat_request("public"))
    message = {"role": "agent", "parts": [{"kind": "text", "text": "Hi."}], "messageId": "m"}
    made = {"artifacts": [{"parts": [{"text": "One."}]}, {"parts": [{"text": "Two."}]}]}
    for result, text in (
        ({"kind": "message", **message}, "Hi."),
        ({"message": message}, "Hi."),
        (task("completed", **made), "One.\n\nTwo."),
        ({"task": {"id": "t", "status": {"state": "TASK_STATE_COMPLETED"}, **made}}, "One.\n\nTwo."),
        (task("input-required", "Where?"), "Where?"),
    ):
        assert read(exchange, result).typed.text == text
    for wrong, words in (
        (task("failed", "out of order"), "out of order"),
        (task("rejected"), "rejected"),
        (task("working"), "left its task working"),
        ({"error": {"code": -32601, "message": "no such method"}}, "no such method"),
        ({"kind": "task"}, "shape"),
    ):
        with pytest.raises(BadGatewayError, match=words):
            read(exchange, wrong)


def test_artifacts_are_streamed_and_the_status_ends_the_answer():
    exchange = attempted(chat_request("public", stream=True))
    working, done = task("working"), {**task("completed"), "kind": "status-update", "final": True}
    said = streamed(exchange, working, artifact("a", "One"), artifact("a", "."), artifact("b", "Two."), done)
    assert said.text == "One.\n\nTwo."
    assert streamed(exchange, working, {**task("input-required", "Where?"), "kind": "status-update"}).text == "Where?"
    assert streamed(exchange, {"kind": "message", "parts": [{"kind": "text", "text": "Hi."}]}, done).text == "Hi."
    with pytest.raises(Exception, match="out of order"):
        streamed(exchange, working, {**task("failed", "out of order"), "kind": "status-update"})
    with pytest.raises(Exception, match="ended"):
        streamed(exchange, working, artifact("a", "One"))
