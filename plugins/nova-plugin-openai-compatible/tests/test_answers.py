"""Answers of vendors whose words differ, whole and streamed."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.types.call import Call
from nova_core.types.message import Request
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.thoughts_in_text import ThoughtSplitter

from .vendors_asked import asked, chunk, deployed, read_frames, replied, sent, streamed, vendor_named

LONG = "look_up_the_weather_of_a_city_and_of_everything_around_it_for_the_next_days"
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "let me "}, {"type": "text", "text": "see"}]}


def tool_call(name: str, arguments: str = "{}") -> dict[str, object]:
    return {"index": 0, "id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_an_empty_finish_is_mended():
    _, exchange = asked("xai")
    assert replied(exchange, {"tool_calls": [tool_call("f")]}, "").get("choices")[0]["finish_reason"] == "tool_calls"
    assert replied(exchange, {"content": "x"}, "stop").get("choices")[0]["finish_reason"] == "stop"
    _, exchange = asked("xai", stream=True)
    called = streamed(exchange, chunk("", role="assistant"), chunk(None, tool_calls=[tool_call("f")]), chunk(""))
    assert [choice["finish_reason"] for choice in called] == [None, None, "tool_calls"]
    said = streamed(exchange, chunk(None, content="a"), chunk("stop"), b"data: [DONE]\n\n")
    assert [choice["finish_reason"] for choice in said] == [None, "stop"]


def test_thoughts_of_mistral_are_told_from_its_text():
    _, exchange = asked("mistral", stream=True)
    text = [{"type": "text", "text": "yes"}]
    choices = streamed(exchange, chunk(None, content=[THOUGHT]), chunk(None, content=text), chunk("stop"))
    assert choices[0]["delta"] == {"content": None, "reasoning_content": "let me see"}
    assert choices[1]["delta"] == {"content": "yes"}
    reply = replied(exchange, {"content": [THOUGHT, *text]})
    said = {"role": "assistant", "content": "yes", "reasoning_content": "let me see"}
    assert reply.get("choices")[0]["message"] == said


def test_thoughts_in_the_text_are_told_from_it():
    _, exchange = asked("perplexity", "sonar-reasoning")
    message = replied(exchange, {"content": "<think>\nlet me see\n</think>\n\nyes"}).get("choices")[0]["message"]
    assert message == {"role": "assistant", "content": "yes", "reasoning_content": "let me see"}
    message = replied(exchange, {"content": "a <think> is a tag"}).get("choices")[0]["message"]
    assert message == {"role": "assistant", "content": "a <think> is a tag"}
    _, exchange = asked("perplexity", "sonar-reasoning", stream=True)
    pieces = ("<th", "ink>let", " me see</thi", "nk>", "yes", " </think>")
    deltas = [
        choice["delta"] for choice in streamed(exchange, *(chunk(None, content=each) for each in pieces), chunk("stop"))
    ]
    assert "".join(delta.get("reasoning_content") or "" for delta in deltas) == "let me see"
    assert "".join(delta.get("content") or "" for delta in deltas) == "yes </think>"


@given(
    st.sampled_from(
        ["<think>a <b</think> c", "<think>never closed", " no thought </think>", "<thin", "", "<think></think>"]
    ),
    st.lists(st.integers(0, 30), max_size=6),
)
def test_thoughts_are_told_alike_wherever_the_text_is_cut(text: str, cuts: list[int]):
    whole = ThoughtSplitter().split(text, last=True)
    splitter = ThoughtSplitter()
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    said = [splitter.split(text[a:b], last=False) for a, b in pairwise(places) if not splitter.done]
    rest = text[places[len(said)] :] if splitter.done else ""
    said.append(("", rest) if splitter.done else splitter.split("", last=True))
    thought, answer = ("".join(each) for each in zip(*said, strict=True))
    assert (thought, answer.strip()) == (whole[0], whole[1].strip())


RESULTS = [{"title": "One", "url": "https://one.test"}, {"url": "https://two.test"}]


@pytest.mark.parametrize(
    ("sources", "title"),
    [
        ({"search_results": RESULTS, "citations": ["x"]}, "One"),
        ({"citations": ["https://one.test", "https://two.test"]}, None),
    ],
)
def test_sources_become_annotations(sources, title):
    text = "It rains[1][2], it says[7]."
    expected = [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": 8,
                "end_index": 11,
                "url": "https://one.test",
                "title": title or "https://one.test",
            },
        },
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": 11,
                "end_index": 14,
                "url": "https://two.test",
                "title": "https://two.test",
            },
        },
    ]
    _, exchange = asked("perplexity")
    reply = replied(exchange, {"content": text}, **sources)
    assert reply.get("choices")[0]["message"]["annotations"] == expected
    assert reply.get("citations") == sources["citations"]
    _, exchange = asked("perplexity", stream=True)
    first = json.loads(chunk(None, content=text[:9])[6:]) | sources
    frames = read_frames(
        exchange, b"data: " + json.dumps(first).encode() + b"\n\n", chunk(None, content=text[9:]), chunk("stop")
    )
    assert [frame["choices"][0]["delta"].get("annotations") for frame in frames] == [None, None, expected]


def test_usage_that_a_stream_states_elsewhere_is_found():
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    _, exchange = asked("groq", stream=True)
    last = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "x_groq": {"usage": usage}}
    assert read_frames(exchange, b"data: " + json.dumps(last).encode() + b"\n\n")[0]["usage"] == usage
    _, exchange = asked("moonshot", stream=True)
    last = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": usage}]}
    assert read_frames(exchange, b"data: " + json.dumps(last).encode() + b"\n\n")[0]["usage"] == usage


SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}


def test_an_answer_through_the_tool_is_said_as_content():
    _, exchange = asked("groq", "llama-3.3-70b-versatile", response_format=SCHEMA)
    name = sent(exchange)["tools"][0]["function"]["name"]
    choice = replied(exchange, {"content": None, "tool_calls": [tool_call(name, '{"a":1}')]}, "tool_calls").get(
        "choices"
    )[0]
    assert choice["message"] == {"role": "assistant", "content": '{"a":1}'}
    assert choice["finish_reason"] == "stop"
    _, exchange = asked("groq", "llama-3.3-70b-versatile", response_format=SCHEMA, stream=True)
    pieces = [chunk(None, tool_calls=[tool_call(name, part)]) for part in ('{"a"', ":1}")]
    choices = streamed(exchange, *pieces, chunk("tool_calls"))
    assert "".join(each["delta"].get("content") or "" for each in choices) == '{"a":1}'
    assert not any("tool_calls" in each["delta"] for each in choices)
    assert choices[-1]["finish_reason"] == "stop"
    _, exchange = asked("groq", "llama-3.3-70b-versatile", tools=[{"type": "function", "function": {"name": name}}])
    reply = replied(exchange, {"tool_calls": [tool_call(name)]}, "tool_calls")
    assert reply.get("choices")[0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("name", "dialect"), [("deepseek", "openai"), ("volcengine", "anthropic"), ("poe", "anthropic")]
)
def test_long_names_of_tools_are_the_callers_again(name: str, dialect: str):
    schema = {"type": "object", "properties": {}}
    if dialect == "openai":
        _, exchange = asked(name, tools=[{"type": "function", "function": {"name": LONG, "parameters": schema}}])
    else:
        members = {
            "model": "public",
            "max_tokens": 9,
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": LONG, "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "x"}]},
            ],
            "tools": [{"name": LONG, "input_schema": schema}],
            "tool_choice": {"type": "tool", "name": LONG},
        }
        request = Request("chat", ANTHROPIC_MESSAGES, members)
        exchange = vendor_named(name).provider_call(Call(request), request, deployed(name))
        assert LONG not in (exchange.request.body or b"").decode()
    short = sent(exchange)["tools"][0]["function"]["name"]
    assert len(short) == 64
    reply = replied(exchange, {"tool_calls": [tool_call(short), tool_call("other")]}, "tool_calls")
    called = [call["function"]["name"] for call in reply.get("choices")[0]["message"]["tool_calls"]]
    assert called == [LONG, "other"]
