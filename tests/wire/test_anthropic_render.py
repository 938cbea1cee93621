"""Requests of other dialects said to a Messages upstream, and what becomes of each field."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from nova_core.errors import BadRequestError
from nova_core.types.chat import (
    Audio,
    CacheBreakpoint,
    ChatRequest,
    File,
    HostedTool,
    Image,
    Message,
    Opaque,
    Reasoning,
    Refusal,
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
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES

ASKED = ChatRequest("m", (Message("user", (Text("Hello"),)),))
WEATHER = Tool("weather", schema={"type": "object", "properties": {}})


def rendered(typed: ChatRequest):
    return ANTHROPIC_MESSAGES.render_request(typed)


def fates(fidelity: Fidelity) -> dict[str, Fate]:
    return {note.field: note.fate for note in fidelity.notes}


def said(*messages: Message) -> ChatRequest:
    return replace(ASKED, messages=messages)


def test_max_tokens_gets_a_default_that_is_reported():
    members, fidelity = rendered(ASKED)
    assert members == {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "max_tokens": 4096,
    }
    assert fates(fidelity) == {"max_tokens": Fate.MAPPED}


def test_only_leading_instructions_are_the_system_prompt():
    members, fidelity = rendered(
        said(
            Message("system", (Text("a", cache=CacheBreakpoint()), Text(""))),
            Message("developer", (Text("b"),)),
            Message("user", (Text("c"),)),
            Message("system", (Text("d"),)),
        )
    )
    assert members["system"] == [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "b"},
    ]
    (turn,) = members["messages"]
    assert [block["text"] for block in turn["content"]] == ["c", "d"]
    assert fates(fidelity)["messages[3]"] is Fate.APPROXIMATED


def test_tool_messages_and_the_next_user_message_are_one_turn_with_results_first():
    members, _ = rendered(
        said(
            Message("user", (Text("q"),)),
            Message("assistant", (ToolCall("a", "f", ""), ToolCall("b", "f", '{"x":1}'))),
            Message("tool", (ToolResult("a", (Text("1"),)),)),
            Message("user", (Text("wait"),)),
            Message("tool", (ToolResult("b", (Text("2"), Image(Source(url="https://e.org/a.png"))), is_error=True),)),
        )
    )
    assert [turn["role"] for turn in members["messages"]] == ["user", "assistant", "user"]
    assert [block["input"] for block in members["messages"][1]["content"]] == [{}, {"x": 1}]
    assert members["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": "1"},
        {
            "type": "tool_result",
            "tool_use_id": "b",
            "content": [
                {"type": "text", "text": "2"},
                {"type": "image", "source": {"type": "url", "url": "https://e.org/a.png"}},
            ],
            "is_error": True,
        },
        {"type": "text", "text": "wait"},
    ]


def test_tools_of_the_history_are_declared_but_may_not_be_called():
    members, fidelity = rendered(
        said(Message("assistant", (ToolCall("a", "f", "{}"),)), Message("tool", (ToolResult("a", (Text("1"),)),)))
    )
    assert members["tools"] == [{"name": "f", "input_schema": {"type": "object"}}]
    assert members["tool_choice"] == {"type": "none"}
    assert fates(fidelity)["tools"] is Fate.MAPPED


@pytest.mark.parametrize("arguments", ["{", "[1]", "nonsense", '"text"'])
def test_arguments_that_are_no_object_are_refused_by_path(arguments):
    with pytest.raises(BadRequestError) as caught:
        rendered(said(Message("user", (Text("q"),)), Message("assistant", (ToolCall("a", "f", arguments),))))
    assert caught.value.param == "messages[1].tool_calls[0].function.arguments"


def test_thinking_goes_back_only_with_its_signature():
    members, fidelity = rendered(
        said(Message("assistant", (Thinking("a", "sig"), Thinking("b"), Text("c"))), Message("user", (Text("d"),)))
    )
    assert members["messages"][0]["content"] == [
        {"type": "thinking", "thinking": "a", "signature": "sig"},
        {"type": "text", "text": "c"},
    ]
    assert fates(fidelity)["messages[0].thinking_blocks[1]"] is Fate.HINT


def test_a_turn_without_content_gets_a_placeholder():
    members, fidelity = rendered(said(Message("user", (Text(""),)), Message("assistant", ())))
    assert [turn["content"] for turn in members["messages"]] == [[{"type": "text", "text": "(empty)"}]] * 2
    assert fates(fidelity)["messages"] is Fate.APPROXIMATED


def test_instructions_alone_are_followed_by_a_placeholder():
    members, fidelity = rendered(said(Message("system", (Text("Say hello."),))))
    assert members["system"] == [{"type": "text", "text": "Say hello."}]
    assert members["messages"] == [{"role": "user", "content": [{"type": "text", "text": "(empty)"}]}]
    assert fates(fidelity)["messages"] is Fate.APPROXIMATED


def test_inline_media_say_their_type_even_when_the_caller_did_not():
    members, _ = rendered(
        said(
            Message(
                "user",
                (
                    Image(Source(data="iVBORw0KGgoAAA")),
                    Image(Source(data="aGVsbG8=", media_type="image/webp")),
                    File(Source(data="JVBERi0xLjQ="), name="a.pdf"),
                    File(Source(data="aGVsbG8=", media_type="text/plain")),
                    File(Source(file_id="file_1")),
                ),
            )
        )
    )
    assert members["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgoAAA"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "aGVsbG8="}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQ="},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hello"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
    ]


@pytest.mark.parametrize(
    ("part", "field", "fate"),
    [
        (Audio(Source(data="aGk="), "wav"), "messages[0].content[0]", Fate.LOST),
        (Audio(Source(), id="a", transcript="hi"), "messages[0].content[0]", Fate.APPROXIMATED),
        (Refusal("no"), "messages[0].content[0]", Fate.APPROXIMATED),
        (Opaque("other", {"type": "x"}), "messages[0].content[0]", Fate.LOST),
        (File(Source(data="aGk=", media_type="application/zip")), "messages[0].content[0]", Fate.LOST),
        (Image(Source(url="https://e.org/a"), detail="low"), "messages[0].content[0].image_url.detail", Fate.HINT),
        (Text("a", extra={"other": {"colour": "red"}}), "messages[0].content[0].colour", Fate.LOST),
        (Text("a", extra={"other": {"colour": None}}), "messages[0].content[0].colour", Fate.HINT),
        (Text(" \n"), "messages[0].content[0]", Fate.HINT),
    ],
)
def test_parts_that_cannot_be_said_are_named(part, field, fate):
    _, fidelity = rendered(said(Message("user", (part, Text("x")))))
    assert fates(fidelity)[field] is fate


@pytest.mark.parametrize(
    ("changes", "field", "fate"),
    [
        ({"n": 2}, "n", Fate.LOST),
        ({"n": 1}, "n", Fate.HINT),
        ({"seed": 1}, "seed", Fate.LOST),
        ({"presence_penalty": 0.5}, "presence_penalty", Fate.LOST),
        ({"presence_penalty": 0}, "presence_penalty", Fate.HINT),
        ({"frequency_penalty": -1}, "frequency_penalty", Fate.LOST),
        ({"logit_bias": {"1": 2}}, "logit_bias", Fate.LOST),
        ({"logit_bias": {}}, "logit_bias", Fate.HINT),
        ({"logprobs": True}, "logprobs", Fate.LOST),
        ({"logprobs": False}, "logprobs", Fate.HINT),
        ({"top_logprobs": 2}, "top_logprobs", Fate.LOST),
        ({"modalities": ("text", "audio")}, "modalities", Fate.LOST),
        ({"modalities": ("text",)}, "modalities", Fate.HINT),
        ({"store": True}, "store", Fate.HINT),
        ({"prompt_cache_key": "k"}, "prompt_cache_key", Fate.HINT),
        ({"verbosity": "low"}, "verbosity", Fate.HINT),
        ({"service_tier": "flex"}, "service_tier", Fate.HINT),
        ({"user": "jo@example.org"}, "user", Fate.HINT),
        ({"user": "+49 170 1234567"}, "user", Fate.HINT),
        ({"user": "u-1"}, "user", Fate.MAPPED),
        ({"metadata": {"a": "b"}}, "metadata.a", Fate.HINT),
        ({"include_usage": True}, "stream_options.include_usage", Fate.MAPPED),
        ({"stop": (" ",)}, "stop", Fate.LOST),
        ({"stop": ("x", "\n")}, "stop[1]", Fate.LOST),
        ({"response_format": ResponseFormat("text")}, "response_format", Fate.HINT),
        ({"response_format": ResponseFormat("json_object")}, "response_format", Fate.APPROXIMATED),
        ({"tools": (HostedTool("other", {"type": "x"}),)}, "tools[0]", Fate.LOST),
        ({"tool_choice": ToolChoice("required")}, "tool_choice", Fate.LOST),
        ({"tool_choice": ToolChoice("auto")}, "tool_choice", Fate.HINT),
        ({"extra": {"openai_chat": {"prediction": {}, "audio": {"voice": "x"}}}}, "audio", Fate.LOST),
        ({"extra": {"openai_chat": {"safety_identifier": "x"}}}, "safety_identifier", Fate.HINT),
        ({"temperature": 1.5}, "temperature", Fate.APPROXIMATED),
    ],
)
def test_what_becomes_of_a_parameter_is_named(changes, field, fate):
    _, fidelity = rendered(replace(ASKED, **changes))
    assert fates(fidelity)[field] is fate


@pytest.mark.parametrize(
    ("effort", "max_tokens", "thinking", "said_max"),
    [
        ("none", None, {"type": "disabled"}, 4096),
        ("minimal", None, {"type": "enabled", "budget_tokens": 1024}, 5120),
        ("low", None, {"type": "enabled", "budget_tokens": 1024}, 5120),
        ("medium", None, {"type": "enabled", "budget_tokens": 2048}, 6144),
        ("high", None, {"type": "enabled", "budget_tokens": 4096}, 8192),
        ("xhigh", None, {"type": "enabled", "budget_tokens": 8192}, 12288),
        ("max", None, {"type": "enabled", "budget_tokens": 16384}, 20480),
        ("high", 9000, {"type": "enabled", "budget_tokens": 4096}, 9000),
        ("high", 2000, {"type": "enabled", "budget_tokens": 1999}, 2000),
        ("high", 1000, None, 1000),
    ],
)
def test_effort_is_a_budget_below_max_tokens(effort, max_tokens, thinking, said_max):
    members, fidelity = rendered(replace(ASKED, reasoning=Reasoning(effort=effort), max_tokens=max_tokens))
    assert members.get("thinking") == thinking
    assert members["max_tokens"] == said_max
    assert "reasoning_effort" in fates(fidelity)


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (None, None, None),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("required"), None, {"type": "any"}),
        (ToolChoice("none"), True, {"type": "none"}),
        (ToolChoice("named", "weather"), False, {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (None, True, {"type": "auto", "disable_parallel_tool_use": False}),
    ],
)
def test_the_choice_of_tools_carries_parallel_calls(choice, parallel, expected):
    members, _ = rendered(replace(ASKED, tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=parallel))
    assert members.get("tool_choice") == expected


def test_a_tool_without_a_schema_takes_an_object_without_properties():
    members, _ = rendered(replace(ASKED, tools=(Tool("f"),)))
    assert members["tools"] == [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]


def test_structured_output_keeps_to_what_the_vendor_enforces_and_tells_the_rest():
    schema = {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "description": "Years."},
            "pet": {"oneOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]},
        },
        "required": ["age"],
    }
    wanted = ResponseFormat("json_schema", name="person", schema=schema, strict=True)
    members, fidelity = rendered(replace(ASKED, response_format=wanted))
    assert members["output_config"] == {
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {
                    "age": {"type": "integer", "description": "Years.\n\n{minimum: 0}"},
                    "pet": {"anyOf": [{"type": "string", "description": "{maxLength: 3}"}, {"type": "null"}]},
                },
                "required": ["age"],
                "additionalProperties": False,
            },
        }
    }
    assert fates(fidelity)["response_format.json_schema.name"] is Fate.HINT
    assert fates(fidelity)["response_format.json_schema.schema"] is Fate.APPROXIMATED


def test_json_object_is_asked_for_in_words():
    members, _ = rendered(replace(ASKED, response_format=ResponseFormat("json_object")))
    assert "JSON object" in members["system"][0]["text"]


def test_web_search_options_become_the_search_tool():
    options = {
        "search_context_size": "low",
        "user_location": {"type": "approximate", "approximate": {"country": "DE"}},
    }
    members, fidelity = rendered(replace(ASKED, extra={"openai_chat": {"web_search_options": options}}))
    assert members["tools"] == [
        {
            "type": "web_search_20250305",
            "name": "web_search",
            "max_uses": 1,
            "user_location": {"type": "approximate", "country": "DE"},
        }
    ]
    assert fidelity.lost == ()


def test_a_breakpoint_on_a_message_stands_on_its_last_block():
    typed = said(Message("user", (Text("a"), Text("b")), cache=CacheBreakpoint("5m")))
    members, _ = rendered(typed)
    assert members["messages"][0]["content"][1]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert "cache_control" not in members["messages"][0]["content"][0]


def test_counting_leaves_out_what_only_shapes_the_answer():
    typed = replace(ASKED, max_tokens=5, temperature=0.3, stream=True, user="u", tools=(WEATHER,))
    members, _ = ANTHROPIC_COUNT_TOKENS.render_request(typed)
    assert set(members) == {"model", "messages", "tools"}


@pytest.mark.parametrize(
    ("defaults", "added"),
    [
        ({"max_tokens": 7}, {}),
        ({"max_completion_tokens": 7}, {}),
        ({"temperature": 0.1, "speed": "fast"}, {"temperature": 0.1, "speed": "fast"}),
        ({"stop": "x"}, {"stop_sequences": ["x"]}),
        ({"user": "u"}, {"metadata": {"user_id": "u"}}),
        ({"reasoning_effort": "low"}, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ({"reasoning_effort": "max"}, {"thinking": {"type": "enabled", "budget_tokens": 8999}}),
        (
            {"parallel_tool_calls": False, "tool_choice": "required"},
            {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
        ),
        ({"temperature": None}, {}),
    ],
)
def test_call_defaults_fill_only_what_the_caller_left_out(defaults, added):
    members = {"model": "m", "messages": [], "max_tokens": 9000, "tools": [{"name": "f", "input_schema": {}}]}
    assert ANTHROPIC_MESSAGES.with_defaults(members, defaults) == members | added


def test_ids_of_calls_that_the_vendor_refuses_are_changed_alike_on_call_and_result():
    members, fidelity = rendered(
        said(
            Message("assistant", (ToolCall("functions.f:0", "f", "{}"),)),
            Message("tool", (ToolResult("functions.f:0", (Text("1"),)),)),
        )
    )
    call, result = (turn["content"][0] for turn in members["messages"])
    assert call["id"] == result["tool_use_id"] == "functions_f_0"
    assert fates(fidelity)["messages[0].tool_calls[0].id"] is Fate.MAPPED


def test_a_null_of_the_caller_gives_way_to_a_default():
    members = {"model": "m", "temperature": msgspec.Raw(b"null"), "top_p": None}
    assert ANTHROPIC_MESSAGES.with_defaults(members, {"temperature": 0.2}) == {"model": "m", "temperature": 0.2}


def test_counting_takes_only_the_defaults_that_it_depends_on():
    defaults = {"max_tokens": 5, "temperature": 0.2, "user": "u", "system": "Be kind."}
    assert ANTHROPIC_COUNT_TOKENS.with_defaults({"model": "m"}, defaults) == {"model": "m", "system": "Be kind."}
