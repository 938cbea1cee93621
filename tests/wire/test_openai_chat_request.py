"""Chat requests: what is checked, what the typed view holds, and what goes to an upstream."""

from __future__ import annotations

from dataclasses import replace
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
from nova_core.types.fidelity import Fate, Fidelity
from nova_core.wire.body import parse_members
from nova_core.wire.openai_chat import OPENAI_CHAT
from tests.wire import strategies as said

NAME = "openai_chat"


def parse(*messages: Any, **members: Any) -> ChatRequest:
    found = OPENAI_CHAT.parse_request({"model": "m", "messages": list(messages) or [USER], **members})
    assert isinstance(found, ChatRequest)
    return found


def render(*messages: Message, **fields: Any) -> tuple[dict[str, Any], Fidelity]:
    """A request that was born in another dialect."""
    return OPENAI_CHAT.render_request(ChatRequest("m", messages or (Message("user", (Text("hi"),)),), **fields))


def fate(fidelity: Fidelity, field: str) -> list[Fate]:
    return [note.fate for note in fidelity.notes if note.field == field]


USER = {"role": "user", "content": "hi"}


@given(said.requests)
@settings(max_examples=150, deadline=None)
def test_what_a_typed_request_says_is_read_back_the_same(request: ChatRequest) -> None:
    members, fidelity = OPENAI_CHAT.render_request(request)
    on_the_wire = msgspec.json.decode(msgspec.json.encode(members))
    assert OPENAI_CHAT.parse_request(on_the_wire) == request
    assert not fidelity.dropped


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"messages":[{}]}', "model"),
        (b'{"model":null,"messages":[{}]}', "model"),
        (b'{"model":" ","messages":[{}]}', "model"),
        (b'{"model":7,"messages":[{}]}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":null}', "messages"),
        (b'{"model":"m","messages":"hi"}', "messages"),
        (b'{"model":"m","messages":[ ]}', "messages"),
        (b'{"model":"m","messages":[{}],"stream":"yes"}', "stream"),
        (b'{"model":"m","messages":[{}],"stream_options":[]}', "stream_options"),
        (b'{"model":"m","messages":[{}],"tools":{}}', "tools"),
        (b'{"model":"m","messages":[{}],"temperature":"hot"}', "temperature"),
    ],
)
def test_missing_and_wrong_fields_are_refused_before_any_upstream_call(body: bytes, param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        OPENAI_CHAT.check_request(parse_members(body))
    assert caught.value.param == param
    assert param in caught.value.message


def test_the_check_takes_decoded_members_too() -> None:
    OPENAI_CHAT.check_request({"model": "m", "messages": [USER], "stream": True, "n": None, "temperature": 0.5})
    with pytest.raises(BadRequestError):
        OPENAI_CHAT.check_request({"model": "m", "messages": []})


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([USER, "hi"], "messages[1]"),
        ([{"content": "hi"}], "messages[0].role"),
        ([{"role": "robot", "content": "hi"}], "messages[0].role"),
        ([{"role": "user"}], "messages[0].content"),
        ([{"role": "user", "content": 7}], "messages[0].content"),
        ([USER, {"role": "user", "content": [{"type": "text"}]}], "messages[1].content[0].text"),
        ([{"role": "user", "content": [{"text": "x"}]}], "messages[0].content[0].type"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "messages[0].content[0].image_url"),
        (
            [USER, USER, {"role": "user", "content": [{"type": "image_url", "image_url": {"url": 5}}]}],
            "messages[2].content[0].image_url.url",
        ),
        ([{"role": "user", "content": [{"type": "file", "file": {}}]}], "messages[0].content[0].file"),
        ([{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}], "messages[0].tool_calls[0].id"),
        (
            [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {}}}]}],
            "messages[0].tool_calls[0].function.arguments",
        ),
        ([{"role": "tool", "content": "x"}], "messages[0].tool_call_id"),
        ([{**USER, "cache_control": {"type": "forever"}}], "messages[0].cache_control"),
        (
            [{"role": "assistant", "thinking_blocks": [{"type": "text", "text": ""}]}],
            "messages[0].thinking_blocks[0].type",
        ),
    ],
)
def test_a_bad_message_is_named_by_its_path(messages: list[Any], param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse(*messages)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"temperature": "1"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"n": 1.5}, "n"),
        ({"stop": ["a", 1]}, "stop[1]"),
        ({"stop": 5}, "stop"),
        ({"logit_bias": {"50": "x"}}, "logit_bias.50"),
        ({"tools": [{"function": {}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"thinking": {"type": "on"}}, "thinking.type"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"metadata": []}, "metadata"),
    ],
)
def test_a_bad_parameter_is_named_by_its_path(members: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse(**members)
    assert caught.value.param == param


def test_data_urls_become_data_with_a_media_type() -> None:
    parts = (
        parse(
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "DATA:image/png;base64,AAAA", "detail": "high"}},
                    {"type": "image_url", "image_url": "https://example.org/a.png"},
                    {"type": "file", "file": {"file_data": "data:application/pdf;base64,BBBB", "filename": "a.pdf"}},
                ],
            }
        )
        .messages[0]
        .parts
    )
    assert parts == (
        Image(Source(data="AAAA", media_type="image/png"), detail="high"),
        Image(Source(url="https://example.org/a.png")),
        File(Source(data="BBBB", media_type="application/pdf"), name="a.pdf"),
    )


