"""Replies of the Messages API, both ways, and its error bodies."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from anthropic.types import Message as VendorMessage
from hypothesis import given, settings

from nova_core.errors import (
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    NovaError,
    PayloadTooLargeError,
    PermissionDeniedError,
    RateLimitedError,
    RequestTimeoutError,
    ServiceUnavailableError,
)
from nova_core.types.chat import (
    Audio,
    ChatReply,
    Choice,
    Citation,
    Message,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolCall,
)
from nova_core.types.upstream import UpstreamResponse
from nova_core.types.usage import Usage
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from nova_core.wire.anthropic_messages.errors import event_error
from nova_core.wire.upstream_errors import error_from_response
from tests.wire.anthropic_said import NAME, replies

REPLY: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}


def parsed(**members: Any) -> ChatReply:
    reply = ANTHROPIC_MESSAGES.parse_reply(REPLY | members)
    assert isinstance(reply, ChatReply)
    return reply


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        {"object": "chat.completion", "choices": []},
        {"type": "message", "content": "Hi"},
        {"type": "message"},
    ],
)
def test_what_is_no_message_is_a_bad_gateway(members):
    for form in (members, {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in members.items()}):
        with pytest.raises(BadGatewayError):
            ANTHROPIC_MESSAGES.check_reply(form)


def test_content_of_the_wrong_shape_is_the_upstreams_fault():
    with pytest.raises(BadGatewayError, match=r"content\[0\]\.text"):
        parsed(content=[{"type": "text", "text": 7}])


def test_a_message_passes_the_check_undecoded():
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in REPLY.items()}
    ANTHROPIC_MESSAGES.check_reply(raw)
    assert ANTHROPIC_MESSAGES.usage_of(raw) == Usage(input=3, output=2)


@pytest.mark.parametrize(
    ("reason", "finish", "kept"),
    [
        ("end_turn", "stop", None),
        ("stop_sequence", "stop", None),
        ("max_tokens", "length", None),
        ("tool_use", "tool_calls", None),
        ("refusal", "refusal", None),
        ("pause_turn", "pause", None),
        ("model_context_window_exceeded", "length", "model_context_window_exceeded"),
        ("tomorrow", "stop", "tomorrow"),
    ],
)
def test_stop_reasons_have_their_typed_word(reason, finish, kept):
    choice = parsed(stop_reason=reason, stop_sequence="X" if reason == "stop_sequence" else None).choices[0]
    assert (choice.finish, choice.native_finish) == (finish, kept)


def test_usage_is_in_disjoint_buckets():
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 40},
        "server_tool_use": {"web_search_requests": 1},
    }
    reply = parsed(usage=usage)
    assert reply.usage == Usage(input=10, cache_read=100, cache_write_5m=20, cache_write_1h=10, output=10, reasoning=40)
    assert reply.usage.input_total == 140
    assert reply.extra == {NAME: {"usage": {"server_tool_use": {"web_search_requests": 1}}}}


def test_cache_writes_without_a_split_are_of_five_minutes():
    assert parsed(usage={"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 7}).usage == Usage(
        input=1, output=1, cache_write_5m=7
    )


def test_iterations_of_a_compaction_are_added_up():
    steps = [{"type": "compaction", "input_tokens": 90, "output_tokens": 5}, {"input_tokens": 10, "output_tokens": 2}]
    usage = {"input_tokens": 10, "output_tokens": 2, "iterations": steps}
    assert parsed(usage=usage).usage == Usage(input=100, output=7)


def test_an_answer_of_another_dialect_is_a_message_the_vendors_client_accepts():
    citation = Citation("openai_chat", {}, url="https://e.org", title="E", start=0, end=2)
    parts = (
        Thinking("hm"),
        Text("Hi", citations=(citation,)),
        ToolCall("call_1", "f", '{"a": 1}'),
        ToolCall("call_2", "g", ""),
        ToolCall("call_3", "h", '{"a": '),
        Audio(Source(data="aGk="), "wav", id="a", transcript="spoken"),
    )
    choice = Choice(0, Message("assistant", parts), "tool_calls", logprobs={"content": []})
    usage = Usage(input=5, cache_read=3, input_audio=2, output=4, reasoning=6, accepted_prediction=1)
    reply = ChatReply("chatcmpl-1", "gpt", (choice,), usage, created=1, fingerprint="fp", service_tier="default")
    members = ANTHROPIC_MESSAGES.render_reply(reply)
    message = VendorMessage.model_validate(members)
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use", "tool_use", "text"]
    assert members["content"][0] == {"type": "thinking", "thinking": "hm", "signature": ""}
    assert [block["input"] for block in members["content"][2:5]] == [{"a": 1}, {}, {"INVALID_JSON": '{"a": '}]
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (7, 3)
    assert message.usage.output_tokens == 11
    assert message.usage.service_tier == "standard"
    lost = ANTHROPIC_MESSAGES.reply_fidelity(reply)
    assert set(lost.of(*{note.fate for note in lost.notes})) == {
        "system_fingerprint",
        "choices[0].logprobs",
        "choices[0].message.content[1].annotations",
        "choices[0].message.content[4]",
        "choices[0].message.content[5]",
    }


def test_a_refusal_is_text_that_stopped_for_refusal():
    reply = ChatReply("i", "m", (Choice(0, Message("assistant", (Refusal("No."),)), "stop"),))
    members = ANTHROPIC_MESSAGES.render_reply(reply)
    assert members["content"] == [{"type": "text", "text": "No."}]
    assert members["stop_reason"] == "refusal"


def test_only_the_first_answer_is_said_and_that_is_named():
    answers = tuple(Choice(n, Message("assistant", (Text(str(n)),)), "stop") for n in range(2))
    reply = ChatReply("i", "m", answers)
    assert ANTHROPIC_MESSAGES.render_reply(reply)["content"] == [{"type": "text", "text": "0"}]
    assert "choices" in ANTHROPIC_MESSAGES.reply_fidelity(reply).lost


@settings(max_examples=60, deadline=None)
@given(replies())
def test_what_the_dialect_can_answer_comes_back_the_same(reply: ChatReply):
    members = ANTHROPIC_MESSAGES.render_reply(reply)
    wire = msgspec.json.decode(msgspec.json.encode(members))
    VendorMessage.model_validate(wire)
    assert ANTHROPIC_MESSAGES.parse_reply(wire) == reply
    assert ANTHROPIC_MESSAGES.reply_fidelity(reply).notes == ()


def test_a_token_count_goes_both_ways():
    reply = ANTHROPIC_COUNT_TOKENS.parse_reply({"input_tokens": 12})
    assert isinstance(reply, ChatReply)
    assert reply.usage == Usage(input=12)
    assert ANTHROPIC_COUNT_TOKENS.render_reply(reply) == {"input_tokens": 12}
    with pytest.raises(BadGatewayError):
        ANTHROPIC_COUNT_TOKENS.check_reply({"tokens": 12})


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BadRequestError("x"), "invalid_request_error"),
        (AuthenticationError("x"), "authentication_error"),
        (NovaError("x", status=402), "billing_error"),
        (PermissionDeniedError("x"), "permission_error"),
        (NovaError("x", status=404), "not_found_error"),
        (RequestTimeoutError("x"), "timeout_error"),
        (NovaError("x", status=409), "invalid_request_error"),
        (PayloadTooLargeError("x"), "request_too_large"),
        (RateLimitedError("x"), "rate_limit_error"),
        (NovaError("x"), "api_error"),
        (BadGatewayError("x"), "api_error"),
        (ServiceUnavailableError("x"), "overloaded_error"),
        (NovaError("x", status=529), "overloaded_error"),
    ],
)
def test_errors_have_the_vendors_type_for_their_status(error, kind):
    assert ANTHROPIC_MESSAGES.render_error(error) == {"type": "error", "error": {"type": kind, "message": "x"}}


@pytest.mark.parametrize(
    ("details", "kept"),
    [
        ({"error_code": "thread_not_found", "id": "msg_1"}, True),
        ({"error_code": "odd", "key": "sk-ant-api03-0123456789abcdef0123456789"}, False),
        ({"reason": "x"}, False),
        ([{"error_code": "x"}], False),
    ],
)
def test_the_code_of_an_errors_cause_reaches_the_vendors_clients_without_a_secret(details, kept):
    said = {"type": "error", "error": {"type": "invalid_request_error", "message": "x", "details": details}}
    response = UpstreamResponse(400, {}, msgspec.json.encode(said))
    for error in (error_from_response(response), event_error(response.body)):
        assert ANTHROPIC_MESSAGES.render_error(error)["error"].get("details") == (details if kept else None)


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": None, "citations": [None]}, Text("")),
        ({"type": "thinking", "thinking": None, "signature": "s"}, Thinking("", "s")),
        ({"type": "tool_use", "id": "t", "name": "f"}, ToolCall("t", "f", "{}")),
        ({"type": "tool_use", "id": "t", "name": "f", "input": '{"a":1}'}, ToolCall("t", "f", '{"a":1}')),
    ],
)
def test_what_vendors_leave_out_of_blocks_does_not_cost_the_answer(block, part):
    assert parsed(content=[block]).choices[0].message.parts == (part,)


def test_thinking_is_counted_where_only_the_whole_tells_it():
    steps = [{"type": "message", "input_tokens": 3, "output_tokens": 9}, {"type": "compaction", "output_tokens": 1}]
    whole = {"input_tokens": 3, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}}
    assert parsed(usage={**whole, "iterations": steps}).usage == Usage(input=3, output=6, reasoning=4)
    assert parsed(usage={}).usage is None
