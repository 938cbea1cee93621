"""Langflow: where flows are run, sessions, outputs and events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, UnsupportedParamsError
from nova_core.testing.provider_bench import chat_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.assemble import assemble
from nova_plugin_langflow import plugin

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Bye"},
]


def attempted(request: Request, base: str = "http://flows.test") -> tuple[Call, Exchange]:
    where = plugin.complete(Deployment("d", "public", "langflow", "my flow", api_base=base), {})
    call = Call(request)
    return call, plugin.provider_call(call, request, where)


def sent(exchange: Exchange) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(exchange.request.body or b"")
    return body


def read(exchange: Exchange, body: Any) -> Any:
    return exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))


def streamed(exchange: Exchange, *events: tuple[str, Any]) -> Any:
    assert exchange.frames is not None
    parser, decoder = exchange.frames(), exchange.dialect.decoder()
    data = b"".join(json.dumps({"event": name, "data": said}).encode() + b"\n\n" for name, said in events)
    frames = [*parser.feed(data), *parser.end()]
    return assemble([*(event for frame in frames for event in decoder.decode(frame)), *decoder.end()])


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://flows.test/", "http://flows.test/api/v1/run/my%20flow"),
        ("http://flows.test/x/api/v1/run", "http://flows.test/x/api/v1/run/my%20flow"),
        ("http://flows.test/api/v1/run/other", "http://flows.test/api/v1/run/other"),
    ],
)
def test_the_flow_is_in_the_address(base: str, url: str):
    assert attempted(chat_request("public"), base)[1].request.url == f"{url}?stream=false"
    assert attempted(chat_request("public", stream=True), base)[1].request.url == f"{url}?stream=true"


def test_a_conversation_is_a_transcript_and_a_session_remembers():
    call, exchange = attempted(chat_request("public", TALK, tweaks={"a": 1}))
    assert sent(exchange) == {
        "input_type": "chat",
        "output_type": "chat",
        "tweaks": {"a": 1},
        "input_value": "System: Be brief.\n\nUser: Hi\nthere\n\nAssistant: Hello.\n\nUser: Bye",
    }
    assert {"messages", "max_tokens"} <= {note.field for note in call.fidelity.notes}
    _, exchange = attempted(chat_request("public", TALK, session_id="s"))
    assert (sent(exchange)["input_value"], sent(exchange)["session_id"]) == ("Bye", "s")


def test_what_a_flow_decides_itself_is_refused():
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}]}]
    for name, members in {"temperature": {"temperature": 0.5}, "messages[0].content[0]": {"messages": image}}.items():
        with pytest.raises(UnsupportedParamsError) as caught:
            attempted(chat_request("public", members.pop("messages", "hi"), **members))
        assert name in caught.value.message


def test_outputs_of_every_age_are_read():
    _, exchange = attempted(chat_request("public"))
    for output in (
        {"results": {"message": {"text": "Hi."}}},
        {"results": {"message": {"text_key": "text", "data": {"text": "Hi."}}}},
        {"results": {}, "messages": [{"message": "Hi.", "sender": "Machine"}]},
    ):
        assert read(exchange, {"outputs": [{"outputs": [output]}]}).typed.text == "Hi."
    for wrong, words in (({"outputs": [{"outputs": [None]}]}, "no output"), ({"detail": "gone"}, "gone")):
        with pytest.raises(BadGatewayError, match=words):
            read(exchange, wrong)


def test_flows_that_stream_nothing_are_heard_in_the_end():
    _, exchange = attempted(chat_request("public", stream=True))
    end = ("end", {"result": {"outputs": [{"outputs": [{"results": {"message": {"text": "Hi."}}}]}]}})
    assert streamed(exchange, ("add_message", {"text": "x"}), end).text == "Hi."
    assert streamed(exchange, ("token", {"chunk": "Yo"}), end).text == "Yo"
    with pytest.raises(Exception, match="flow failed"):
        streamed(exchange, ("error", {"error": "the flow failed"}))
