"""The echo says what it was told, deterministically, and fails when it was told to."""

from __future__ import annotations

import base64
import math
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import (
    APIConnectionError,
    BadRequestError,
    RateLimitedError,
    ServiceUnavailableError,
    StreamBrokenError,
    error_class_for,
)
from nova_core.testing.provider_bench import bench, chat_request, drained, embeddings_request, function_tool
from nova_core.types.chat import Thinking, ToolCall
from nova_core.types.deployment import Deployment
from nova_core.types.events import TextDelta
from nova_plugin_echo import plugin
from nova_plugin_echo.chat import words
from nova_plugin_echo.directives import directions

TOOLS = [function_tool("add", a={"type": "number"}), function_tool("look")]


@pytest.fixture
async def echo():
    async with bench(plugin, Deployment(id="e", group="public", provider="echo", model="echo")) as made:
        yield made


def calls_of(reply):
    return [(part.name, part.arguments) for part in reply.choices[0].message.parts if isinstance(part, ToolCall)]


async def test_the_last_users_text_comes_back(echo):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "first"},
        {"role": "user", "content": [{"type": "text", "text": "second  line"}]},
    ]
    reply = await echo.chat(chat_request("public", messages))
    assert (reply.text, reply.model, reply.choices[0].finish) == ("second  line", "echo", "stop")


async def test_the_same_request_gets_the_same_answer(echo):
    first, second = [await echo.chat(chat_request("public", "Same?")) for _ in range(2)]
    other = await echo.chat(chat_request("public", "Other."))
    assert (first.id, first.choices) == (second.id, second.choices)
    assert first.id != other.id


async def test_a_stream_comes_word_by_word(echo):
    events = await drained(await echo.ask(chat_request("public", "one two  three", stream=True)))
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["one ", "two  ", "three"]


@given(st.text())
def test_the_words_of_a_text_are_the_text(text):
    assert "".join(words(text)) == text


async def test_a_stream_put_together_is_the_whole_answer(echo):
    asked = '!think let me see\nPlease.\ncall add {"a": 1}\ncall look'
    plain = await echo.chat(chat_request("public", asked, tools=TOOLS))
    streamed = await echo.chat(chat_request("public", asked, tools=TOOLS, stream=True))
    assert (streamed.choices, streamed.usage, streamed.id) == (plain.choices, plain.usage, plain.id)


async def test_words_count_as_tokens(echo):
    messages = [{"role": "system", "content": "a b c"}, {"role": "user", "content": "!think d e\nf g h i"}]
    reply = await echo.chat(chat_request("public", messages, n=2))
    assert reply.usage.input_total == 3 + 7
    assert (reply.usage.output, reply.usage.reasoning) == (2 * 4, 2 * 2)
    assert len(reply.choices) == 2


async def test_max_tokens_and_stop_cut_the_answer(echo):
    cut = await echo.chat(chat_request("public", "one two three", max_tokens=2))
    stopped = await echo.chat(chat_request("public", "one two three", stop=["three", "two"]))
    assert (cut.text, cut.choices[0].finish) == ("one two", "length")
    assert (stopped.text, stopped.choices[0].finish) == ("one ", "stop")


async def test_json_is_answered_where_json_is_asked_for(echo):
    reply = await echo.chat(chat_request("public", 'say "hi"', response_format={"type": "json_object"}))
    assert reply.text == '{"echo": "say \\"hi\\""}'


async def test_tools_are_called_in_parallel_by_lines_that_name_them(echo):
    text = 'Please.\ncall add {"a": 1}\ncall look\ncall unknown {}'
    reply = await echo.chat(chat_request("public", text, tools=TOOLS))
    assert calls_of(reply) == [("add", '{"a": 1}'), ("look", "{}")]
    assert reply.text == "Please.\ncall unknown {}"
    assert reply.choices[0].finish == "tool_calls"


@pytest.mark.parametrize(
    ("members", "called"),
    [
        ({"tool_choice": "none"}, []),
        ({"tool_choice": "required"}, [("look", "{}")]),
        ({"tool_choice": {"type": "function", "function": {"name": "add"}}}, [("add", "{}")]),
        ({"parallel_tool_calls": False}, [("look", "{}")]),
    ],
)
async def test_tool_choice_is_obeyed(echo, members, called):
    text = "call look\ncall look" if "parallel_tool_calls" in members else "call look"
    reply = await echo.chat(chat_request("public", text, tools=TOOLS, **members))
    assert calls_of(reply) == called


async def test_a_required_tool_is_called_unasked(echo):
    reply = await echo.chat(chat_request("public", "no tool here", tools=TOOLS, tool_choice="required"))
    assert calls_of(reply) == [("add", "{}")]