def test_both_names_of_the_token_limit_and_both_forms_of_stop_are_read() -> None:
    assert parse(max_tokens=5).max_tokens == 5
    assert parse(max_tokens=5, max_completion_tokens=9).max_tokens == 9
    assert parse(stop="a").stop == ("a",)
    assert parse(stop=["a", "b"]).stop == ("a", "b")


def test_deprecated_functions_become_tools_with_paired_calls() -> None:
    request = parse(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "42"},
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )
    call, result = request.messages[1].parts[0], request.messages[2].parts[0]
    assert isinstance(call, ToolCall)
    assert isinstance(result, ToolResult)
    assert call.id == result.call_id
    assert request.tools == (Tool("f", schema={"type": "object"}),)
    assert request.tool_choice == ToolChoice("named", "f")


def test_an_answer_that_a_client_dumped_with_all_its_nulls_comes_back_clean() -> None:
    dumped = {
        "role": "assistant",
        "content": "",
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "tool_calls": [{"id": "c", "type": "function", "index": 0, "function": {"name": "f", "arguments": "{}"}}],
    }
    assert parse(USER, dumped).messages[1] == Message("assistant", (ToolCall("c", "f", "{}"),))


def test_thinking_is_read_from_blocks_or_from_plain_reasoning() -> None:
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "xx"},
    ]
    both = {"role": "assistant", "content": "a", "reasoning_content": "hm", "thinking_blocks": blocks}
    plain = {"role": "assistant", "content": "a", "reasoning": "hm"}
    assert parse(USER, both).messages[1].parts[:2] == (Thinking("hm", "sig"), RedactedThinking("xx"))
    assert parse(USER, plain).messages[1].parts == (Thinking("hm"), Text("a"))


def test_both_ways_to_ask_for_thinking_are_read() -> None:
    assert parse(reasoning_effort="high").reasoning == Reasoning("high")
    assert parse(reasoning_effort="default").reasoning is None
    assert parse(reasoning_effort={"effort": "low", "summary": "auto"}).reasoning == Reasoning("low", summary="auto")
    assert parse(thinking={"type": "enabled", "budget_tokens": 2000}).reasoning == Reasoning(
        budget=2000, mode="enabled"
    )


def test_what_the_vendor_does_not_define_is_kept_and_sent_back_at_top_level() -> None:
    odd = {"min_p": 0.1, "prediction": {"type": "content"}, "response_format": {"type": "grammar", "value": "x"}}
    request = parse(**odd, stream_options={"include_usage": True, "include_obfuscation": False})
    members, _ = OPENAI_CHAT.render_request(replace(request, temperature=0.5))
    assert members.items() >= {"temperature": 0.5, **odd}.items()
    assert members["stream_options"] == {"include_usage": True, "include_obfuscation": False}


def test_hosted_tools_and_custom_tools_are_kept_whole() -> None:
    web = {"type": "web_search_20250305", "name": "web_search"}
    custom = {"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}}
    request = parse(tools=[web, custom], tool_choice={"type": "custom", "custom": {"name": "sql"}})
    assert request.tools == (HostedTool("anthropic_messages", web), HostedTool(NAME, custom))
    members, fidelity = OPENAI_CHAT.render_request(request)
    assert members["tools"] == [web, custom]
    assert members["tool_choice"] == {"type": "custom", "custom": {"name": "sql"}}
    assert not fidelity.notes


def test_defaults_are_added_where_the_caller_gave_none_in_any_spelling() -> None:
    given_members = parse_members(b'{"model":"m","max_completion_tokens":5,"seed":null,"thinking":{"type":"disabled"}}')
    defaults = {"max_tokens": 99, "seed": 1, "temperature": 0.1, "model": "x", "reasoning_effort": "low"}
    found = OPENAI_CHAT.with_defaults(given_members, defaults)
    assert {name: found[name] for name in ("seed", "temperature")} == {"seed": 1, "temperature": 0.1}
    assert bytes(found["model"]) == b'"m"'
    assert not found.keys() & {"max_tokens", "reasoning_effort"}


def test_cache_marks_of_another_dialect_are_hints() -> None:
    mark = CacheBreakpoint("1h")
    members, fidelity = render(Message("user", (Text("hi", cache=mark),)), tools=(Tool("f", cache=mark),), cache=mark)
    assert members["messages"] == [USER]
    assert fidelity.of(Fate.HINT) == ("messages[0].content[0].cache_control", "tools[0].cache_control", "cache_control")
    assert not fidelity.lost


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"top_k": 5}, "top_k"),
        ({"tools": (HostedTool("anthropic_messages", {"type": "bash_20250124"}),)}, "tools[0]"),
        ({"tools": (Tool("f" * 65),)}, "tools[0].name"),
        ({"extra": {"anthropic_messages": {"mcp_servers": [{}]}}}, "mcp_servers"),
        ({"messages": (Message("user", (Opaque("anthropic_messages", {"type": "x"}),)),)}, "messages[0].content[0]"),
        (
            {"messages": (Message("user", (File(Source(data="A"), citations=True),)),)},
            "messages[0].content[0].citations",
        ),
        ({"messages": (Message("user", (File(Source(url="https://x/a.pdf")),)),)}, "messages[0].content[0]"),
        ({"messages": (Message("user", (Image(Source(file_id="f")),)),)}, "messages[0].content[0]"),
    ],
)
def test_what_changes_the_meaning_and_cannot_be_said_is_lost_by_name(fields: dict[str, Any], path: str) -> None:
    fields.setdefault("messages", (Message("user", (Text("hi"),)),))
    _, fidelity = OPENAI_CHAT.render_request(ChatRequest("m", **fields))
    assert path in fidelity.lost


