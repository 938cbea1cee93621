"""Cohere's chat: what is sent, what comes back, and streams of events."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import (
    AuthenticationError,
    BadGatewayError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    NovaError,
    UnsupportedParamsError,
)
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, function_tool
from nova_core.types.call import Call, CallOptions
from nova_core.types.chat import ChatReply, Opaque, Text, Thinking, ToolCall
from nova_core.types.deployment import Deployment
from nova_core.types.message import Operation, Request
from nova_core.types.usage import Usage
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.assemble import assemble
from nova_core.wire.sse import SseParser
from nova_plugin_cohere import plugin
from nova_plugin_cohere.chat import COHERE_CHAT
from nova_plugin_cohere.stream import Decoder

from .cohere_upstream import COHERE_SHAPES, delta, event
from .published import check_chat, check_event, check_reply

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K", "detail": "low"}}


def deployment(model: str = "command-a-03-2025", **fields: Any) -> Deployment:
    made = Deployment(**{"id": "d", "group": "g", "provider": "cohere", "model": model, **fields})
    return plugin.complete(made, {"CO_API_KEY": "k"})


def sent(request: Request, *, drop: bool = False) -> tuple[dict[str, Any], Call]:
    call = Call(request, options=CallOptions(drop_params=drop))
    asked = plugin.provider_call(call, request, deployment()).request.body
    assert isinstance(asked, bytes)
    body: dict[str, Any] = msgspec.json.decode(asked)
    check_chat(body)
    return body, call


@pytest.mark.parametrize(
    ("base", "operation", "url"),
    [
        (None, "chat", "https://api.cohere.com/v2/chat"),
        (None, "embedding", "https://api.cohere.com/v2/embed"),
        ("https://api.cohere.ai/v1/chat", "chat", "https://api.cohere.ai/v1/chat"),
        ("https://api.cohere.ai/v1/chat", "embedding", "https://api.cohere.ai/v2/embed"),
        ("https://api.cohere.com/v2/chat/", "embedding", "https://api.cohere.com/v2/embed"),
        ("https://api.cohere.com/compatibility/v1", "chat", "https://api.cohere.com/v2/chat"),
        ("https://proxy/team/v2/chat?x=1", "chat", "https://proxy/team/v2/chat?x=1"),
        ("https://proxy/embed", "embedding", "https://proxy/embed"),
        ("https://proxy/rerank", "rerank", "https://proxy/rerank"),
        ("https://proxy/v1/rerank", "rerank", "https://proxy/v1/rerank"),
        ("https://proxy/v2/rerank", "transcription", "https://proxy/v2/audio/transcriptions"),
    ],
)
def test_a_base_may_end_in_the_path_of_the_operation(base: str | None, operation: Operation, url: str) -> None:
    assert plugin.url(deployment(api_base=base), operation) == url


@pytest.mark.parametrize(
    ("model", "base", "url"),
    [
        ("v1/command-r", None, "https://api.cohere.com/v1/chat"),
        ("v1/command-r", "https://proxy/x/v2/chat", "https://proxy/x/v1/chat"),
        ("v1/command-r", "https://proxy/chat", "https://proxy/chat"),
        ("v2/command-r", "https://proxy/v1/chat", "https://proxy/v2/chat"),
    ],
)
def test_a_version_in_front_of_a_models_name_is_not_a_part_of_it(model: str, base: str | None, url: str) -> None:
    given = deployment(model, api_base=base)
    assert (given.model, plugin.url(given, "chat")) == ("command-r", url)


def test_every_parameter_has_its_place() -> None:
    tool = function_tool("f", a={"type": "integer"})
    tool["function"]["strict"] = True
    body, call = sent(
        chat_request(
            "g", temperature=0.5, top_p=0.9, top_k=5, seed=7, stop="END", presence_penalty=0.1, frequency_penalty=0.2,
            logprobs=True, response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
            tools=[tool], documents=["a fact", {"data": {"text": "another"}, "id": "d"}], safety_mode="STRICT",
            citation_options={"mode": "FAST"}, priority=3, user="u", n=1, thinking={"type": "enabled"},
        )
    )  # fmt: skip
    del tool["function"]["strict"]
    assert body == {
        "model": "command-a-03-2025", "stream": False, "messages": [{"role": "user", "content": "Hi there"}],
        "max_tokens": 100, "temperature": 0.5, "p": 0.9, "k": 5, "seed": 7, "stop_sequences": ["END"],
        "presence_penalty": 0.1, "frequency_penalty": 0.2, "logprobs": True,
        "response_format": {"type": "json_object", "json_schema": SCHEMA}, "tools": [tool], "strict_tools": True,
        "documents": ["a fact", {"data": {"text": "another"}, "id": "d"}], "safety_mode": "STRICT",
        "citation_options": {"mode": "FAST"}, "priority": 3, "thinking": {"type": "enabled"},
    }  # fmt: skip
    assert set(call.fidelity.dropped) == {"user", "n", "response_format.json_schema.name"}


@pytest.mark.parametrize(
    ("asked", "thinking"),
    [
        ({"reasoning_effort": "none"}, {"type": "disabled"}),
        ({"reasoning_effort": "low"}, {"type": "enabled", "token_budget": 1024}),
        ({"reasoning_effort": "high"}, {"type": "enabled"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 900}}, {"type": "enabled", "token_budget": 900}),
        ({"thinking": {"type": "enabled", "token_budget": 900}}, {"type": "enabled", "token_budget": 900}),
        ({"thinking": {"type": "disabled"}}, {"type": "disabled"}),
        ({}, None),
    ],
)
def test_thinking_is_asked_for_by_its_budget(asked: dict[str, Any], thinking: dict[str, Any] | None) -> None:
    assert sent(chat_request("g", **asked))[0].get("thinking") == thinking


@pytest.mark.parametrize(
    ("choice", "said", "tools"),
    [
        ("auto", None, ["f", "g"]), ("none", "NONE", ["f", "g"]), ("required", "REQUIRED", ["f", "g"]),
        ({"type": "function", "function": {"name": "g"}}, "REQUIRED", ["g"]),
    ],
)  # fmt: skip
def test_a_choice_of_tools_is_one_of_theirs(choice: Any, said: str | None, tools: list[str]) -> None:
    body, _ = sent(chat_request("g", tools=[function_tool("f"), function_tool("g")], tool_choice=choice))
    assert (body.get("tool_choice"), [tool["function"]["name"] for tool in body["tools"]]) == (said, tools)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2), ("logit_bias", {"1": 2}), ("top_logprobs", 3), ("modalities", ["text", "audio"]), ("made_up", 1),
        ("parallel_tool_calls", False), ("tool_choice", {"type": "function", "function": {"name": "nobody"}}),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name_or_dropped(name: str, value: Any) -> None:
    request = chat_request("g", tools=[function_tool("f")], **{name: value})
    with pytest.raises(UnsupportedParamsError, match=name):
        sent(request)
    body, call = sent(request, drop=True)
    assert name not in body
    assert name in call.fidelity.lost


def test_a_conversation_with_images_tools_and_thoughts_is_told_again() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    body, _ = sent(
        chat_request(
            "g",
            [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "What is it?"}, IMAGE]},
                {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "I will look."},
                {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
                {"role": "assistant", "content": "A cat.", "reasoning_content": "It purrs."},
                {"role": "user", "content": "Sure?"},
            ],
        )
    )
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, IMAGE]},
        {"role": "assistant", "tool_plan": "I will look.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "It purrs."}, {"type": "text", "text": "A cat."}],
        },
        {"role": "user", "content": "Sure?"},
    ]


def test_images_that_were_drawn_in_an_answer_are_shown_by_the_user() -> None:
    asked = {"role": "user", "content": "Draw"}
    drawn = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}}
    body, call = sent(chat_request("g", [asked, {"role": "assistant", "content": "Here", "images": [drawn]}, asked]))
    assert body["messages"][1:] == [
        {"role": "assistant", "content": "Here"},
        {"role": "user", "content": [{"type": "text", "text": "Draw"}, drawn]},
    ]
    assert [note.field for note in call.fidelity.notes] == ["messages[1].images[0]"]


def test_callers_of_another_api_are_served_and_their_documents_are_told() -> None:
    document = {
        "type": "document", "title": "Notes", "source": {"type": "text", "media_type": "text/plain", "data": "Mice."},
    }  # fmt: skip
    use = {"type": "tool_use", "id": "t", "name": "read", "input": {"path": "/x"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [document], "is_error": True}
    said = [
        {"role": "user", "content": [{"type": "text", "text": "Go"}, document]},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result, {"type": "text", "text": "Again?"}]},
    ]
    request = Request("chat", ANTHROPIC_MESSAGES, {"model": "g", "max_tokens": 9, "system": "S", "messages": said})
    body, _ = sent(request)
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool", "user"]
    assert body["messages"][1]["content"][1] == {"type": "text", "text": "Notes\nMice."}
    assert body["messages"][3]["content"] == [
        {"type": "text", "text": "Error:"},
        {"type": "document", "document": {"data": {"title": "Notes", "text": "Mice."}}},
    ]


CITED = {
    "start": 0, "end": 5, "text": "Grüße", "type": "TEXT_CONTENT", "content_index": 1,
    "sources": [{"type": "document", "id": "d", "document": {"title": "T", "url": "https://x/y"}}],
}  # fmt: skip
STREAM = b"".join(
    (
        event("message-start", id="r", delta={"message": {"role": "assistant"}}),
        delta("content-start", 0, content={"type": "thinking", "thinking": ""}),
        delta("content-delta", 0, content={"thinking": "hm"}),
        event("content-end", index=0),
        delta("content-start", 1, content={"type": "text", "text": ""}),
        event(
            "content-delta",
            index=1,
            delta={"message": {"content": {"text": "Grüße "}}},
            logprobs={"text": "Grüße ", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]},
        ),
        delta("content-delta", 1, content={"text": "\n\u2028you"}),
        delta("citation-start", 0, citations=CITED),
        event("citation-end", index=0),
        delta("tool-plan-delta", tool_plan="I will look."),
        delta("tool-call-start", 0, tool_calls={"id": "f_1", "type": "function", "function": {"name": "f"}}),
        delta("tool-call-delta", 0, tool_calls={"function": {"arguments": '{"a":'}}),
        delta("tool-call-delta", 0, tool_calls={"function": {"arguments": "1}"}}),
        event("tool-call-end", index=0),
        event(
            "message-end",
            delta={
                "finish_reason": "TOOL_CALL",
                "usage": {"tokens": {"input_tokens": 10.0, "output_tokens": 5.0}, "cached_tokens": 4.0},
            },
        ),
    )
)


def test_the_streams_and_replies_of_these_tests_are_as_published(upstream: ScriptedUpstream) -> None:
    parser = SseParser()
    for frame in (*parser.feed(STREAM), *parser.end()):
        data = msgspec.json.decode(frame.data)
        if data["type"] != "tool-call-start":  # the type asks for arguments, which the vendor leaves out at times
            check_event(data)
    check_reply(REPLY)


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM)), max_size=8))
def test_a_stream_may_be_split_anywhere(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    parser, decoder = SseParser(), Decoder()
    frames = [frame for start, end in pairwise(places) for frame in parser.feed(STREAM[start:end])]
    events = [each for frame in (*frames, *parser.end()) for each in decoder.decode(frame)]
    reply = assemble([*events, *decoder.end()])
    choice = reply.choices[0]
    thought, text, plan, call = choice.message.parts
    assert (thought, plan, call) == (Thinking("hm"), Thinking("I will look."), ToolCall("f_1", "f", '{"a":1}'))
    assert isinstance(text, Text)
    assert (text.text, text.citations[0].url) == ("Grüße \n\u2028you", "https://x/y")
    assert choice.logprobs is not None
    assert choice.logprobs["content"][0]["logprob"] == -0.75
    assert (choice.finish, reply.usage) == ("tool_calls", Usage(input=6, cache_read=4, output=5))


@given(st.lists(st.binary(max_size=40) | st.sampled_from(STREAM.split(b"\n\n")), max_size=8))
def test_garbage_never_ends_cleanly(pieces: list[bytes]) -> None:
    parser, decoder = SseParser(), Decoder()
    data = b"\n\n".join(pieces)
    try:
        for frame in (*parser.feed(data), *parser.end()):
            decoder.decode(frame)
        decoder.end()
    except NovaError:
        return
    assert b'"message-end"' in data


REPLY: dict[str, Any] = {
    "id": "r", "finish_reason": "MAX_TOKENS",
    "message": {
        "role": "assistant", "citations": [CITED, {**CITED, "type": "PLAN"}],
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Grüße you"}],
    },
    "logprobs": [{"text": "Gr", "token_ids": [1], "logprobs": [-1.0]}],
    "usage": {"billed_units": {"input_tokens": 3, "output_tokens": 2}},
}  # fmt: skip


async def test_thoughts_citations_and_probabilities_of_an_answer_are_told(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json=REPLY)
    async with bench(plugin, deployment(api_base=upstream.url)) as ours:
        choice = (await ours.chat(chat_request("g"))).choices[0]
    thought, text = choice.message.parts
    assert isinstance(text, Text)
    assert (thought, [cited.title for cited in text.citations]) == (Thinking("hm"), ["T"])
    token = {"token": "Gr", "logprob": -1.0, "bytes": [71, 114], "top_logprobs": []}
    assert (choice.finish, choice.logprobs) == ("length", {"content": [token]})


@pytest.mark.parametrize(
    ("status", "message", "expected", "answered"),
    [
        (400, "too many tokens: size limit exceeded by 12 tokens", ContextWindowExceededError, 400),
        (498, "blocked output", ContentPolicyViolationError, 498),
        (400, "invalid api token", AuthenticationError, 401),
        (499, "request cancelled", NovaError, 499),
    ],
)
async def test_errors_are_told_by_what_they_mean(
    upstream: ScriptedUpstream, status: int, message: str, expected: type[NovaError], answered: int
) -> None:
    upstream.script("*", status=status, message=message, shapes=COHERE_SHAPES)
    async with bench(plugin, deployment(api_base=upstream.url)) as ours:
        with pytest.raises(expected, match=message) as caught:
            await ours.chat(chat_request("g"))
    assert caught.value.status == answered


async def test_answers_that_failed_are_errors_plain_and_streamed(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json={**REPLY, "finish_reason": "ERROR"})
    upstream.script("*", json={"message": "it broke"})
    start = event("message-start", id="r", delta={"message": {"role": "assistant"}})
    ends = (
        event("message-end", delta={"finish_reason": "ERROR", "error": "it broke"}),
        event("message-end", delta={"finish_reason": "TIMEOUT"}),
        b'data: {"message": "overheated"}\n\n',
    )
    for end in ends:
        upstream.script("*", sse=[start, end])
    async with bench(plugin, deployment(api_base=upstream.url)) as ours:
        for words in ("ERROR", "it broke"):
            with pytest.raises(BadGatewayError, match=words):
                await ours.chat(chat_request("g"))
        for words in ("it broke", "TIMEOUT", "overheated"):
            with pytest.raises(NovaError, match=words):
                await ours.chat(chat_request("g", stream=True))


async def test_a_gateway_streams_events_to_callers_of_another_format(gateway: Any, upstream: ScriptedUpstream) -> None:
    upstream.script("command-a-03-2025", text="hi there", usage=(3, 2), shapes=COHERE_SHAPES)
    params = {"model": "cohere/command-a-03-2025", "api_base": upstream.url, "api_key": "k", "safety_mode": "OFF"}
    caller = await gateway({"model_list": [{"model_name": "mine", "litellm_params": params}]})
    written = b"".join([piece async for piece in caller.stream("mine")])
    assert b'"content":"hi ' in written
    assert b'"model":"mine"' in written
    assert written.endswith(b"data: [DONE]\n\n")
    assert upstream.last.json["safety_mode"] == "OFF"


def test_what_a_reply_says_oddly_is_not_made_up() -> None:
    content = [{"type": "text", "text": None}, {"type": "drawing", "svg": "<svg/>"}]
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": True}}}]
    body = {"id": "i", "finish_reason": "NEW_WORD", "message": {"content": content, "tool_calls": calls}}
    reply = COHERE_CHAT.parse_reply(body)
    assert isinstance(reply, ChatReply)
    said = (Text(""), Opaque("cohere_chat", content[1]), ToolCall("c", "f", '{"a":true}'))
    assert reply.choices[0].message.parts == said
    assert (reply.choices[0].finish, reply.choices[0].native_finish) == ("tool_calls", "NEW_WORD")
