"""Version 1 of Cohere's chat: a message and its history, flat tools, and streams of events."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadGatewayError, BadRequestError, NovaError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, function_tool
from nova_core.types.call import Call, CallOptions
from nova_core.types.chat import ChatReply, Text, ToolCall
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.usage import Usage
from nova_core.wire.assemble import assemble
from nova_core.wire.json_lines import LineParser
from nova_plugin_cohere import plugin
from nova_plugin_cohere.v1_stream import Decoder

from .cohere_upstream import v1_event
from .published import check_v1_chat, check_v1_event, check_v1_reply

CITED = {"start": 0, "end": 4, "text": "Oslo", "document_ids": ["d1"]}
DOCUMENT = {"id": "d1", "title": "Cities", "url": "https://example.com/cities"}
REPLY: dict[str, Any] = {
    "text": "Oslo.", "generation_id": "g-1", "finish_reason": "MAX_TOKENS", "citations": [CITED],
    "documents": [DOCUMENT],
    "meta": {"tokens": {"input_tokens": 9.0, "output_tokens": 2.0}, "cached_tokens": 4.0},
}  # fmt: skip
CALLED: dict[str, Any] = {"name": "look_up", "parameters": {"city": "Oslo"}}
EVENTS: tuple[bytes, ...] = (
    v1_event("stream-start", generation_id="g-1"),
    v1_event("search-results", documents=[DOCUMENT]),
    v1_event("tool-calls-chunk", tool_call_delta={"text": "I will "}),
    v1_event("tool-calls-chunk", tool_call_delta={"text": "look."}),
    v1_event("citation-generation", citations=[CITED]),
    v1_event("tool-calls-generation", text="I will look.", tool_calls=[CALLED]),
    v1_event(
        "stream-end", finish_reason="COMPLETE", response={**REPLY, "text": "I will look.", "tool_calls": [CALLED]}
    ),
)


def deployment(model: str = "v1/command-r", **fields: Any) -> Deployment:
    made = Deployment(**{"id": "d", "group": "g", "provider": "cohere", "model": model, **fields})
    return plugin.complete(made, {"CO_API_KEY": "k"})


def sent(request: Request, *, drop: bool = False) -> tuple[dict[str, Any], Call]:
    call = Call(request, options=CallOptions(drop_params=drop))
    body: dict[str, Any] = msgspec.json.decode(plugin.provider_call(call, request, deployment()).request.content)
    check_v1_chat(body)
    return body, call


def told(*pieces: bytes) -> ChatReply:
    parser, decoder = LineParser(), Decoder()
    frames = [frame for piece in pieces for frame in parser.feed(piece)]
    events = [event for frame in (*frames, *parser.end()) for event in decoder.decode(frame)]
    return assemble([*events, *decoder.end()])


def test_every_parameter_has_its_place() -> None:
    tool = function_tool("f", a={"type": "integer", "description": "A number.", "minimum": 3}, b={"type": "array"})
    tool["function"]["parameters"]["required"] = ["a"]
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    body, call = sent(
        chat_request(
            "g", temperature=0.5, top_p=0.9, top_k=5, seed=7, stop="END", presence_penalty=0.1, frequency_penalty=0.2,
            response_format=wanted, tools=[tool], tool_choice="auto", documents=[{"text": "a fact"}],
            citation_quality="fast", user="u", n=1, modalities=["text"],
        )
    )  # fmt: skip
    definitions = {
        "a": {"description": 'A number. {"minimum":3}', "type": "int", "required": True},
        "b": {"description": "", "type": "list", "required": False},
    }
    assert body == {
        "model": "command-r", "message": "Hi there", "stream": False, "max_tokens": 100, "temperature": 0.5, "p": 0.9,
        "k": 5, "seed": 7, "stop_sequences": ["END"], "presence_penalty": 0.1, "frequency_penalty": 0.2,
        "response_format": {"type": "json_object", "schema": {"type": "object"}},
        "tools": [{"name": "f", "description": "The f.", "parameter_definitions": definitions}],
        "documents": [{"text": "a fact"}], "citation_quality": "fast",
    }  # fmt: skip
    assert set(call.fidelity.dropped) == {"user", "n", "modalities", "response_format.json_schema.name"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("tool_choice", "required"), ("parallel_tool_calls", False), ("logprobs", True), ("reasoning_effort", "low")],
)
def test_what_this_version_has_no_word_for_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(UnsupportedParamsError, match=f"`{name}`"):
        sent(chat_request("g", tools=[function_tool("f")], **{name: value}))


def test_tools_that_may_not_be_called_are_not_sent() -> None:
    assert "tools" not in sent(chat_request("g", tools=[function_tool("f")], tool_choice="none"))[0]


def test_a_conversation_is_a_preamble_a_history_and_a_message() -> None:
    calls = [
        {"id": f"c{number}", "type": "function", "function": {"name": "look_up", "arguments": f'{{"city":"{city}"}}'}}
        for number, city in enumerate(("Oslo", "Rome"))
    ]
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Which"}, {"type": "text", "text": "city?"}]},
        {"role": "assistant", "content": "I look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c0", "content": '{"cold": true}'},
        {"role": "tool", "tool_call_id": "c1", "content": "warm"},
    ]
    made = [{"name": "look_up", "parameters": {"city": city}} for city in ("Oslo", "Rome")]
    results = [{"call": made[0], "outputs": [{"cold": True}]}, {"call": made[1], "outputs": [{"text": "warm"}]}]
    before = [
        {"role": "USER", "message": "Which\ncity?"},
        {"role": "CHATBOT", "message": "I look.", "tool_calls": made},
    ]
    body, _ = sent(chat_request("g", history))
    said = {name: body.get(name) for name in ("message", "preamble", "chat_history", "tool_results")}
    assert said == {"message": "", "preamble": "Be brief.", "chat_history": before, "tool_results": results}
    body, _ = sent(chat_request("g", [*history, {"role": "user", "content": "And now?"}]))
    assert (body["message"], "tool_results" in body) == ("And now?", False)
    assert body["chat_history"] == [*before, {"role": "TOOL", "tool_results": results}]


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "Be brief."}],
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "I"}],
        [{"role": "tool", "tool_call_id": "c9", "content": "x"}],
    ],
    ids=["instructions alone", "an answer last", "of no call"],
)
def test_a_conversation_that_asks_nothing_is_refused(messages: list[dict[str, Any]]) -> None:
    with pytest.raises(BadRequestError):
        sent(chat_request("g", messages))


async def test_an_answer_and_what_it_cites_are_told(upstream: ScriptedUpstream) -> None:
    check_v1_reply(REPLY)
    upstream.script("/v1/chat", json=REPLY)
    async with bench(plugin, deployment(api_base=f"{upstream.url}/v1/chat", model="command-r")) as ours:
        reply = await ours.chat(chat_request("g"))
    [text] = reply.choices[0].message.parts
    assert isinstance(text, Text)
    assert [(each.url, each.title, each.cited_text) for each in text.citations] == [
        ("https://example.com/cities", "Cities", "Oslo")
    ]
    assert (reply.text, reply.choices[0].finish, reply.id) == ("Oslo.", "length", "g-1")
    assert reply.usage == Usage(input=5, cache_read=4, output=2)


@pytest.mark.parametrize("kind", ["text/event-stream", "application/stream+json"])
async def test_a_stream_is_of_events_or_of_lines(upstream: ScriptedUpstream, kind: str) -> None:
    pieces = EVENTS
    if kind != "text/event-stream":
        pieces = tuple(event.partition(b"data: ")[2].rstrip(b"\n") + b"\n" for event in EVENTS)
    upstream.script("/v1/chat", sse=pieces, headers={"content-type": kind})
    async with bench(plugin, deployment(api_base=upstream.url)) as ours:
        reply = await ours.chat(chat_request("g", stream=True))
    assert upstream.last.header("accepts") == "text/event-stream"
    text, call = reply.choices[0].message.parts
    assert isinstance(text, Text)
    assert isinstance(call, ToolCall)
    assert (text.text, [each.title for each in text.citations]) == ("I will look.", ["Cities"])
    assert (call.name, call.arguments, reply.choices[0].finish) == ("look_up", '{"city":"Oslo"}', "tool_calls")
    assert reply.usage == Usage(input=5, cache_read=4, output=2)


def test_the_scripted_events_are_those_of_the_published_client() -> None:
    for event in EVENTS:
        check_v1_event(msgspec.json.decode(event.partition(b"data: ")[2]))


def test_what_failed_is_no_answer() -> None:
    for word in ("ERROR", "TIMEOUT"):
        with pytest.raises(BadGatewayError, match=word):
            told(EVENTS[0], v1_event("stream-end", finish_reason=word, response={}))
    with pytest.raises(NovaError, match="too late"):
        told(EVENTS[0], b'data: {"message": "too late"}\n')
    call = Call(chat_request("g"))
    dialect = plugin.provider_call(call, call.original, deployment()).dialect
    with pytest.raises(BadGatewayError, match="no `text`"):
        dialect.check_reply({"generation_id": "g"})


@given(st.lists(st.sampled_from([*EVENTS, b"data: nothing\n", b"data: 7\n", EVENTS[2][:40]]), max_size=9), st.data())
def test_events_in_any_order_end_an_answer_or_break_the_stream(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    cut = data.draw(st.integers(0, len(whole)))
    try:
        reply = told(whole[:cut], whole[cut:])
    except NovaError:
        return
    assert b'"stream-end"' in whole
    assert reply.choices[0].finish is not None


def test_images_are_lost_wherever_they_are_shown() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}}
    call = {"id": "c0", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    said = [
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}]},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c0", "content": [{"type": "text", "text": "this"}, image]},
    ]
    for messages in ([{"role": "user", "content": [*said[0]["content"], image]}], said):
        with pytest.raises(UnsupportedParamsError, match="messages"):
            sent(chat_request("g", messages))
        body, _ = sent(chat_request("g", messages), drop=True)
        assert "iVBORw0K" not in str(body)
