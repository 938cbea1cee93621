"""Both official clients against both kinds of upstream: what is said arrives, whole and streamed alike."""

from __future__ import annotations

from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState

from tests.e2e.conftest import Cell
from tests.e2e.dialects import Json, anthropic_answer, openai_answer

pytestmark = pytest.mark.slow

HI: list[Any] = [{"role": "user", "content": "Hi"}]
TOOL_SCHEMA: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CALLS = [("call_a", "weather", '{"city":"Oslo"}'), ("call_b", "weather", '{"city":"Rome, \\"IT\\""}')]


def openai_calls() -> list[Json]:
    return [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in CALLS]


def anthropic_calls() -> list[Json]:
    inputs = [{"city": "Oslo"}, {"city": 'Rome, "IT"'}]
    return [
        {"type": "tool_use", "id": i, "name": n, "input": given} for (i, n, _), given in zip(CALLS, inputs, strict=True)
    ]


SIGNED: Json = {"type": "thinking", "thinking": "Let me think.", "signature": "c2lnbmVk/+=="}
SIGNED_MORE: Json = {"type": "thinking", "thinking": "And more.", "signature": "bW9yZQ=="}
REDACTED: Json = {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="}
TEXT: Json = {"type": "text", "text": "Grüße aus Oslo 🌊"}

ANSWERS: dict[str, dict[str, Json]] = {
    "text": {
        "gpt": openai_answer({"content": TEXT["text"]}),
        "claude": anthropic_answer(TEXT),
    },
    "empty": {"gpt": openai_answer({"content": ""}), "claude": anthropic_answer()},
    "parallel tool calls": {
        "gpt": openai_answer({"content": "Looking.", "tool_calls": openai_calls()}, finish="tool_calls"),
        "claude": anthropic_answer({"type": "text", "text": "Looking."}, *anthropic_calls(), stop_reason="tool_use"),
    },
    "tool call without arguments": {
        "gpt": openai_answer(
            {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "now", "arguments": "{}"}}]},
            finish="tool_calls",
        ),
        "claude": anthropic_answer({"type": "tool_use", "id": "c", "name": "now", "input": {}}, stop_reason="tool_use"),
    },
    "thinking": {
        "gpt": openai_answer({"reasoning_content": "Let me think.", "content": TEXT["text"]}),
        "claude": anthropic_answer(SIGNED, TEXT),
    },
    "several thoughts": {
        "gpt": openai_answer({"reasoning_content": "Let me think.", "content": TEXT["text"]}),
        "claude": anthropic_answer(SIGNED, REDACTED, SIGNED_MORE, TEXT, *anthropic_calls(), stop_reason="tool_use"),
    },
    "cut": {
        "gpt": openai_answer({"content": "Once upon"}, finish="length"),
        "claude": anthropic_answer({"type": "text", "text": "Once upon"}, stop_reason="max_tokens"),
    },
    "refusal": {
        "gpt": openai_answer({"refusal": "I cannot help with that."}),
        "claude": anthropic_answer({"type": "text", "text": "I cannot"}, stop_reason="refusal"),
    },
    "content filter": {
        "gpt": openai_answer({"content": "I"}, finish="content_filter"),
        "claude": anthropic_answer({"type": "text", "text": "I"}, stop_reason="refusal"),
    },
    "stop sequence": {
        "gpt": openai_answer({"content": "one two"}),
        "claude": anthropic_answer({"type": "text", "text": "one two"}, stop_reason="stop_sequence", sequence="three"),
    },
    "pause": {
        "gpt": openai_answer({"content": "one"}),
        "claude": anthropic_answer({"type": "text", "text": "one"}, stop_reason="pause_turn"),
    },
    "usage": {
        "gpt": openai_answer(
            {"content": "x"},
            usage={
                "prompt_tokens": 100,
                "completion_tokens": 30,
                "total_tokens": 130,
                "prompt_tokens_details": {
                    "cached_tokens": 40,
                    "cache_creation_tokens": 25,
                    "cache_creation_token_details": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 5},
                },
                "completion_tokens_details": {"reasoning_tokens": 12},
            },
        ),
        "claude": anthropic_answer(
            {"type": "text", "text": "x"},
            usage={
                "input_tokens": 35,
                "cache_read_input_tokens": 40,
                "cache_creation_input_tokens": 25,
                "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 5},
                "output_tokens": 30,
            },
        ),
    },
    "several choices": {
        "gpt": openai_answer({"content": "one"}, {"content": "two"}, {"tool_calls": openai_calls()}),
        "claude": anthropic_answer({"type": "text", "text": "one"}),
    },
    "log probabilities": {
        "gpt": openai_answer(
            {"content": "x"},
            logprobs={
                "content": [{"token": "x", "logprob": -0.5, "bytes": [120], "top_logprobs": []}],
                "refusal": None,
            },
        ),
        "claude": anthropic_answer({"type": "text", "text": "x"}),
    },
    "hosted tools": {
        "gpt": openai_answer(
            {
                "content": "x",
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {"start_index": 0, "end_index": 1, "title": "A", "url": "http://a"},
                    },
                ],
            }
        ),
        "claude": anthropic_answer(
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "oslo"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
            {"type": "text", "text": "x"},
        ),
    },
}