async def test_after_tools_their_results_are_echoed(echo):
    calls = [{"id": name, "type": "function", "function": {"name": "look", "arguments": "{}"}} for name in "xy"]
    messages = [
        {"role": "user", "content": "call look\ncall look"},
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "x", "content": "a cat"},
        {"role": "tool", "tool_call_id": "y", "content": "a dog"},
    ]
    reply = await echo.chat(chat_request("public", messages, tools=TOOLS))
    assert (reply.text, calls_of(reply)) == ("a cat\na dog", [])


@pytest.mark.parametrize("stream", [False, True])
async def test_it_fails_as_told_by_the_text(echo, stream):
    with pytest.raises(RateLimitedError) as caught:
        await echo.ask(chat_request("public", "!error 429 retry-after=2 slow down\nhello", stream=stream))
    error = caught.value
    assert (error.status, error.retry_after, error.message) == (429, 2, "slow down")
    assert error.headers["retry-after"] == "2"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529])
async def test_any_status_can_be_told(echo, status):
    with pytest.raises(error_class_for(status)) as caught:
        await echo.ask(chat_request("public", f"!error {status}"))
    assert caught.value.status == status


async def test_it_fails_as_told_by_the_models_name(echo):
    with pytest.raises(ServiceUnavailableError):
        await echo.ask(chat_request("public"), model="echo+error-503")
    with pytest.raises(ServiceUnavailableError):
        await echo.ask(embeddings_request("public", ["a"]), model="embed+error-503")


async def test_it_waits_as_told(echo):
    started = time.monotonic()
    reply = await echo.chat(chat_request("public", "!delay 80ms\nhello"))
    assert time.monotonic() - started >= 0.08
    assert reply.text == "hello"


async def test_it_pauses_between_words_as_told(echo):
    started = time.monotonic()
    await drained(await echo.ask(chat_request("public", "!pause 30ms\na b c d", stream=True)))
    assert time.monotonic() - started >= 0.09


async def test_a_stream_breaks_where_it_was_told_to(echo):
    stream = await echo.ask(chat_request("public", "!break after 2\na b c d", stream=True))
    chunks = [await anext(stream.chunks) for _ in range(3)]
    assert [chunk.events[0].text for chunk in chunks[1:]] == ["a ", "b "]
    with pytest.raises(StreamBrokenError):
        await anext(stream.chunks)


async def test_a_whole_answer_that_breaks_is_a_lost_connection(echo):
    with pytest.raises(APIConnectionError):
        await echo.ask(chat_request("public"), model="echo+break-1")


async def test_thinking_comes_first(echo):
    reply = await echo.chat(chat_request("public", "!think let me see\nyes", stream=True))
    first = reply.choices[0].message.parts[0]
    assert isinstance(first, Thinking)
    assert (first.text, reply.text) == ("let me see", "yes")


@pytest.mark.parametrize("line", ["!error", "!error 200", "!delay soon", "!delay 9999s", "!break", "!pause -1"])
def test_a_directive_that_makes_no_sense_is_refused(line):
    with pytest.raises(BadRequestError, match="does not understand"):
        directions("echo", line)


def test_other_lines_with_an_exclamation_mark_are_text():
    assert directions("echo", "!important\n! error 500").text == "!important\n! error 500"


def test_a_models_name_with_an_unknown_directive_is_refused():
    with pytest.raises(BadRequestError, match="knows no directive 'explode'"):
        directions("echo+explode-3", "")


async def vectors_of(echo, items, **members):
    reply = await echo.ask(embeddings_request("public", items, **members), model="embed")
    return [vector.embedding for vector in reply.typed.data]


async def test_embeddings_are_unit_vectors_that_depend_on_the_text(echo):
    first, second, again = await vectors_of(echo, ["a", "b", "a"])
    assert len(first) == 32
    assert math.hypot(*first) == pytest.approx(1)
    assert first == again != second


async def test_dimensions_and_base64_are_honoured(echo):
    plain = await vectors_of(echo, "text", dimensions=7)
    coded = await vectors_of(echo, "text", dimensions=7, encoding_format="base64")
    assert list(struct.unpack("<7f", base64.b64decode(coded[0]))) == pytest.approx(plain[0], abs=1e-6)


async def test_a_multivector_has_a_vector_a_word_and_no_dimensions(echo):
    (vectors,) = await vectors_of(echo, ["one two three"], return_multivector=True)
    assert [len(vector) for vector in vectors] == [32, 32, 32]
    with pytest.raises(BadRequestError, match="return_multivector"):
        await vectors_of(echo, ["x"], return_multivector=True, dimensions=8)


@pytest.mark.parametrize("width", [0, 100_000])
async def test_a_width_out_of_range_is_refused(echo, width):
    with pytest.raises(BadRequestError):
        await vectors_of(echo, ["x"], dimensions=width)
