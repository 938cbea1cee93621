"""Requests of the Responses API: what they mean, what becomes of each field elsewhere, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_type_hints

import pytest
from hypothesis import assume, given, settings
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import TypeAdapter

from nova_core.errors import BadRequestError
from nova_core.types.chat import (
    ChatRequest,
    Citation,
    File,
    HostedTool,
    Image,
    Message,
    Opaque,
    Reasoning,
    RedactedThinking,
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
from nova_core.types.dialect import Dialect
from nova_core.types.message import Request
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.body import parse_members
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_responses import NAME, OPENAI_RESPONSES, without_foreign_thoughts
from nova_core.wire.translate import translate_request
from tests.wire.strategies import requests

Json = dict[str, Any]
BODY = TypeAdapter[Any](ResponseCreateParamsStreaming)
ELSEWHERE = pytest.mark.parametrize("dialect", [OPENAI_CHAT, ANTHROPIC_MESSAGES], ids=lambda dialect: dialect.name)


def parsed(**members: Any) -> ChatRequest:
    typed = OPENAI_RESPONSES.parse_request({"model": "m", "input": "Hi", **members})
    assert isinstance(typed, ChatRequest)
    return typed


def rendered(typed: ChatRequest) -> Json:
    return OPENAI_RESPONSES.render_request(typed)[0]


ITEMS: list[Json] = [
    {
        "role": "user",
        "content": [
            {"type": "input_text", "text": "Look"},
            {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "low"},
            {"type": "input_image", "file_id": "file-1", "detail": "auto"},
            {"type": "input_file", "file_url": "https://example.org/a.pdf", "filename": "a.pdf"},
        ],
    },
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [
            {"type": "output_text", "text": "Seen", "annotations": [{"type": "file_path", "file_id": "f", "index": 0}]},
            {"type": "refusal", "refusal": "No."},
        ],
    },
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
    {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "c1",
        "name": "f",
        "arguments": '{"a":1}',
        "status": "completed",
    },
    {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "free text"},
    {"type": "function_call_output", "call_id": "c1", "output": "42"},
    {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "ok"}]},
    {"type": "message", "role": "developer", "content": "Be nice."},
]


def test_items_become_turns() -> None:
    user, assistant, tool, developer = parsed(input=ITEMS).messages
    assert user.parts == (
        Text("Look"),
        Image(Source(data="QUJD", media_type="image/png"), detail="low"),
        Image(Source(file_id="file-1")),
        File(Source(url="https://example.org/a.pdf"), name="a.pdf"),
    )
    thought, text, refusal, search, call, custom = assistant.parts
    assert isinstance(thought, Thinking)
    assert thought.signature is None
    assert isinstance(text, Text)
    assert text.citations == (Citation(NAME, {"type": "file_path", "file_id": "f", "index": 0}),)
    assert isinstance(refusal, Refusal)
    assert search == Opaque(NAME, ITEMS[3])
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, call.arguments, call.custom) == ("c1", "f", '{"a":1}', False)
    assert isinstance(custom, ToolCall)
    assert custom.custom
    assert [part.call_id for part in tool.parts if isinstance(part, ToolResult)] == ["c1", "c2"]
    assert (developer.role, developer.text) == ("developer", "Be nice.")


def test_what_came_in_this_dialect_is_said_again_as_it_came() -> None:
    members = {
        "model": "m", "instructions": "Be brief.", "input": ITEMS, "store": False, "include": ["x"],
        "previous_response_id": "resp_1", "truncation": "auto", "max_output_tokens": 9, "vendor_field": {"a": 1},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}, "verbosity": "low"},
        "reasoning": {"effort": "high", "summary": "auto", "context": "all_turns"}, "stream": True,
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True, "defer_loading": True},
            {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"}},
            {"type": "mcp", "server_label": "s", "server_url": "https://example.org"},
        ],
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    }  # fmt: skip
    again = rendered(parsed(**members))
    inputs, outputs = members.pop("input"), again.pop("input")
    assert again == members
    assert [item | {"type": item.get("type", "message")} for item in inputs[1:-1]] == [
        {**item, "output": [{"type": "input_text", "text": "ok"}]} if item.get("call_id") == "c2" and "output" in item
        else item
        for item in outputs[1:-1]
    ]  # fmt: skip


@given(requests)
@settings(max_examples=30)
def test_requests_of_other_dialects_are_said_validly(typed: ChatRequest) -> None:
    members, _ = OPENAI_RESPONSES.render_request(replace(typed, metadata={"texts": "only"}))
    assume(members["input"])  # thoughts alone, say, are lost
    OPENAI_RESPONSES.check_request(members)
    known = {name: value for name, value in members.items() if name in get_type_hints(ResponseCreateParamsStreaming)}
    BODY.validate_python({**known, "stream": True})
    again = rendered(parsed(**members))
    assert again.keys() == members.keys() - ({"tool_choice", "parallel_tool_calls"} - again.keys())


EVERY: Json = {
    "model": "m",
    "input": "Hi",
    "instructions": "Be brief.",
    "stream": True,
    "max_output_tokens": 2000,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_logprobs": 2,
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": None}],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"format": {"type": "json_object"}, "verbosity": "low"},
    "user": "u-1",
    "service_tier": "default",
    "prompt_cache_key": "k",
    "safety_identifier": "s",
    "prompt_cache_retention": "24h",
    "prompt_cache_options": {"mode": "auto"},
    "stream_options": {"include_obfuscation": False},
    "max_tool_calls": 3,
    "truncation": "auto",
    "include": ["reasoning.encrypted_content"],
    "metadata": {"a": "b"},
    "store": True,
    "background": True,
    "background_options": {"x": 1},
    "conversation": "conv_1",
    "previous_response_id": "resp_1",
    "prompt": {"id": "pmpt_1"},
    "context_management": [{"type": "compaction"}],
    "moderation": {"model": "m"},
    "access_programs": {"cyber": "standard"},
    "image": {"context_compression": "enabled"},
}
SERVED_HERE = {"store", "metadata", "include"}
LOST = {
    "background", "background_options", "conversation", "previous_response_id", "prompt", "context_management",
    "moderation", "access_programs", "image",
}  # fmt: skip


def test_every_parameter_of_the_api_is_thought_of() -> None:
    assert get_type_hints(ResponseCreateParamsStreaming).keys() <= EVERY.keys()


@ELSEWHERE
@pytest.mark.parametrize("name", sorted(EVERY.keys() - {"model", "input"}))
def test_each_parameter_is_said_noted_or_refused_elsewhere(name: str, dialect: Dialect) -> None:
    def asked(*names: str) -> Request:
        return Request("chat", OPENAI_RESPONSES, {n: EVERY[n] for n in ("model", "input", *names)})

    beside = ("tools",) if name in ("tool_choice", "parallel_tool_calls") else ()
    without, _ = translate_request(asked(*beside), dialect)
    translated, fidelity = translate_request(asked(name, *beside), dialect)
    noted = {note.field.split(".")[0].split("[")[0] for note in fidelity.notes}
    if name in SERVED_HERE:
        assert not fidelity.dropped
    elif name in LOST:
        assert name in fidelity.lost
    else:
        assert translated.members != without.members or name in noted | {"max_tokens"}


@ELSEWHERE
def test_losses_are_named_where_they_are_in_the_callers_request(dialect: Dialect) -> None:
    _, fidelity = translate_request(Request("chat", OPENAI_RESPONSES, {"model": "m", "input": ITEMS}), dialect)
    assert "input[3]" in fidelity.lost
    assert not [field for field in fidelity.dropped if field.endswith((".id", ".status", ".item"))]
    tools = [{"type": "function", "name": "f"}, {"type": "web_search"}]
    _, fidelity = translate_request(
        Request("chat", OPENAI_RESPONSES, {"model": "m", "input": "Hi", "tools": tools}), dialect
    )
    assert fidelity.lost == ("tools[1]",)


def test_thoughts_of_a_provider_go_back_to_it_and_to_no_other() -> None:
    typed = ChatRequest(
        "m",
        (Message("assistant", (Thinking("Hm.", "c2ln"), RedactedThinking("cmVk"), Text("Hi"))),),
        extra={NAME: {}},
    )
    members = rendered(typed)
    again = parsed(input=members["input"]).messages[0].parts
    assert again[:2] == (Thinking("Hm.", "c2ln"), RedactedThinking("cmVk"))
    native = without_foreign_thoughts(
        Request("chat", OPENAI_RESPONSES, {**members, "input": [*ITEMS, *members["input"]]})
    )
    assert [item.get("encrypted_content") for item in native.get("input") if item.get("type") == "reasoning"] == [
        "gAAAA"
    ]
    plain = Request("chat", OPENAI_RESPONSES, {"model": "m", "input": "nova.signature.x"})
    assert without_foreign_thoughts(plain) is plain


@pytest.mark.parametrize(
    ("members", "field", "expected"),
    [
        ({"text": {"format": {"type": "json_object"}}}, "response_format", ResponseFormat("json_object")),
        ({"text": {"verbosity": "high"}}, "verbosity", "high"),
        ({"reasoning": {"effort": "xhigh"}}, "reasoning", Reasoning("xhigh")),
        ({"reasoning": {"generate_summary": "concise"}}, "reasoning", Reasoning(summary="concise")),
        ({"include": ["message.output_text.logprobs"]}, "logprobs", True),
        ({"seed": 7}, "seed", 7),
        ({"stop": "END"}, "stop", ("END",)),
        ({"tools": [{"type": "function", "name": "f"}]}, "tools", (Tool("f"),)),
        (
            {"tools": [{"type": "custom", "name": "g", "format": {"type": "text"}}]},
            "tools",
            (HostedTool("openai_chat", {"type": "custom", "custom": {"name": "g", "format": {"type": "text"}}}),),
        ),
        ({"tool_choice": "auto", "parallel_tool_calls": True}, "tool_choice", None),
        ({"tool_choice": {"type": "function", "name": "f"}}, "tool_choice", ToolChoice("named", "f")),
        ({"background": False, "truncation": "disabled"}, "extra", {NAME: {}}),
    ],
)
def test_parameters_are_read(members: Json, field: str, expected: object) -> None:
    assert getattr(parsed(**members), field) == expected


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"model": ""}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"text": "x"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
        ({"input": [{"type": "function_call", "call_id": "c", "arguments": "{}"}]}, "input[0].name"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
        ({"input": ["text"]}, "input[0]"),
        ({"tools": [{"name": "f"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "name": ""}]}, "tools[0].name"),
        ({"tool_choice": "some"}, "tool_choice"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"text": {"format": {}}}, "text.format.type"),
        ({"max_output_tokens": "9"}, "max_output_tokens"),
    ],
)
def test_a_wrong_field_is_refused_by_its_path(members: Json, param: str) -> None:
    body = {"model": "m", "input": "Hi", **members}
    request = Request("chat", OPENAI_RESPONSES, {name: value for name, value in body.items() if value is not None})

    def read() -> None:
        OPENAI_RESPONSES.check_request(request.members)
        assert request.typed

    with pytest.raises(BadRequestError) as refused:
        read()
    assert refused.value.param == param


def test_the_tools_that_may_be_called_are_said_to_chat_completions_and_back() -> None:
    own: Json = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}
    hosted: Json = {**own, "tools": [{"type": "web_search"}]}
    asked: Json = {"model": "m", "input": "Hi", "tools": [{"type": "function", "name": "f", "parameters": {}}]}
    there, fidelity = translate_request(Request("chat", OPENAI_RESPONSES, {**asked, "tool_choice": own}), OPENAI_CHAT)
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}
    assert there.members["tool_choice"] == {"type": "allowed_tools", "allowed_tools": allowed}
    assert fidelity.lost == ()
    again, _ = translate_request(there, OPENAI_RESPONSES)
    assert again.members["tool_choice"] == own
    _, fidelity = translate_request(Request("chat", OPENAI_RESPONSES, {**asked, "tool_choice": hosted}), OPENAI_CHAT)
    assert fidelity.lost == ("tool_choice.allowed_tools",)


def test_a_deployments_defaults_are_added_in_the_words_of_this_api() -> None:
    defaults = {
        "max_tokens": 50, "temperature": 0.1, "reasoning_effort": "low", "verbosity": "low", "top_p": None,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
        "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required",
    }  # fmt: skip
    given: Json = {"model": "m", "input": "Hi", "temperature": 0.9, "text": {"verbosity": "high"}, "user": None}
    assert OPENAI_RESPONSES.with_defaults(given, defaults) == {
        "model": "m", "input": "Hi", "temperature": 0.9, "max_output_tokens": 50, "reasoning": {"effort": "low"},
        "text": {"verbosity": "high", "format": {"type": "json_schema", "name": "n", "schema": {}}},
        "tools": [{"type": "function", "name": "f"}], "tool_choice": "required",
    }  # fmt: skip


@pytest.mark.parametrize("raw", [b'{"model":"m","input":[ ]}', b'{"model":"m","input":[],"instructions":"Be brief."}'])
def test_an_input_without_items_is_refused_unless_it_goes_on_from_something(raw: bytes) -> None:
    with pytest.raises(BadRequestError) as refused:
        OPENAI_RESPONSES.check_request(parse_members(raw))
    assert refused.value.param == "input"
    for more in (b'"previous_response_id":"resp_1"', b'"prompt":{"id":"p"}', b'"conversation":"c"'):
        OPENAI_RESPONSES.check_request(parse_members(raw[:-1] + b"," + more + b"}"))
    OPENAI_RESPONSES.check_request(parse_members(b'{"model":"m","input":[[]]}'))
