"""Requests of the Messages API, read and checked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from nova_core.errors import BadRequestError
from nova_core.types.chat import (
    CacheBreakpoint,
    ChatRequest,
    File,
    HostedTool,
    Image,
    Message,
    Opaque,
    Reasoning,
    RedactedThinking,
    ResponseFormat,
    Source,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from tests.wire.anthropic_said import NAME, requests

HELLO = [{"role": "user", "content": "Hello"}]


def parsed(**members: Any) -> ChatRequest:
    request = ANTHROPIC_MESSAGES.parse_request({"model": "m", "max_tokens": 10, "messages": HELLO, **members})
    assert isinstance(request, ChatRequest)
    return request


def raw(members: dict[str, Any]) -> dict[str, Any]:
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in members.items()}


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 3}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "10"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
    ],
)
@pytest.mark.parametrize("form", [raw, dict], ids=["raw", "decoded"])
def test_required_fields_are_checked_by_name(changes, param, form):
    members = {"model": "m", "messages": HELLO, "max_tokens": 10} | changes
    members = {name: value for name, value in members.items() if value is not None}
    with pytest.raises(BadRequestError) as caught:
        ANTHROPIC_MESSAGES.check_request(form(members))
    assert caught.value.param == param


def test_a_complete_request_passes_the_check_undecoded():
    assert ANTHROPIC_MESSAGES.check_request(raw({"model": "m", "messages": HELLO, "max_tokens": 1})) is None


def test_counting_tokens_needs_no_max_tokens():
    assert ANTHROPIC_COUNT_TOKENS.check_request(raw({"model": "m", "messages": HELLO})) is None


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": ["x"]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": "x"}}]}]},
            "messages[0].content[0].source.media_type",
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": "{}"}]}
                ]
            },
            "messages[0].content[0].input",
        ),
        (
            {
                "messages": [
                    *HELLO,
                    {
                        "role": "user",
                        "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text"}]}],
                    },
                ]
            },
            "messages[1].content[0].content[0].text",
        ),
        ({"system": 3}, "system"),
        ({"system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}, "system[0].type"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"stop_sequences": ["a", 1]}, "stop_sequences[1]"),
        ({"temperature": "hot"}, "temperature"),
        ({"metadata": {"user_id": 3}}, "metadata.user_id"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"output_config": {"effort": "huge"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        ({"output_format": {"type": "xml"}}, "output_format.type"),
        ({"stream": "yes"}, "stream"),
        ({"cache_control": {"type": "forever"}}, "cache_control.type"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(changes, param):
    with pytest.raises(BadRequestError) as caught:
        parsed(**changes)
    assert caught.value.param == param
    assert param in caught.value.message


def test_system_is_the_first_message_whether_text_or_blocks():
    blocks = [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    assert parsed(system="Be kind.").messages[0] == Message("system", (Text("Be kind."),))
    assert parsed(system=blocks).messages[0] == Message("system", (Text("Be kind.", cache=CacheBreakpoint("1h")),))


def test_media_keep_where_they_are():
    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "image", "source": {"type": "url", "url": "https://e.org/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="},
            "title": "T",
            "context": "C",
            "citations": {"enabled": True},
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
    ]
    assert parsed(messages=[{"role": "user", "content": content}]).messages[0].parts == (
        Image(Source(data="aGk=", media_type="image/png")),
        Image(Source(url="https://e.org/a.png")),
        Image(Source(file_id="f")),
        File(Source(data="aGk=", media_type="application/pdf"), title="T", context="C", citations=True),
        File(Source(text="words", media_type="text/plain")),
    )


def test_a_document_of_blocks_is_readable_text_and_goes_back_as_it_was():
    source = {"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    typed = parsed(messages=[{"role": "user", "content": [{"type": "document", "source": source}]}])
    (part,) = typed.messages[0].parts
    assert isinstance(part, File)
    assert part.source.text == "a\nb"
    members, _ = ANTHROPIC_MESSAGES.render_request(typed)
    assert members["messages"][0]["content"] == [{"type": "document", "source": source}]


def test_tool_results_of_a_turn_become_one_tool_message_before_the_users_words():
    content = [
        {"type": "tool_result", "tool_use_id": "a", "content": "1", "is_error": False},
        {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "2"}]},
        {"type": "text", "text": "go on"},
    ]
    typed = parsed(messages=[{"role": "user", "content": content}])
    assert typed.messages == (
        Message("tool", (ToolResult("a", (Text("1"),), is_error=False), ToolResult("b", (Text("2"),)))),
        Message("user", (Text("go on"),)),
    )
    members, _ = ANTHROPIC_MESSAGES.render_request(typed)
    assert [block["type"] for block in members["messages"][0]["content"]] == ["tool_result", "tool_result", "text"]
    assert len(members["messages"]) == 1


def test_an_assistant_turn_keeps_thinking_calls_and_hosted_blocks_in_order():
    hosted = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "I look."},
        hosted,
        {"type": "tool_use", "id": "t", "name": "f", "input": {"b": 1, "a": [1.5, None]}},
    ]
    typed = parsed(messages=[{"role": "assistant", "content": content}])
    assert typed.messages[0].parts == (
        Thinking("hm", "sig"),
        RedactedThinking("x"),
        Text("I look."),
        Opaque(NAME, hosted),
        ToolCall("t", "f", '{"b":1,"a":[1.5,null]}'),
    )
    members, fidelity = ANTHROPIC_MESSAGES.render_request(typed)
    assert members["messages"][0]["content"] == content
    assert fidelity.dropped == ()


def test_parameters_have_their_typed_places():
    typed = parsed(
        temperature=0.5,
        top_p=0.9,
        top_k=4,
        stop_sequences=["END"],
        metadata={"user_id": "u"},
        service_tier="standard_only",
        stream=True,
        tools=[{"name": "f", "input_schema": {"type": "object"}}, {"type": "bash_20250124", "name": "bash"}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        speed="fast",
    )
    assert (typed.temperature, typed.top_p, typed.top_k, typed.stop) == (0.5, 0.9, 4, ("END",))
    assert (typed.user, typed.service_tier, typed.stream, typed.max_tokens) == ("u", "default", True, 10)
    assert typed.tools == (
        Tool("f", schema={"type": "object"}),
        HostedTool(NAME, {"type": "bash_20250124", "name": "bash"}),
    )
    assert (typed.tool_choice, typed.parallel_tool_calls) == (ToolChoice("required"), False)
    assert typed.extra == {NAME: {"speed": "fast"}}


@pytest.mark.parametrize(
    ("members", "reasoning"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Reasoning(budget=2000, mode="enabled")),
        ({"thinking": {"type": "disabled"}}, Reasoning(mode="disabled")),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}},
            Reasoning(effort="max", mode="adaptive", summary="omitted"),
        ),
        ({"output_config": {"effort": "low"}}, Reasoning(effort="low")),
    ],
)
def test_how_much_to_think_is_read_and_said_again(members, reasoning):
    typed = parsed(**members)
    assert typed.reasoning == reasoning
    rendered, fidelity = ANTHROPIC_MESSAGES.render_request(typed)
    assert {name: rendered[name] for name in members} == members
    assert fidelity.dropped == ()


def test_the_output_format_is_read_under_both_of_its_names():
    wanted = {"type": "json_schema", "schema": {"type": "object"}}
    expected = ResponseFormat("json_schema", schema={"type": "object"})
    assert parsed(output_config={"format": wanted}).response_format == expected
    assert parsed(output_format=wanted).response_format == expected


def test_a_kind_of_thinking_from_tomorrow_goes_back_as_it_came():
    members, _ = ANTHROPIC_MESSAGES.render_request(parsed(thinking={"type": "between_tools"}))
    assert members["thinking"] == {"type": "between_tools"}


def test_a_later_system_turn_of_this_dialect_stays_one():
    turns = [*HELLO, {"role": "system", "content": "Be brief."}]
    members, fidelity = ANTHROPIC_MESSAGES.render_request(parsed(messages=turns))
    assert members["messages"][1] == {"role": "system", "content": [{"type": "text", "text": "Be brief."}]}
    assert fidelity.notes == ()


@settings(max_examples=60, deadline=None)
@given(requests())
def test_what_the_dialect_can_say_comes_back_the_same(typed: ChatRequest):
    members, fidelity = ANTHROPIC_MESSAGES.render_request(typed)
    wire = msgspec.json.decode(msgspec.json.encode(members))
    ANTHROPIC_MESSAGES.check_request(wire)
    assert ANTHROPIC_MESSAGES.parse_request(wire) == typed
    assert fidelity.dropped == ()