def test_top_k_goes_back_to_where_it_came_from() -> None:
    members, fidelity = OPENAI_CHAT.render_request(parse(top_k=5))
    assert members["top_k"] == 5
    assert not fidelity.notes


@pytest.mark.parametrize(
    ("budget", "effort"), [(9000, "high"), (4096, "high"), (2048, "medium"), (1024, "low"), (9, "minimal")]
)
def test_a_thinking_budget_becomes_the_nearest_effort(budget: int, effort: str) -> None:
    members, fidelity = render(reasoning=Reasoning(budget=budget, mode="enabled"))
    assert members["reasoning_effort"] == effort
    assert fate(fidelity, "thinking.budget_tokens") == [Fate.APPROXIMATED]


def test_thinking_that_is_off_needs_no_words() -> None:
    members, fidelity = render(reasoning=Reasoning(mode="disabled"))
    assert "reasoning_effort" not in members
    assert not fidelity.lost


def test_earlier_thinking_of_another_dialect_is_a_dropped_hint() -> None:
    members, fidelity = render(Message("assistant", (Thinking("hm", "sig"), Text("a"))))
    assert members["messages"] == [{"role": "assistant", "content": "a"}]
    assert fate(fidelity, "messages[0].content[0]") == [Fate.HINT]


def test_images_in_tool_results_follow_the_whole_run_of_results() -> None:
    image = Image(Source(data="AAAA", media_type="image/png"))
    members, fidelity = render(
        Message("assistant", (ToolCall("1", "f", "{}"), ToolCall("2", "f", "{}"))),
        Message("tool", (ToolResult("1", (Text("a"), Text("b"), image)), ToolResult("2", (Text("c"),)))),
        Message("user", (Text("and?"),)),
    )
    assert [message["role"] for message in members["messages"]] == ["assistant", "tool", "tool", "user", "user"]
    assert members["messages"][1] == {"role": "tool", "tool_call_id": "1", "content": "a\nb"}
    assert members["messages"][3]["content"][1]["image_url"]["url"] == "data:image/png;base64,AAAA"
    assert fate(fidelity, "messages[1].content[0].content[2]") == [Fate.APPROXIMATED]


def test_a_failed_tool_is_said_in_words_and_a_good_one_is_not() -> None:
    members, fidelity = render(
        Message("tool", (ToolResult("1", (Text("disk full"),), True), ToolResult("2", (Text("ok"),), False)))
    )
    assert [message["content"] for message in members["messages"]] == ["Error: disk full", "ok"]
    assert fate(fidelity, "messages[0].content[0].is_error") == [Fate.APPROXIMATED]
    assert fate(fidelity, "messages[0].content[1].is_error") == [Fate.HINT]


def test_an_assistant_turn_of_calls_alone_has_null_content() -> None:
    members, _ = render(Message("assistant", (ToolCall("1", "f", "{}"),)))
    assert members["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        }
    ]


def test_a_schema_without_a_name_gets_one() -> None:
    members, _ = render(response_format=ResponseFormat("json_schema", schema={"type": "object"}, strict=True))
    described = {"name": "response", "schema": {"type": "object"}, "strict": True}
    assert members["response_format"] == {"type": "json_schema", "json_schema": described}


def test_values_of_another_dialect_that_are_defaults_are_only_hints() -> None:
    _, fidelity = render(extra={"openai_completions": {"echo": False, "best_of": 1, "suffix": "end"}})
    assert fidelity.of(Fate.HINT) == ("echo", "best_of")
    assert fidelity.lost == ("suffix",)