TOTALS = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
FILTERED: Json = {"finish_reason": "content_filter", "provider_specific_fields": {"native_finish_reason": "refusal"}}

SEEN_BY_OPENAI: dict[tuple[str, str], Json] = {
    ("text", "claude"): {"content": TEXT["text"], "finish_reason": "stop"},
    ("empty", "claude"): {"content": "", "finish_reason": "stop"},
    ("parallel tool calls", "claude"): {
        "content": "Looking.",
        "tool_calls": openai_calls(),
        "finish_reason": "tool_calls",
    },
    ("tool call without arguments", "claude"): {
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "now", "arguments": "{}"}}],
    },
    ("thinking", "claude"): {"reasoning_content": "Let me think.", "thinking_blocks": [SIGNED]},
    ("several thoughts", "claude"): {
        "reasoning_content": "Let me think.And more.",
        "thinking_blocks": [SIGNED, REDACTED, SIGNED_MORE],
    },
    ("cut", "claude"): {"content": "Once upon", "finish_reason": "length"},
    ("refusal", "claude"): {"content": "I cannot", **FILTERED},
    ("refusal", "gpt"): {"content": None, "refusal": "I cannot help with that.", "finish_reason": "stop"},
    ("stop sequence", "claude"): {"finish_reason": "stop", "provider_specific_fields": {"stop_sequence": "three"}},
    ("pause", "claude"): {"finish_reason": "stop", "provider_specific_fields": {"native_finish_reason": "pause"}},
}
SEEN_BY_ANTHROPIC: dict[tuple[str, str], Json] = {
    ("text", "gpt"): {"content": [TEXT], "stop_reason": "end_turn"},
    ("empty", "gpt"): {"content": [], "stop_reason": "end_turn"},
    ("parallel tool calls", "gpt"): {
        "content": [{"type": "text", "text": "Looking."}, *anthropic_calls()],
        "stop_reason": "tool_use",
    },
    ("thinking", "gpt"): {"content": [{"type": "thinking", "thinking": "Let me think.", "signature": ""}, TEXT]},
    ("several thoughts", "claude"): {"content": [SIGNED, REDACTED, SIGNED_MORE, TEXT, *anthropic_calls()]},
    ("cut", "gpt"): {"stop_reason": "max_tokens"},
    ("refusal", "gpt"): {"content": [{"type": "text", "text": "I cannot help with that."}], "stop_reason": "refusal"},
    ("content filter", "gpt"): {"stop_reason": "refusal"},
    ("stop sequence", "claude"): {"stop_reason": "stop_sequence", "stop_sequence": "three"},
    ("pause", "claude"): {"stop_reason": "pause_turn"},
}


