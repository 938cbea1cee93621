"""What the official clients say, as each kind of upstream receives it."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest

from tests.e2e.conftest import Cell
from tests.e2e.dialects import Json, anthropic_answer, openai_answer
from tests.e2e.test_dialect_matrix import (
    ANSWERS,
    HI,
    REDACTED,
    SIGNED,
    SIGNED_MORE,
    TEXT,
    anthropic_calls,
    openai_calls,
    openai_streamed,
    openai_whole,
)

pytestmark = pytest.mark.slow

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
EPHEMERAL: Json = {"type": "ephemeral"}
HOUR: Json = {"type": "ephemeral", "ttl": "1h"}

OPENAI_MESSAGES: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "developer", "content": [{"type": "text", "text": "Be kind.", "cache_control": HOUR}]},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What are these?", "cache_control": EPHEMERAL},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.jpg", "detail": "high"}},
        ],
    },
    {"role": "assistant", "content": "Looking.", "tool_calls": openai_calls()},
    {"role": "tool", "tool_call_id": "call_a", "content": "sunny"},
    {"role": "tool", "tool_call_id": "call_b", "content": [{"type": "text", "text": "rain"}]},
    {"role": "user", "content": "And?"},
    {"role": "assistant", "content": "Fine."},
    {"role": "user", "content": "Thanks", "name": "ann"},
]
OPENAI_TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "weather", "description": "d", "parameters": SCHEMA, "strict": True}},
]
ANTHROPIC_MESSAGES: list[Any] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What are these?", "cache_control": EPHEMERAL},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.jpg"}},
        ],
    },
    {"role": "assistant", "content": [SIGNED, REDACTED, {"type": "text", "text": "Looking."}, *anthropic_calls()]},
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "call_a", "content": "sunny"},
            {
                "type": "tool_result",
                "tool_use_id": "call_b",
                "is_error": True,
                "content": [
                    {"type": "text", "text": "no signal"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                ],
            },
            {"type": "text", "text": "And?"},
        ],
    },
]
ANTHROPIC_TOOLS: list[Any] = [{"name": "weather", "description": "d", "input_schema": SCHEMA, "cache_control": HOUR}]
DATA_URL = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}


def dropped(response: Any) -> list[str]:
    """The fields that the response header names."""
    value = response.headers.get("x-nova-dropped-params", "")
    return [name for name in value.split(",") if name]


def test_openais_conversation_reaches_an_anthropic_upstream(cell: Cell) -> None:
    cell.says(**ANSWERS["text"]["claude"])
    raw = cell.openai.chat.completions.with_raw_response.create(
        model="claude", messages=OPENAI_MESSAGES, tools=OPENAI_TOOLS, tool_choice="required", parallel_tool_calls=False,
        stop=["END", "STOP"], temperature=0.5, top_p=0.9, max_completion_tokens=77, user="u-1",
    )  # fmt: skip
    assert cell.sent == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 77,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop_sequences": ["END", "STOP"],
        "metadata": {"user_id": "u-1"},
        "system": [
            {"type": "text", "text": "Be brief."},
            {"type": "text", "text": "Be kind.", "cache_control": HOUR},
        ],
        "tools": [{"name": "weather", "description": "d", "input_schema": SCHEMA, "strict": True}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What are these?", "cache_control": EPHEMERAL},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                    {"type": "image", "source": {"type": "url", "url": "https://example.com/a.jpg"}},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "Looking."}, *anthropic_calls()]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_a", "content": "sunny"},
                    {"type": "tool_result", "tool_use_id": "call_b", "content": "rain"},
                    {"type": "text", "text": "And?"},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "Fine."}]},
            {"role": "user", "content": [{"type": "text", "text": "Thanks"}]},
        ],
    }
    assert dropped(raw) == ["messages[2].content[2].image_url.detail", "messages[8].name"]


def test_anthropics_conversation_reaches_an_openai_upstream(cell: Cell) -> None:
    cell.says(**ANSWERS["text"]["gpt"])
    raw = cell.anthropic.messages.with_raw_response.create(
        model="gpt", max_tokens=77, system=[{"type": "text", "text": "Be brief.", "cache_control": EPHEMERAL}],
        messages=ANTHROPIC_MESSAGES, tools=ANTHROPIC_TOOLS, stop_sequences=["END"],
        tool_choice={"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
        metadata={"user_id": "u-1"},
    )  # fmt: skip
    assert cell.sent == {
        "model": "gpt-4.1",
        "max_tokens": 77,
        "stop": ["END"],
        "user": "u-1",
        "parallel_tool_calls": False,
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "tools": [{"type": "function", "function": {"name": "weather", "description": "d", "parameters": SCHEMA}}],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What are these?"},
                    DATA_URL,
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.jpg"}},
                ],
            },
            {"role": "assistant", "content": "Looking.", "tool_calls": openai_calls()},
            {"role": "tool", "tool_call_id": "call_a", "content": "sunny"},
            {"role": "tool", "tool_call_id": "call_b", "content": "Error: no signal"},
            {"role": "user", "content": [{"type": "text", "text": "Output of tool call call_b:"}, DATA_URL]},
            {"role": "user", "content": "And?"},
        ],
    }
    assert dropped(raw) == [
        "system[0].cache_control", "messages[0].content[0].cache_control", "messages[1].content[0]",
        "messages[1].content[1]", "tools[0].cache_control",
    ]  # fmt: skip


def test_a_tools_result_of_openais_caller_may_hold_images_and_be_an_error(cell: Cell) -> None:
    cell.says(**ANSWERS["text"]["claude"])
    asked = {"role": "assistant", "tool_calls": openai_calls()}
    failed = {"role": "tool", "tool_call_id": "call_a", "content": "no signal", "is_error": True}
    seen = {"role": "tool", "tool_call_id": "call_b", "content": [{"type": "text", "text": "look"}, DATA_URL]}
    openai_whole(cell, "claude", [*HI, asked, failed, seen], tools=OPENAI_TOOLS)
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    assert cell.sent["messages"][-1]["content"] == [
        {"type": "tool_result", "tool_use_id": "call_a", "content": "no signal", "is_error": True},
        {"type": "tool_result", "tool_use_id": "call_b", "content": [{"type": "text", "text": "look"}, image]},
    ]


@pytest.mark.parametrize("read", [openai_whole, openai_streamed])
def test_openais_caller_replays_thinking_unchanged(cell: Cell, read: Any) -> None:
    cell.says(**ANSWERS["several thoughts"]["claude"])
    answer = read(cell, "claude", tools=OPENAI_TOOLS)["choices"][0]["message"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in answer["tool_calls"]]
    raw = cell.openai.chat.completions.with_raw_response.create(
        model="claude", messages=[*HI, answer, *results], tools=OPENAI_TOOLS
    )
    assert cell.sent["messages"][1]["content"] == [SIGNED, REDACTED, SIGNED_MORE, TEXT, *anthropic_calls()]
    assert dropped(raw) == []


def test_what_openais_accumulator_keeps_of_a_stream_can_be_replayed_as_it_is(cell: Cell) -> None:
    """`index`, which says where a piece belongs, stays in what the accumulator makes of it."""
    cell.says(**ANSWERS["several thoughts"]["claude"])
    stream = cell.openai.chat.completions.stream(model="claude", messages=HI, tools=OPENAI_TOOLS)
    with stream as events:
        message = events.get_final_completion().choices[0].message.model_dump(exclude_none=True)
    assert message["thinking_blocks"][1] == {**REDACTED, "index": 1}
    history: list[Any] = [*HI, message, {"role": "tool", "tool_call_id": "call_a", "content": "ok"}]
    cell.openai.chat.completions.create(model="claude", messages=history, tools=OPENAI_TOOLS)
    assert cell.sent["messages"][1]["content"][:3] == [SIGNED, REDACTED, SIGNED_MORE]


def test_anthropics_caller_replays_thinking_unchanged(cell: Cell) -> None:
    cell.says(**ANSWERS["several thoughts"]["claude"])
    with cell.anthropic.messages.stream(model="claude", max_tokens=9, messages=HI) as stream:
        answer = stream.get_final_message()
    history: list[Any] = [*HI, {"role": "assistant", "content": answer.content}, *HI]
    cell.anthropic.messages.create(model="claude", max_tokens=9, messages=history)
    assert cell.sent["messages"][1]["content"][:3] == [SIGNED, REDACTED, SIGNED_MORE]


def test_a_limit_of_tokens_is_given_to_the_vendor_who_needs_one(cell: Cell) -> None:
    cell.says(**ANSWERS["text"]["claude"])
    openai_whole(cell, "claude")
    assert cell.sent["max_tokens"] == 64_000  # as much as this model answers
    cell.upstream.forget()
    cell.says(**ANSWERS["text"]["gpt"])
    openai_whole(cell, "gpt")
    assert cell.sent == {"model": "gpt-4.1", "messages": HI}


def test_a_schema_for_the_answer_is_said_in_both_dialects(cell: Cell) -> None:
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    cell.says(**ANSWERS["text"]["claude"])
    openai_whole(cell, "claude", response_format=wanted)
    strict = {**SCHEMA, "additionalProperties": False}
    assert cell.sent["output_config"] == {"format": {"type": "json_schema", "schema": strict}}
    cell.upstream.forget()
    cell.says(**ANSWERS["text"]["gpt"])
    native: Any = {"format": {"type": "json_schema", "schema": strict}}
    cell.anthropic.messages.create(model="gpt", max_tokens=9, messages=HI, output_config=native)
    assert cell.sent["response_format"]["json_schema"]["schema"] == strict


LOST_TO_ANTHROPIC: dict[str, Any] = {
    "n": 2, "logprobs": True, "top_logprobs": 3, "seed": 7, "presence_penalty": 0.5, "frequency_penalty": 0.5,
    "logit_bias": {"50256": -100}, "modalities": ["text", "audio"], "an_unknown_field": {"a": 1},
}  # fmt: skip
HINTS_TO_ANTHROPIC: dict[str, Any] = {
    "n": 1, "logprobs": False, "presence_penalty": 0, "store": False, "prompt_cache_key": "k", "verbosity": "low",
    "service_tier": "flex", "stream_options": {"include_obfuscation": False}, "logit_bias": {},
}  # fmt: skip


@pytest.mark.parametrize("name", LOST_TO_ANTHROPIC)
def test_what_anthropic_cannot_express_is_refused_by_name_or_dropped_and_named(cell: Cell, name: str) -> None:
    cell.says(**ANSWERS["text"]["claude"])
    asked = {name: LOST_TO_ANTHROPIC[name]}
    with pytest.raises(openai.BadRequestError) as caught:
        cell.openai.chat.completions.create(model="claude", messages=HI, extra_body=asked)
    assert (caught.value.param, caught.value.code) == (name, "unsupported_parameter")
    assert f"`{name}`" in caught.value.message
    assert cell.upstream.requests == []
    for stream in (False, True):
        body = {"model": "claude-drop", "messages": HI, "stream": stream, **asked}
        assert dropped(cell.post("/v1/chat/completions", body)) == [name]
        assert name not in cell.sent


@pytest.mark.parametrize("name", HINTS_TO_ANTHROPIC)
def test_hints_are_dropped_and_named_never_refused(cell: Cell, name: str) -> None:
    cell.says(**ANSWERS["text"]["claude"])
    response = cell.post("/v1/chat/completions", {"model": "claude", "messages": HI, name: HINTS_TO_ANTHROPIC[name]})
    assert response.status_code == 200
    assert [field.partition(".")[0] for field in dropped(response)] == [name]


LOST_TO_OPENAI: dict[str, tuple[Any, str]] = {
    "top_k": (5, "top_k"),
    "mcp_servers": ([{"type": "url", "url": "https://x", "name": "x"}], "mcp_servers"),
    "tools": ([{"type": "web_search_20250305", "name": "web_search"}], "tools[0]"),
    "messages": (
        [
            {"role": "user", "content": "Hi"},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "x"},
                {"type": "text", "text": "y"},
                {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}},
            ]},
        ],
        "messages[1].content[2]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOST_TO_OPENAI)
@pytest.mark.parametrize("system", [False, True])
def test_what_openai_cannot_express_is_named_as_the_caller_knows_it(cell: Cell, name: str, system: bool) -> None:
    cell.says(**ANSWERS["text"]["gpt"])
    value, field = LOST_TO_OPENAI[name]
    asked: dict[str, Any] = {"max_tokens": 9, "messages": HI, name: value}
    if system:
        asked["system"] = "Be brief."
    with pytest.raises(anthropic.BadRequestError) as caught:
        cell.anthropic.post("/v1/messages", body={"model": "gpt", **asked}, cast_to=object)
    assert caught.value.type == "invalid_request_error"
    assert f"`{field}`" in caught.value.message
    assert cell.upstream.requests == []
    assert dropped(cell.post("/v1/messages", {"model": "gpt-drop", **asked})) == [field]


@pytest.mark.parametrize("stream", [False, True])
def test_the_access_log_names_what_was_dropped(cell: Cell, stream: bool) -> None:
    cell.says(**ANSWERS["text"]["claude"])
    body = {"model": "claude-drop", "messages": HI, "n": 2, "seed": 7, "stream": stream}
    line = cell.logged(cell.post("/v1/chat/completions", body).headers["x-nova-call-id"])
    assert line["dropped"] == ["n", "seed"]


@pytest.mark.parametrize("stop", ["END", ["END"], ["A", "B"], None])
def test_stop_may_be_one_string_or_a_list(cell: Cell, stop: Any) -> None:
    cell.says(**ANSWERS["text"]["claude"])
    cell.openai.chat.completions.create(model="claude", messages=HI, stop=stop)
    expected = [stop] if isinstance(stop, str) else stop
    assert cell.sent.get("stop_sequences") == expected


def test_answers_may_be_several_where_the_vendor_gives_several(cell: Cell) -> None:
    cell.says(**openai_answer({"content": "one"}, {"content": "two"}))
    found = openai_whole(cell, "gpt", n=2)
    assert [choice["message"]["content"] for choice in found["choices"]] == ["one", "two"]
    cell.upstream.forget()
    cell.says(**anthropic_answer(TEXT))
    assert len(openai_whole(cell, "claude-drop", n=2)["choices"]) == 1
