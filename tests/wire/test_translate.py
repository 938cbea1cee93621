"""Between dialects: requests, replies and streams there and back, and what is named on the way."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import msgspec
import pytest
from anthropic.types import Message as VendorMessage
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.chat import ChatReply, ChatRequest, Choice, Message, Opaque, Part, Text, ToolCall, ToolResult
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Reply, Request
from nova_core.types.usage import Usage
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from nova_core.wire.assemble import assemble, disassemble
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from nova_core.wire.sse import SseParser
from nova_core.wire.translate import translate_reply, translate_request
from tests.wire.anthropic_said import answers, endings, names, objects, replies, usages, words

OPENAI = "openai_chat"
CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
# Where a typed field is called otherwise in the paths of notes.
CALLED = {"reasoning": {"reasoning_effort", "thinking"}, "include_usage": {"stream_options"}}


def chat(**members: Any) -> Request:
    return Request("chat", OPENAI_CHAT, CHAT | members)


def there_and_back(members: dict[str, Any]) -> tuple[ChatRequest, ChatRequest, Fidelity]:
    """An OpenAI request, what is left of it after a stay in the Messages API, and the report of both ways."""
    request = Request("chat", OPENAI_CHAT, members)
    there, lost_there = translate_request(request, ANTHROPIC_MESSAGES)
    wire = Request("chat", ANTHROPIC_MESSAGES, msgspec.json.decode(there.encode(), type=dict[str, msgspec.Raw]))
    ANTHROPIC_MESSAGES.check_request(wire.members)
    back, lost_back = translate_request(wire, OPENAI_CHAT)
    OPENAI_CHAT.check_request(back.members)
    return request.chat, Request("chat", OPENAI_CHAT, back.members).chat, lost_there + lost_back


def named(report: Fidelity) -> set[str]:
    return {re.split(r"[.\[]", note.field)[0] for note in report.notes}


def flat(messages: tuple[Message, ...]) -> list[tuple[str, Part]]:
    """Who says what, whatever the cut into messages: arguments as data, instructions under one role."""
    said: list[tuple[str, Part]] = []
    for message in messages:
        role = "system" if message.role == "developer" else message.role
        for part in message.parts:
            if isinstance(part, ToolCall):
                part = ToolCall(part.id, part.name, str(msgspec.json.decode(part.arguments or "{}")))
            elif isinstance(part, ToolResult):
                part = ToolResult(part.call_id, (Text("\n".join(p.text for p in part.parts if isinstance(p, Text))),))
            elif not isinstance(part, Text):
                part = type(part)(source=part.source)  # type: ignore[call-arg, union-attr]
            said.append((role, part))
    return said


texts = words.map(lambda text: {"type": "text", "text": text})
images = st.sampled_from(["https://e.org/a.png", "data:image/png;base64,iVBORw0KGgo="]).map(
    lambda url: {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
)
pdfs = st.just({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}})
contents = words | st.lists(texts | images | pdfs, min_size=1, max_size=3)


@st.composite
def openai_messages(draw: st.DrawFn) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [
        {
            "role": draw(st.sampled_from(["system", "developer"])),
            "content": draw(words | st.lists(texts, min_size=1, max_size=2)),
        }
        for _ in range(draw(st.integers(0, 2)))
    ]
    for turn in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(contents)})
        calls = [
            {
                "id": f"call_{turn}_{place}",
                "type": "function",
                "function": {"name": draw(names), "arguments": msgspec.json.encode(arguments).decode()},
            }
            for place, arguments in enumerate(draw(st.lists(objects, max_size=2)))
        ]
        said = {"tool_calls": calls, "content": draw(st.none() | words)} if calls else {"content": draw(words)}
        messages.append({"role": "assistant", **said})
        messages += [{"role": "tool", "tool_call_id": call["id"], "content": draw(words)} for call in calls]
    return messages


tools = st.lists(
    st.builds(
        lambda name, strict: {
            "type": "function",
            "function": {
                "name": name,
                "description": "d",
                "parameters": {"type": "object", "properties": {"a": {"type": "string"}}},
                **({"strict": strict} if strict is not None else {}),
            },
        },
        names,
        st.none() | st.booleans(),
    ),
    min_size=1,
    max_size=2,
)
parameters: dict[str, st.SearchStrategy[Any]] = {
    "max_completion_tokens": st.integers(1, 9000),
    "temperature": st.sampled_from([0, 0.7, 1, 1.8]),
    "top_p": st.just(0.9),
    "stop": words | st.lists(words, max_size=2) | st.just(" "),
    "n": st.integers(1, 2),
    "seed": st.just(1),
    "presence_penalty": st.sampled_from([0, 1.5]),
    "frequency_penalty": st.sampled_from([0, 1.5]),
    "logit_bias": st.sampled_from([{}, {"1": 2}]),
    "logprobs": st.booleans(),
    "top_logprobs": st.integers(0, 2),
    "tool_choice": st.sampled_from(["auto", "none", "required"]),
    "parallel_tool_calls": st.booleans(),
    "response_format": st.sampled_from(
        [
            {"type": "text"},
            {"type": "json_object"},
            {
                "type": "json_schema",
                "json_schema": {"name": "n", "strict": True, "schema": {"type": "integer", "minimum": 3}},
            },
        ]
    ),
    "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    "verbosity": st.just("low"),
    "modalities": st.sampled_from([["text"], ["text", "audio"]]),
    "user": st.sampled_from(["u-1", "jo@example.org"]),
    "metadata": st.just({"team": "a"}),
    "service_tier": st.sampled_from(["auto", "default", "flex"]),
    "store": st.booleans(),
    "prompt_cache_key": st.just("k"),
    "stream": st.booleans(),
    "stream_options": st.just({"include_usage": True}),
    "prediction": st.just({"type": "content", "content": "x"}),
}
openai_requests = st.fixed_dictionaries(
    {"model": names, "messages": openai_messages()}, optional={**parameters, "tools": tools}
)


@settings(max_examples=60, deadline=None)
@given(openai_requests)
def test_there_and_back_keeps_everything_that_is_not_named(members: dict[str, Any]):
    before, after, report = there_and_back(members)
    told = named(report)
    for field in fields(ChatRequest):
        if field.name in ("messages", "extra") or getattr(before, field.name) == getattr(after, field.name):
            continue
        assert CALLED.get(field.name, {field.name}) & told, f"{field.name} changed without a word: {report}"
    for name in before.extra.get(OPENAI, {}):
        assert name in told
    kept = [(role, part) for role, part in flat(after.messages) if "one JSON object" not in getattr(part, "text", "")]
    assert kept == flat(before.messages)


@settings(max_examples=40, deadline=None)
@given(openai_requests)
def test_what_is_lost_is_lost_before_the_upstream_sees_it(members: dict[str, Any]):
    there, report = translate_request(Request("chat", OPENAI_CHAT, members), ANTHROPIC_MESSAGES)
    allowed = {
        "model", "messages", "max_tokens", "system", "tools", "tool_choice", "stop_sequences", "temperature", "top_p",
        "metadata", "thinking", "output_config", "service_tier", "stream",
    }  # fmt: skip
    assert set(there.members) <= allowed
    # What is dropped by name may be taken out of the members by that name.
    assert not set(report.dropped) & set(there.members)
    assert report == ANTHROPIC_MESSAGES.render_request(Request("chat", OPENAI_CHAT, members).typed)[1]


def test_a_request_in_the_same_dialect_is_the_same_request():
    request = chat(seed=1)
    assert translate_request(request, OPENAI_CHAT) == (request, Fidelity())


def test_embeddings_are_not_chat():
    request = Request("embedding", OPENAI_EMBEDDINGS, {"model": "m", "input": "x"})
    with pytest.raises(BadRequestError):
        translate_request(request, ANTHROPIC_MESSAGES)
    with pytest.raises(BadRequestError):
        translate_request(chat(), OPENAI_EMBEDDINGS)


def test_counting_asks_with_the_prompt_alone():
    request, report = translate_request(chat(max_tokens=5, temperature=0), ANTHROPIC_COUNT_TOKENS)
    assert request.operation == "count_tokens"
    assert set(request.members) == {"model", "messages"}
    assert report.lost == ()


def test_a_wrong_field_is_named_in_the_callers_words():
    with pytest.raises(BadRequestError) as caught:
        translate_request(chat(messages=[{"role": "user", "content": [{"type": "text"}]}]), ANTHROPIC_MESSAGES)
    assert caught.value.param == "messages[0].content[0].text"


def test_a_reply_keeps_headers_and_usage_and_takes_the_callers_form():
    members = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "gpt",
        "system_fingerprint": "fp",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": "Look",
                    "reasoning_content": "hm",
                    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
                },
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3}},
    }
    reply = Reply("chat", OPENAI_CHAT, members, headers={"x-request-id": "r"})
    said = translate_reply(reply, ANTHROPIC_MESSAGES)
    message = VendorMessage.model_validate(said.members)
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (7, 3)
    assert said.headers == {"x-request-id": "r"}
    assert said.usage == Usage(input=7, cache_read=3, output=4)
    assert said.fidelity.dropped == ("system_fingerprint",)
    assert translate_reply(reply, OPENAI_CHAT) is reply


def test_what_a_reply_loses_is_named():
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    members = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "a"}, block],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "container": {"id": "c"},
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    said = translate_reply(Reply("chat", ANTHROPIC_MESSAGES, members), OPENAI_CHAT)
    assert said.get("choices")[0]["message"]["content"] == "a"
    # The vendor's own block is kept whole, in provider_specific_fields.
    assert set(said.fidelity.dropped) == {"container"}


def test_a_reply_that_cannot_be_read_is_a_bad_gateway():
    with pytest.raises(BadGatewayError):
        translate_reply(Reply("chat", OPENAI_CHAT, {"object": "list"}), ANTHROPIC_MESSAGES)


@settings(max_examples=60, deadline=None)
@given(answers, endings, usages)
def test_a_reply_there_and_back_keeps_what_both_can_say(parts, ending, usage):
    finish, native, hit = ending
    spoken = tuple(part for part in parts if not isinstance(part, Opaque))
    typed = ChatReply("i", "m", (Choice(0, Message("assistant", spoken), finish, native, hit),), usage)
    there = translate_reply(Reply("chat", ANTHROPIC_MESSAGES, typed=typed), OPENAI_CHAT)
    wire = Reply("chat", OPENAI_CHAT, msgspec.json.decode(there.encode()))
    back = translate_reply(wire, ANTHROPIC_MESSAGES).members
    assert "".join(block.get("text", "") for block in back["content"]) == typed.text
    assert [(block["name"], block["input"]) for block in back["content"] if block["type"] == "tool_use"] == [
        (part.name, msgspec.json.decode(part.arguments)) for part in spoken if isinstance(part, ToolCall)
    ]
    straight = ANTHROPIC_MESSAGES.render_reply(typed)
    assert back["usage"] == straight["usage"]
    # OpenAI's finish reason of an answer with tool calls is always tool_calls, and of one without never.
    if finish != "tool_calls" and not any(isinstance(part, ToolCall) for part in spoken):
        assert (back["stop_reason"], back["stop_sequence"]) == (straight["stop_reason"], straight["stop_sequence"])


def streamed(reply: ChatReply, dialect: Dialect) -> ChatReply:
    """The reply as a caller of `dialect` puts it together from a stream."""
    encoder = dialect.encoder(model=reply.model, include_usage=True)
    data = b"".join(encoder.encode(events) for events in disassemble(reply)) + encoder.end()
    parser, decoder = SseParser(), dialect.decoder()
    events = [event for frame in [*parser.feed(data), *parser.end()] for event in decoder.decode(frame)]
    return assemble([*events, *decoder.end()])


@settings(max_examples=50, deadline=None)
@given(replies())
def test_a_streamed_answer_is_the_answer_that_was_not_streamed(reply: ChatReply):
    whole = ANTHROPIC_MESSAGES.parse_reply(
        msgspec.json.decode(msgspec.json.encode(ANTHROPIC_MESSAGES.render_reply(reply)))
    )
    assert streamed(reply, ANTHROPIC_MESSAGES) == whole == reply


@settings(max_examples=50, deadline=None)
@given(answers.map(lambda parts: tuple(part for part in parts if not isinstance(part, Opaque))), usages)
def test_a_stream_of_the_other_dialect_reads_like_its_whole_answer(parts, usage):
    finish = "tool_calls" if any(isinstance(part, ToolCall) for part in parts) else "stop"
    reply = ChatReply("i", "m", (Choice(0, Message("assistant", parts), finish),), usage)
    whole = Reply("chat", OPENAI_CHAT, msgspec.json.decode(msgspec.json.encode(OPENAI_CHAT.render_reply(reply))))
    expected = translate_reply(whole, ANTHROPIC_MESSAGES).members
    got = ANTHROPIC_MESSAGES.render_reply(streamed(streamed(reply, OPENAI_CHAT), ANTHROPIC_MESSAGES))
    assert got["usage"] == expected["usage"]
    assert got["stop_reason"] == expected["stop_reason"]
    for kind, text in (("text", "text"), ("thinking", "thinking")):
        assert "".join(block[text] for block in got["content"] if block["type"] == kind) == "".join(
            block[text] for block in expected["content"] if block["type"] == kind
        )
    assert [block for block in got["content"] if block["type"] == "tool_use"] == [
        block for block in expected["content"] if block["type"] == "tool_use"
    ]


@pytest.mark.parametrize(("title", "name"), [(None, "document.pdf"), ("Report", "Report")])
def test_openais_apis_are_told_a_name_of_every_file_that_comes_as_data(title: str | None, name: str) -> None:
    """They call a parameter missing where there is none."""
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    block: dict[str, Any] = {"type": "document", "source": source} | ({"title": title} if title else {})
    members = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [block]}]}
    request = Request("chat", ANTHROPIC_MESSAGES, members)
    chat_said, _ = translate_request(request, OPENAI_CHAT)
    assert chat_said.members["messages"][0]["content"][0]["file"]["filename"] == name
    response_said, _ = translate_request(request, OPENAI_RESPONSES)
    assert response_said.members["input"][0]["content"][0]["filename"] == name


def test_what_coding_clients_send_beside_a_request_is_no_reason_to_refuse_it() -> None:
    steering = {"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}, "speed": "fast"}
    members = {**CHAT, "max_tokens": 5, "diagnostics": {"previous_message_id": "m"}, "inference_geo": "us", **steering}
    request = Request("chat", ANTHROPIC_MESSAGES, members)
    for dialect in (OPENAI_CHAT, OPENAI_RESPONSES):
        _, fidelity = translate_request(request, dialect)
        assert fidelity.lost == ("inference_geo",)
        assert set(fidelity.dropped) == {"inference_geo", "diagnostics", *steering}
    told = Request("chat", OPENAI_RESPONSES, {"model": "m", "input": "Hello", "client_metadata": {"session": "1"}})
    _, fidelity = translate_request(told, OPENAI_CHAT)
    assert (fidelity.lost, fidelity.dropped) == ((), ("client_metadata",))


def test_an_id_of_a_user_that_other_vendors_refuse_for_its_length_is_left_out() -> None:
    long = {**CHAT, "max_tokens": 5, "metadata": {"user_id": "u" * 65}}
    for dialect in (OPENAI_CHAT, OPENAI_RESPONSES):
        asked, fidelity = translate_request(Request("chat", ANTHROPIC_MESSAGES, long), dialect)
        assert "user" not in asked.members
        assert fidelity.dropped == ("metadata.user_id",)
        short = {**long, "metadata": {"user_id": "u" * 64}}
        asked, _ = translate_request(Request("chat", ANTHROPIC_MESSAGES, short), dialect)
        assert asked.members["user"] == "u" * 64
