"""Whole chat replies: what is accepted, what the typed view holds, what callers get."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from openai.types.chat import ChatCompletion

from nova_core.errors import BadGatewayError, ContextWindowExceededError, NovaError, RateLimitedError
from nova_core.types.chat import ChatReply, Choice, Citation, Message, Opaque, Refusal, Text, Thinking, ToolCall
from nova_core.types.usage import Usage
from nova_core.wire.body import parse_members
from nova_core.wire.openai_chat import OPENAI_CHAT, OpenAIChat
from tests.wire import strategies as said


def parse(message: dict[str, Any], finish: str | None = "stop", **members: Any) -> ChatReply:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    found = OPENAI_CHAT.parse_reply({"id": "i", "model": "m", "choices": [choice], **members})
    assert isinstance(found, ChatReply)
    return found


def render(*parts: Any, finish: Any = "stop", **fields: Any) -> dict[str, Any]:
    choice = Choice(0, Message("assistant", parts), finish, **fields)
    body: dict[str, Any] = OPENAI_CHAT.render_reply(ChatReply("i", "m", (choice,), created=1))["choices"][0]
    return body


@given(said.replies)
@settings(max_examples=150, deadline=None)
def test_what_a_typed_reply_says_is_read_back_the_same(reply: ChatReply) -> None:
    on_the_wire = msgspec.json.encode(OPENAI_CHAT.render_reply(reply))
    assert OPENAI_CHAT.parse_reply(msgspec.json.decode(on_the_wire)) == reply


@given(said.replies)
@settings(max_examples=50, deadline=None)
def test_the_official_client_understands_every_reply(reply: ChatReply) -> None:
    completion = ChatCompletion.model_validate_json(msgspec.json.encode(OPENAI_CHAT.render_reply(reply)))
    assert [choice.index for choice in completion.choices] == [choice.index for choice in reply.choices]
    assert completion.choices[0].message.content in (reply.text, None)


@given(said.usages)
def test_usage_keeps_every_bucket_there_and_back(usage: Usage) -> None:
    body = OPENAI_CHAT.render_reply(ChatReply("i", "m", (), usage))["usage"]
    assert OPENAI_CHAT.usage_of({"usage": msgspec.Raw(msgspec.json.encode(body))}) == usage
    assert body["prompt_tokens"] + body["completion_tokens"] == body["total_tokens"] == usage.total


@pytest.mark.parametrize(
    ("stated", "usage"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(input=10, output=5)),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 4}}, Usage(input=6, cache_read=4)),
        ({"prompt_tokens": 10, "prompt_cache_hit_tokens": 4}, Usage(input=6, cache_read=4)),
        ({"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 9, "audio_tokens": 1}}, Usage(cache_read=3)),
        ({"prompt_tokens": 9, "cache_creation_input_tokens": 4}, Usage(input=5, cache_write_5m=4)),
        (
            {"prompt_tokens": 0, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 7}},
            Usage(output=2, reasoning=7),
        ),
        (
            # Reasoning counted beside the completion, as some vendors do.
            {
                "prompt_tokens": 1,
                "completion_tokens": 9,
                "total_tokens": 17,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            Usage(input=1, output=9, reasoning=7),
        ),
        ({"prompt_tokens": None, "completion_tokens": "x", "prompt_tokens_details": None}, Usage()),
        (None, None),
        ({}, None),
        ([], None),
    ],
)
def test_usage_of_many_vendors_lands_in_disjoint_buckets(stated: Any, usage: Usage | None) -> None:
    assert OPENAI_CHAT.usage_of({"usage": stated}) == usage


def test_usage_is_found_without_reading_the_rest() -> None:
    body = b'{"choices":[{"message":"' + b"x" * 1000 + b'"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
    assert OPENAI_CHAT.usage_of(parse_members(body)) == Usage(input=1, output=2)
    assert OPENAI_CHAT.usage_of(parse_members(b'{"choices":[]}')) is None


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        (b'{"error":{"message":"model is loading"}}', "model is loading"),
        (b'{"error":"out of memory","choices":[]}', "out of memory"),
        (b'{"detail":"no such route"}', "no such route"),
        (b'{"choices":null}', "choices"),
        (b'{"choices":{}}', "choices"),
        (b"{}", "choices"),
    ],
)
def test_a_200_that_is_no_completion_is_an_error_with_the_upstreams_words(body: bytes, quoted: str) -> None:
    for members in (parse_members(body), msgspec.json.decode(body)):
        with pytest.raises(BadGatewayError, match=quoted):
            OPENAI_CHAT.check_reply(members)
    with pytest.raises(BadGatewayError):
        OPENAI_CHAT.parse_reply(msgspec.json.decode(body))


def test_a_completion_passes_the_check_even_with_a_null_error() -> None:
    OPENAI_CHAT.check_reply(parse_members(b'{"choices":[{}],"error":null}'))
    with pytest.raises(BadGatewayError, match="choices"):
        OPENAI_CHAT.check_reply(parse_members(b'{"choices":[],"error":null}'))


@pytest.mark.parametrize("message", [{"tool_calls": [7]}, {"tool_calls": [{"id": "c"}]}])
def test_a_malformed_message_is_the_upstreams_fault(message: dict[str, Any]) -> None:
    with pytest.raises(BadGatewayError):
        parse(message)


def test_an_answer_that_ended_in_an_error_is_no_answer() -> None:
    with pytest.raises(BadGatewayError, match="before its answer was complete"):
        parse({"content": "par"}, "error")


def test_content_is_null_only_beside_something_else() -> None:
    assert render(ToolCall("c", "f", "{}"))["message"]["content"] is None
    assert render(Refusal("no"))["message"]["content"] is None
    assert render()["message"] == {"role": "assistant", "content": "", "refusal": None}
    assert "tool_calls" not in render(Text("a"))["message"]


def test_vendors_reasoning_is_read_under_both_names_and_said_under_one() -> None:
    reply = parse({"content": "a", "reasoning": "hm"})
    assert reply.choices[0].message.parts == (Thinking("hm"), Text("a"))
    assert render(Thinking("hm"), Text("a"))["message"]["reasoning_content"] == "hm"
    assert render(Thinking("hm", "sig"))["message"]["thinking_blocks"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"}
    ]


def test_content_in_parts_is_read_with_its_thinking() -> None:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]
    assert parse({"content": content}).choices[0].message.parts == (Thinking("hm"), Text("ab"))


def test_tool_calls_are_mended_where_vendors_leave_things_out() -> None:
    reply = parse({"content": None, "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]})
    choice = reply.choices[0]
    call = choice.message.parts[0]
    assert isinstance(call, ToolCall)
    assert call.id.startswith("call_")
    assert (call.name, call.arguments) == ("f", '{"a":1}')
    assert (choice.finish, choice.native_finish) == ("tool_calls", "stop")


@pytest.mark.parametrize(
    ("word", "reason", "said_as"),
    [
        ("length", "length", None),
        ("function_call", "tool_calls", "function_call"),
        ("end_turn", "stop", "end_turn"),
        ("MAX_TOKENS", "length", "MAX_TOKENS"),
        ("SAFETY", "content_filter", "SAFETY"),
        ("something_new", "stop", "something_new"),
    ],
)
def test_foreign_finish_reasons_are_mapped_and_kept(word: str, reason: str, said_as: str | None) -> None:
    choice = parse({"content": "a"}, word).choices[0]
    assert choice.finish == reason
    body = render(Text("a"), finish=choice.finish, native_finish=choice.native_finish)
    assert body["finish_reason"] == reason
    assert body.get("provider_specific_fields") == ({"native_finish_reason": said_as} if said_as else None)


def test_citations_of_another_dialect_become_annotations_where_they_have_a_url() -> None:
    web = Citation("anthropic_messages", {"type": "web"}, url="https://x", title="X")
    page = Citation("anthropic_messages", {"type": "page_location"})
    message = render(Text("ab"), Text("cde", citations=(web, page)))["message"]
    assert message["content"] == "abcde"
    assert message["annotations"] == [
        {"type": "url_citation", "url_citation": {"start_index": 2, "end_index": 5, "title": "X", "url": "https://x"}}
    ]
    assert message["provider_specific_fields"] == {"citations": [{"type": "page_location"}]}


def test_parts_of_another_dialect_are_kept_for_those_who_know_them() -> None:
    block = {"type": "server_tool_use", "id": "s"}
    message = render(Opaque("anthropic_messages", block), Text("a"))["message"]
    assert message["provider_specific_fields"] == {"blocks": [block]}


def test_a_reply_without_id_and_time_gets_both() -> None:
    body = OpenAIChat(clock=lambda: 1700000000.9).render_reply(ChatReply("", "m", ()))
    assert body["created"] == 1700000000
    assert body["id"].startswith("chatcmpl-")


@pytest.mark.parametrize(
    ("error", "said_as"),
    [
        (
            RateLimitedError("slow down"),
            {"message": "slow down", "type": "rate_limit_error", "param": None, "code": "429"},
        ),
        (
            ContextWindowExceededError("too long", param="messages"),
            {
                "message": "too long",
                "type": "invalid_request_error",
                "param": "messages",
                "code": "context_length_exceeded",
            },
        ),
    ],
)
def test_errors_are_said_in_openais_shape(error: NovaError, said_as: dict[str, Any]) -> None:
    assert OPENAI_CHAT.render_error(error) == {"error": said_as}


@pytest.mark.parametrize(
    "odd",
    [
        {"refusal": False},
        {"annotations": {}},
        {"reasoning_content": ["x"]},
        {"audio": "none"},
        {"tool_calls": {}},
        {"tool_calls": [None]},
        {"thinking_blocks": [{"type": "dream"}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": None, "signature": "s"}]},
        {"function_call": "none"},
    ],
)
def test_members_of_an_unexpected_kind_do_not_cost_the_answer(odd: dict[str, Any]) -> None:
    found = parse({"role": "assistant", "content": "hi", **odd}, created="17", service_tier=1, system_fingerprint=[])
    assert found.text == "hi"
    assert found.created == 17
    assert found.choices[0].finish == "stop"


def test_counts_may_be_said_as_text_and_words_that_are_none_are_left_alone() -> None:
    choice = {"index": "0", "message": {"content": ["a", {"type": "text", "text": "b"}]}, "finish_reason": 5}
    usage = {"prompt_tokens": "5", "completion_tokens": "2"}
    found = OPENAI_CHAT.parse_reply({"choices": [choice], "usage": usage})
    assert isinstance(found, ChatReply)
    assert (found.text, found.choices[0].finish, found.usage) == ("ab", None, Usage(input=5, output=2))