def plain(value: Any) -> Any:
    """A client's object as data, without nulls, indexes of stream pieces, and what only the gateway knows."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json", exclude_none=True, warnings=False)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if v is not None and k not in ("parsed", "parsed_arguments")}
    return [plain(item) for item in value] if isinstance(value, list) else value


def openai_whole(cell: Cell, model: str, messages: Any = HI, **more: Any) -> Json:
    found: Json = plain(cell.openai.chat.completions.create(model=model, messages=messages, **more))
    return found


def openai_streamed(cell: Cell, model: str, messages: Any = HI, **more: Any) -> Json:
    """What the client's own accumulator makes of the stream."""
    state = ChatCompletionStreamState()
    options: Any = {"include_usage": True}
    ends: Json = {}
    for chunk in cell.openai.chat.completions.create(
        model=model, messages=messages, stream=True, stream_options=options, **more
    ):
        for choice in chunk.choices:
            if choice.finish_reason and (own := (choice.model_extra or {}).get("provider_specific_fields")):
                ends[choice.index] = own
        list(state.handle_chunk(chunk))
    found: Json = plain(state.current_completion_snapshot)
    found["object"] = "chat.completion"
    for choice in found["choices"]:
        # The accumulator keeps what is unknown of messages, not of choices.
        choice |= {"provider_specific_fields": ends[choice["index"]]} if choice["index"] in ends else {}
        for items in (*choice["message"].values(), *choice["message"].get("provider_specific_fields", {}).values()):
            for item in items if isinstance(items, list) else ():
                item.pop("index", None)
    return found


def anthropic_whole(cell: Cell, model: str, messages: Any = HI, **more: Any) -> Json:
    found: Json = plain(cell.anthropic.messages.create(model=model, max_tokens=99, messages=messages, **more))
    return found


def anthropic_streamed(cell: Cell, model: str, messages: Any = HI, **more: Any) -> Json:
    with cell.anthropic.messages.stream(model=model, max_tokens=99, messages=messages, **more) as stream:
        found: Json = plain(stream.get_final_message())
    return found


@pytest.mark.parametrize("upstream", ["gpt", "claude"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_openais_client_assembles_from_a_stream_what_it_gets_whole(cell: Cell, answer: str, upstream: str) -> None:
    cell.says(**ANSWERS[answer][upstream])
    whole, streamed = openai_whole(cell, upstream), openai_streamed(cell, upstream)
    assert {**streamed, "created": 0} == {**whole, "created": 0}
    assert whole["model"] == upstream
    assert TOTALS.items() <= whole["usage"].items() or answer == "usage"
    choice = {**whole["choices"][0]["message"], **whole["choices"][0]}
    expected = SEEN_BY_OPENAI.get((answer, upstream), {})
    assert {name: choice.get(name) for name in expected} == expected


@pytest.mark.parametrize("upstream", ["gpt", "claude"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_anthropics_client_assembles_from_a_stream_what_it_gets_whole(cell: Cell, answer: str, upstream: str) -> None:
    cell.says(**ANSWERS[answer][upstream])
    whole, streamed = anthropic_whole(cell, upstream), anthropic_streamed(cell, upstream)
    if upstream == "gpt":
        # Known only at the end of the stream, where the vendor's accumulator reads the totals alone.
        whole["usage"].pop("cache_creation", None)
    assert streamed == whole
    assert whole["model"] == upstream
    assert {"input_tokens": 11, "output_tokens": 7}.items() <= whole["usage"].items() or answer == "usage"
    expected = SEEN_BY_ANTHROPIC.get((answer, upstream), {})
    assert {name: whole.get(name) for name in expected} == expected


def test_usage_keeps_its_buckets_in_both_directions(cell: Cell) -> None:
    cell.says(**ANSWERS["usage"]["claude"])
    usage = openai_whole(cell, "claude")["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (100, 30, 130)
    split = {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 5}
    details = usage["prompt_tokens_details"]
    assert (details["cached_tokens"], details["cache_creation_token_details"]) == (40, split)
    cell.upstream.forget()
    cell.says(**ANSWERS["usage"]["gpt"])
    assert anthropic_whole(cell, "gpt")["usage"] == {
        "input_tokens": 35, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 25,
        "cache_creation": split, "output_tokens": 30, "output_tokens_details": {"thinking_tokens": 12},
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("upstream", ["gpt", "claude"])
def test_a_stream_of_openais_shows_usage_only_where_it_is_asked_for(cell: Cell, upstream: str, path: str) -> None:
    cell.says(**ANSWERS["text"]["claude"] if upstream == "claude" else {"text": "hi"})
    body = cell.post(path, {"model": upstream, "messages": HI, "stream": True, "max_tokens": 9}).text
    assert ("usage" in body) == (path == "/v1/messages")
