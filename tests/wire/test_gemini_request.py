"""Requests of the Gemini API: said by callers, and said to upstreams in words that the vendor's types take."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_core.errors import BadRequestError
from nova_core.types.chat import (
    Audio,
    ChatRequest,
    File,
    Image,
    Message,
    Reasoning,
    Source,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from nova_core.types.fidelity import Fate
from nova_core.types.message import Request
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.gemini import GEMINI_COUNT_TOKENS, GEMINI_GENERATE, GEMINI_GENERATE_ARRAY
from nova_core.wire.gemini.paths import caller_path
from nova_core.wire.gemini.schema import to_json_schema, to_openapi
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from nova_core.wire.translate import translate_request
from tests.wire.gemini_said import NAME, Json, valid_request
from tests.wire.strategies import requests

USER: Json = {"role": "user", "parts": [{"text": "Hi"}]}
FULL: Json = {
    "model": "gemini-3.5-flash",
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "Look:"},
                {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
                {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v.mp4"}, "videoMetadata": {"fps": 1.0}},
                {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "Hm.", "thought": True},
                {"functionCall": {"id": "c1", "name": "look", "args": {"x": 1}}, "thoughtSignature": "c2ln"},
                {"functionCall": {"id": "c2", "name": "look", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "c1", "name": "look", "response": {"output": "seen"}}},
                {"functionResponse": {"id": "c2", "name": "look", "response": {"error": "dark"}}},
                {"text": "Go on."},
            ],
        },
        {"role": "model", "parts": [{"executableCode": {"language": "PYTHON", "code": "1"}}, {"text": "Done."}]},
        USER,
    ],
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "look",
                    "description": "Looks.",
                    "parameters": {"type": "OBJECT", "properties": {"x": {"type": "INTEGER", "nullable": True}}},
                },
                {
                    "name": "more",
                    "parametersJsonSchema": {
                        "type": "object",
                        "properties": {"y": {"$ref": "#/$defs/Y"}},
                        "$defs": {"Y": {"type": "string"}},
                    },
                },
            ]
        },
        {"googleSearch": {}},
    ],
    "toolConfig": {
        "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look", "more"]},
        "retrievalConfig": {"languageCode": "de"},
    },
    "generationConfig": {
        "temperature": 0.5, "topP": 0.9, "topK": 40, "candidateCount": 2, "maxOutputTokens": 99, "seed": 7,
        "stopSequences": ["end"], "presencePenalty": 0.1, "frequencyPenalty": 0.2, "responseLogprobs": True,
        "logprobs": 3, "responseModalities": ["TEXT"], "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object", "additionalProperties": False},
        "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True},
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
    },
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    "cachedContent": "cachedContents/x",
    "labels": {"team": "a"},
    "serviceTier": "flex",
    "store": False,
}  # fmt: skip


def chat(members: Json) -> ChatRequest:
    typed = GEMINI_GENERATE.parse_request(members)
    assert isinstance(typed, ChatRequest)
    return typed


def rendered(model: str = "gemini-3.5-flash", *messages: Message, **fields_: Any) -> Json:
    typed = ChatRequest(model, messages or (Message("user", (Text("Hi"),)),), **fields_)
    members, _ = GEMINI_GENERATE.render_request(typed)
    valid_request(members)
    return members


def test_everything_that_is_said_comes_back() -> None:
    valid_request(FULL)
    members, fidelity = GEMINI_GENERATE.render_request(chat(FULL))
    assert members == FULL
    assert fidelity.lost == ()


def test_snake_case_means_the_same() -> None:
    def snake(value: Any, free: bool = False) -> Any:
        if isinstance(value, list):
            return [snake(item, free) for item in value]
        if not isinstance(value, dict) or free:
            return value
        free_ones = ("args", "response", "parametersJsonSchema", "responseJsonSchema", "properties", "labels")
        words = {name: "".join(f"_{c.lower()}" if c.isupper() else c for c in name) for name in value}
        return {words[name]: snake(item, name in free_ones) for name, item in value.items()}

    known = {**FULL, "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}
    assert chat(snake(known)) == chat(known)


@settings(max_examples=60, deadline=None)
@given(requests, st.sampled_from(["gemini-2.5-pro", "gemini-2.5-flash", "gemini-3.1-pro-preview", "gemini-4-flash"]))
def test_whatever_an_openai_caller_says_the_vendors_types_take_and_each_field_is_accounted_for(
    typed: ChatRequest, model: str
) -> None:
    typed = replace(typed, model=model)
    try:
        members, fidelity = GEMINI_GENERATE.render_request(typed)
    except BadRequestError:
        assert any(isinstance(part, ToolCall) for message in typed.messages for part in message.parts)
        return
    valid_request(members)
    said = str(members)
    noted = {note.field.split(".")[0].split("[")[0] for note in fidelity.notes}
    told = {"max_tokens": "maxOutputTokens", "top_p": "topP", "top_k": "topK", "n": "candidateCount"}
    told |= {"presence_penalty": "presencePenalty", "frequency_penalty": "frequencyPenalty", "stop": "stopSequences"}
    told |= {"logprobs": "responseLogprobs", "top_logprobs": "logprobs", "modalities": "responseModalities"}
    told |= {"response_format": "responseMimeType", "service_tier": "serviceTier", "reasoning": "thinkingConfig"}
    told |= {"tool_choice": "toolConfig", "stream": "stream", "seed": "seed", "temperature": "temperature"}
    for field in fields(ChatRequest):
        value = getattr(typed, field.name)
        if field.name in ("model", "messages", "tools", "extra") or value in (None, (), False):
            continue
        names = {field.name, "reasoning_effort", "thinking"} if field.name == "reasoning" else {field.name}
        names |= {"stream_options"} if field.name == "include_usage" else set()
        names |= {"cache_control"} if field.name == "cache" else set()
        assert told.get(field.name, "-") in said or names & noted, field.name


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"contents": [USER]}, "model"),
        ({"model": "m"}, "contents"),
        ({"model": "m", "contents": []}, "contents"),
        ({"model": "m", "contents": "Hi"}, "contents"),
    ],
)
def test_what_the_vendor_requires_is_checked(members: Json, param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        GEMINI_GENERATE.check_request(members)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"contents": [{"role": "robot", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": True}]}, "contents[0].parts"),
        ({"contents": [{"parts": [{"functionCall": {}}]}]}, "contents[0].parts[0].functionCall.name"),
        ({"contents": [{"parts": [{"inlineData": {}}]}]}, "contents[0].parts[0].inlineData.data"),
        ({"generationConfig": {"temperature": "hot"}}, "generationConfig.temperature"),
        (
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "VAST"}}},
            "generationConfig.thinkingConfig.thinkingLevel",
        ),
        ({"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "toolConfig.functionCallingConfig.mode"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(change: Json, param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        chat({"model": "m", "contents": [USER], **change})
    assert caught.value.param == param


def test_calls_without_ids_get_them_and_results_find_their_calls() -> None:
    calls: list[Json] = [{"functionCall": {"name": name, "args": {}}} for name in ("a", "b", "a")]
    results = [{"functionResponse": {"name": name, "response": {"n": n}}} for n, name in enumerate(("a", "a", "b"))]
    typed = chat({"model": "m", "contents": [{"role": "model", "parts": calls}, {"role": "user", "parts": results}]})
    ids = [part.id for part in typed.messages[0].parts if isinstance(part, ToolCall)]
    answered = [part.call_id for part in typed.messages[1].parts if isinstance(part, ToolResult)]
    assert answered == [ids[0], ids[2], ids[1]]
    assert len(set(ids)) == 3


def test_an_answer_that_was_streamed_in_pieces_is_one_turn_again() -> None:
    pieces: list[Json] = [
        {"text": "Let me ", "thought": True},
        {"text": "think.", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "It is "},
        {"text": "so."},
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "bW9yZQ=="},
    ]
    typed = chat({"model": "m", "contents": [USER, *({"role": "model", "parts": [part]} for part in pieces)]})
    assert typed.messages[1].parts == (
        Thinking("Let me think.", "gemini_generate:c2ln"),
        Text("It is so."),
        Thinking("", "gemini_generate:bW9yZQ=="),
        ToolCall("call_0", "f", "{}"),
    )


def test_the_mark_for_a_missing_signature_is_set_for_models_that_need_one() -> None:
    call = Message("assistant", (ToolCall("c", "f", "{}"), ToolCall("d", "f", "{}")))
    for model, mark in (("gemini-3.5-flash", "skip_thought_signature_validator"), ("gemini-2.5-flash", None)):
        parts = rendered(model, call)["contents"][0]["parts"]
        assert [part.get("thoughtSignature") for part in parts] == [mark, None]
    marked = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "skip_thought_signature_validator"}
    typed = chat({"model": "m", "contents": [{"role": "model", "parts": [marked]}]})
    assert [type(part) for part in typed.messages[0].parts] == [ToolCall]


def test_signatures_come_back_on_their_parts_through_callers_who_say_thoughts_first() -> None:
    """Chat completions say the signatures of a turn before its text and calls."""
    thoughts = [Thinking("Hm."), Thinking("", "gemini_generate:dGV4dA=="), Thinking("", "gemini_generate:Y2FsbA==")]
    said = [Text("So."), ToolCall("c", "f", "{}"), ToolCall("d", "f", "{}")]
    for kept, expected in (
        (thoughts, [None, "dGV4dA==", "Y2FsbA==", None]),
        ([thoughts[0], thoughts[2]], [None, None, "Y2FsbA==", None]),
    ):
        parts = rendered("gemini-3.5-flash", Message("assistant", (*kept, *said)))["contents"][0]["parts"]
        assert [part.get("thoughtSignature") for part in parts] == expected


def test_signatures_come_back_on_their_parts_through_callers_who_say_them_in_place() -> None:
    """Messages and Responses say each signature before the part that it signs."""
    text, call = Thinking("", "gemini_generate:dGV4dA=="), Thinking("", "gemini_generate:Y2FsbA==")
    parts = (Thinking("Hm."), text, Text("So."), call, ToolCall("c", "f", "{}"), ToolCall("d", "f", "{}"))
    found = rendered("gemini-3.5-flash", Message("assistant", parts))["contents"][0]["parts"]
    assert [part.get("thoughtSignature") for part in found] == [None, "dGV4dA==", "Y2FsbA==", None]


def test_signatures_go_back_to_their_maker_alone() -> None:
    reply = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}]}
    ours = chat({"model": "m", "contents": [USER, reply]}).messages[1]
    theirs = Message("assistant", (Thinking("", "RXE4="), ToolCall("c", "f", "{}")))
    for message, signature in ((ours, "c2ln"), (theirs, "skip_thought_signature_validator")):
        (call,) = rendered("gemini-3.5-flash", message)["contents"][0]["parts"]
        assert call["thoughtSignature"] == signature
    for message, expected in ((ours, ["tool_use"]), (theirs, ["thinking", "tool_use"])):
        members, _ = ANTHROPIC_MESSAGES.render_request(ChatRequest("claude-opus-4-8", (message,)))
        assert [block["type"] for block in members["messages"][0]["content"]] == expected


def test_thoughts_that_another_vendor_encrypted_are_named_where_they_stay_behind() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}
    members = {"model": "m", "input": [{"role": "user", "content": "Hi"}, item, {"role": "user", "content": "So?"}]}
    _, fidelity = translate_request(Request("chat", OPENAI_RESPONSES, members), GEMINI_GENERATE)
    assert fidelity.dropped == ("input[1]",)


def test_a_signature_in_googles_own_openai_format_is_understood() -> None:
    call = {
        "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "c2ln"}},
    }  # fmt: skip
    body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]}
    members, fidelity = GEMINI_GENERATE.render_request(OPENAI_CHAT.parse_request(body))
    assert members["contents"][0]["parts"][0]["thoughtSignature"] == "c2ln"
    assert fidelity.dropped == ()


@pytest.mark.parametrize(
    ("model", "reasoning", "expected"),
    [
        ("gemini-2.5-flash", Reasoning(effort="medium"), {"thinkingBudget": 8192, "includeThoughts": True}),
        ("gemini-2.5-flash", Reasoning(effort="none"), {"thinkingBudget": 0}),
        ("gemini-2.5-pro", Reasoning(effort="none"), {"thinkingBudget": 128}),
        ("gemini-2.5-flash", Reasoning(budget=99999), {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-2.5-flash", Reasoning(mode="adaptive"), {"thinkingBudget": -1, "includeThoughts": True}),
        ("gemini-3.5-flash", Reasoning(effort="minimal"), {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("gemini-3.1-pro", Reasoning(effort="minimal"), {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3.1-pro", Reasoning(effort="none"), {"thinkingLevel": "LOW"}),
        ("gemini-4-pro", Reasoning(budget=5000, mode="enabled"), {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        ("gemini-3.1-pro", Reasoning(effort="max"), {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-4-hydrogen", Reasoning(effort="xhigh"), {"thinkingLevel": "XHIGH", "includeThoughts": True}),
        ("gemini-4-hydrogen", Reasoning(effort="minimal"), {"thinkingLevel": "LOW", "includeThoughts": True}),
    ],
)
def test_thinking_is_asked_for_as_the_model_takes_it(model: str, reasoning: Reasoning, expected: Json) -> None:
    assert rendered(model, reasoning=reasoning)["generationConfig"]["thinkingConfig"] == expected


def test_tools_are_declared_exactly_in_the_form_that_can_say_them() -> None:
    plain: Json = {"type": "object", "properties": {"x": {"type": ["string", "null"]}}, "required": ["x"]}
    closed = {**plain, "additionalProperties": False}
    tools = (Tool("a", schema=plain), Tool("b", schema=closed), Tool("c", schema={"type": "object", "properties": {}}))
    declared = rendered(tools=tools)["tools"][0]["functionDeclarations"]
    assert declared[0]["parameters"]["properties"] == {"x": {"type": "STRING", "nullable": True}}
    assert declared[1]["parametersJsonSchema"] == closed
    assert declared[2] == {"name": "c"}


scalars = st.sampled_from(["string", "integer", "number", "boolean"])
schemas = st.recursive(
    st.builds(lambda kind, null: {"type": [kind, "null"] if null else kind}, scalars, st.booleans()),
    lambda inner: (
        st.builds(lambda items: {"type": "array", "items": items, "minItems": 1}, inner)
        | st.builds(
            lambda found: {"type": "object", "properties": found, "required": sorted(found)},
            st.dictionaries(st.sampled_from("abc"), inner, min_size=1),
        )
        | st.builds(lambda first, second: {"anyOf": [first, second]}, inner, inner)
    ),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(schemas)
def test_a_schema_that_can_be_said_comes_back_from_the_vendors_form(schema: Json) -> None:
    said = to_openapi(schema)
    assert said is not None
    assert to_json_schema(said) == schema


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/X"}, {"type": "object", "additionalProperties": False}, {"enum": [1, 2]}, {"const": 3},
        {"type": "object", "patternProperties": {}}, {"allOf": []}, {"type": ["string", "integer"]},
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_said_is_not_said_half(schema: Json) -> None:
    assert to_openapi(schema) is None


def test_properties_come_in_the_order_that_is_asked_for() -> None:
    said: Any = {
        "type": "OBJECT",
        "properties": {"b": {"type": "STRING"}, "a": {"type": "STRING"}, "c": {"type": "STRING"}},
        "property_ordering": ["a", "b", "gone", ["odd"]],
    }
    assert list(to_json_schema(said)["properties"]) == ["a", "b", "c"]
    assert to_json_schema(said).keys() == {"type", "properties"}


def test_results_and_media_of_functions_stand_together() -> None:
    image = Image(Source(data="iVBORw0KGgo="))
    messages = (
        Message("assistant", (ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "g", "{}"))),
        Message("tool", (ToolResult("c1", (Text("seen"), image)),)),
        Message("tool", (ToolResult("c2", (Text('{"n": 1}'),), is_error=True),)),
        Message("user", (Text("so?"),)),
    )
    modern = rendered("gemini-3.5-flash", *messages)["contents"][1]["parts"]
    assert [part.get("functionResponse", {}).get("name") for part in modern] == ["f", "g", None]
    assert modern[0]["functionResponse"]["parts"][0]["inlineData"]["mimeType"] == "image/png"
    assert modern[1]["functionResponse"]["response"] == {"error": '{"n": 1}'}
    older = rendered("gemini-2.5-flash", *messages)["contents"][1]["parts"]
    assert "inlineData" in older[1]


def test_audio_is_what_its_format_says_though_wav_and_webp_begin_alike() -> None:
    parts = (Audio(Source(data="UklGRiQAAABXQVZFZm10"), format="wav"), Image(Source(data="UklGRiQAAABXRUJQVlA4")))
    members, _ = GEMINI_GENERATE.render_request(ChatRequest("gemini-2.5-flash", (Message("user", parts),)))
    kinds = [part["inlineData"]["mimeType"] for part in members["contents"][0]["parts"]]
    assert kinds == ["audio/wav", "image/webp"]


def test_files_are_sent_where_they_are() -> None:
    parts = (
        File(Source(url="gs://b/a.pdf")),
        File(Source(file_id="files/abc")),
        File(Source(text="words", media_type="text/plain"), name="a.txt"),
        Image(Source(url="https://e.org/x")),
    )
    said = rendered("gemini-3.5-flash", Message("user", parts))["contents"][0]["parts"]
    assert said[0]["fileData"] == {"fileUri": "gs://b/a.pdf", "mimeType": "application/pdf"}
    assert said[1]["fileData"]["fileUri"].endswith("/v1beta/files/abc")
    assert said[2]["inlineData"] == {"mimeType": "text/plain", "data": "d29yZHM="}
    assert said[3]["fileData"] == {"fileUri": "https://e.org/x", "mimeType": "image/jpeg"}
    typed = ChatRequest("m", (Message("user", (File(Source(file_id="file-of-another-vendor")),)),))
    _, fidelity = GEMINI_GENERATE.render_request(typed)
    assert fidelity.lost == ("messages[0].content[0]",)


@pytest.mark.parametrize("dialect", [OPENAI_CHAT, ANTHROPIC_MESSAGES])
def test_losses_are_named_as_the_caller_knows_them(dialect: Any) -> None:
    request = Request("chat", GEMINI_GENERATE, FULL)
    _, fidelity = translate_request(request, dialect)
    assert {
        "contents[3].parts[0]", "tools[1].googleSearch", "safetySettings",
        "cachedContent", "toolConfig.retrievalConfig", "toolConfig.functionCallingConfig.allowedFunctionNames",
    } <= set(fidelity.lost)  # fmt: skip
    assert any(field.startswith("contents[0].parts[2]") for field in fidelity.lost)
    assert {"labels", "generationConfig.mediaResolution"} <= set(fidelity.of(Fate.HINT))


def test_defaults_fill_what_the_caller_left_open() -> None:
    defaults = {
        "max_tokens": 5, "temperature": 0.1, "stop": "x", "reasoning_effort": "low", "safety_settings": [],
        "response_format": {"type": "json_object"}, "vendor_field": 1,
    }  # fmt: skip
    given_: Json = {"model": "gemini-3.5-flash", "contents": [USER], "generation_config": {"maxOutputTokens": 9}}
    added = GEMINI_GENERATE.with_defaults(given_, defaults)
    assert added["generation_config"] == {
        "temperature": 0.1, "stopSequences": ["x"], "responseMimeType": "application/json", "maxOutputTokens": 9,
        "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True},
    }  # fmt: skip
    assert (added["safetySettings"], added["vendor_field"]) == ([], 1)
    assert GEMINI_GENERATE.with_defaults(given_, {}) is given_


def test_counting_takes_contents_or_a_whole_request() -> None:
    whole = {"model": "m", "generateContentRequest": {"model": "models/other", "contents": [USER]}}
    for members in ({"model": "m", "contents": [USER]}, whole):
        GEMINI_COUNT_TOKENS.check_request(members)
        typed = GEMINI_COUNT_TOKENS.parse_request(members)
        assert isinstance(typed, ChatRequest)
        assert (typed.model, typed.messages[0].text) == ("m", "Hi")
    members, fidelity = GEMINI_COUNT_TOKENS.render_request(chat(FULL))
    assert members.keys() == {"model", "contents", "systemInstruction", "tools"}
    assert fidelity.lost == ()


def test_both_framings_are_one_dialect() -> None:
    assert GEMINI_GENERATE.name == GEMINI_GENERATE_ARRAY.name == NAME


@pytest.mark.parametrize("field", ["thinking.display", "reasoning_effort.summary"])
def test_the_text_of_thoughts_is_named_as_callers_ask_for_it(field: str) -> None:
    assert caller_path({}, field) == "generationConfig.thinkingConfig.includeThoughts"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"thinkingConfig": {"thinkingBudget": 2000}}, "thinkingBudget"),
        ({"thinking_config": {"thinking_budget": 2000}}, "thinkingBudget"),
        ({"thinkingConfig": {"thinkingLevel": "LOW"}}, "thinkingLevel"),
        ({}, "thinkingLevel"),
    ],
)
def test_how_much_to_think_is_named_as_the_caller_said_it(config: Any, said: str) -> None:
    path = f"generationConfig.thinkingConfig.{said}"
    assert caller_path({"generationConfig": config}, "reasoning_effort") == path
