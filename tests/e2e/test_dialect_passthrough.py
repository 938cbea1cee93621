"""Where caller and upstream speak the same dialect, bytes pass: only the model's name changes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import Cell
from tests.e2e.dialects import named

pytestmark = pytest.mark.slow

ROUTES = {"gpt": "/v1/chat/completions", "claude": "/v1/messages"}
UPSTREAM_MODELS = {"gpt": b"gpt-4.1", "claude": b"claude-sonnet-4-5"}
HI: list[Any] = [{"role": "user", "content": "Hi"}]

# Values that a JSON library would spell differently: floats, escapes, white space, order, doubled keys, unknown fields.
ODD_VALUES = rb""""temperature":1.0,"top_p":1e0,"zz_unknown":{ "b" : 1.50, "a":[ 1E5, -0.0, 12345678901234567890123 ],
 "a":null},"messages":[ {"content" : "\u00e9\ud83c\udf0a\/ <\u003e", "role":"user" , "x":1.10} ],"max_tokens":9"""
ODD_CHAT = (
    rb'{"zz":1.0,"id":"chatcmpl-\u0031","object":"chat.completion","created":1.7e9,"model":"%s","choices":[ {"index":0,'
    rb' "message":{"role":"assistant","content":"\u00e9 \ud83c\udf0a","new":[1e5]},"finish_reason":"stop","y":1.0} ],'
    rb'"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"cost":0.00010},"a":{ "k" : 1E2 }}'
)
ODD_MESSAGE = (
    rb'{"zz":1.0,"id":"msg_\u0031","type":"message","role":"assistant","model":"%s","content":[ {"type":"text",'
    rb' "text":"\u00e9 \ud83c\udf0a","new":[1e5]} ],"stop_reason":"end_turn","stop_sequence":null,'
    rb'"usage":{"input_tokens":1,"output_tokens":2,"cost":0.00010},"a":{ "k" : 1E2 }}'
)
ODD = {"gpt": ODD_CHAT, "claude": ODD_MESSAGE}


@pytest.mark.parametrize("name", ROUTES)
def test_a_request_and_its_reply_pass_byte_for_byte(cell: Cell, name: str) -> None:
    cell.says(body=ODD[name] % b"an-upstream-name")
    response = cell.post(ROUTES[name], b'{"model":"' + name.encode() + b'",' + ODD_VALUES + b"}")
    assert cell.upstream.last.body == b'{"model":"' + UPSTREAM_MODELS[name] + b'",' + ODD_VALUES + b"}"
    assert response.content == ODD[name] % name.encode()


@pytest.mark.parametrize("name", ROUTES)
def test_of_two_models_in_a_body_the_authorised_one_alone_reaches_the_upstream(cell: Cell, name: str) -> None:
    cell.says(body=ODD[name] % b"x")
    model = name.encode()
    response = cell.post(ROUTES[name], b'{"model":"other",' + ODD_VALUES + b',"m\\u006fdel":"' + model + b'"}')
    assert response.status_code == 200
    assert cell.upstream.last.body.count(b'"model"') == 1
    assert cell.sent["model"].encode() == UPSTREAM_MODELS[name]


@pytest.mark.parametrize("name", ROUTES)
def test_the_gateways_own_fields_stay_here_and_the_vendors_go_on(cell: Cell, name: str) -> None:
    cell.says(body=ODD[name] % b"x")
    own = {"tags": ["a"], "num_retries": 0, "fallbacks": [], "drop_params": True, "guardrails": [], "timeout": 9}
    asked = {"model": name, "messages": HI, "max_tokens": 9, "metadata": {"user_id": "u"}, **own}
    cell.post(ROUTES[name], asked)
    kept = {"metadata"} if name == "claude" else set()
    assert cell.sent.keys() == {"model", "messages", "max_tokens", *kept}


CHAT_FRAMES = [
    b": a comment\r\n\r\n",
    b'data: {"id":"c","model":"up", "choices":[{"index":0,"delta":{"role":"assistant","content":"\\u00e9"}}],"n":1.0}'
    b"\r\n\r\n",
    b": ping\n\n",
    b'data:{"id":"c","choices":[ {"index":0, "delta":{"content":"b","new":1e5}} ],"model":"up"}\n\n',
    b"event: ping\ndata:\n\n",
    b'id: 7\nretry: 100\ndata: {"id":"c","model":"up",\n'
    b'data: "choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    b'data: {"choices":[],"model":"up","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"c":1.0}}\n\n',
    b"data: [DONE]\n\n",
    b'data: {"after":"done"}\n\n',
]
CHAT_PASSED = (
    b'data: {"id":"c","model":"gpt","choices":[{"index":0,"delta":{"role":"assistant","content":"\\u00e9"}}],"n":1.0}'
    b"\n\n"
    b'data: {"id":"c","choices":[ {"index":0, "delta":{"content":"b","new":1e5}} ],"model":"gpt"}\n\n'
    b'data: {"id":"c","model":"gpt","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"model":"gpt","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"c":1.0}}\n\n'
    b"data: [DONE]\n\n"
)
MESSAGE_FRAMES = [
    b": a comment\r\n\r\n",
    b'event: message_start\r\ndata: {"type":"message_start","message":{"id":"m", "model":"up", "n":1.0,"content":[],'
    b'"usage":{"input_tokens":1,"output_tokens":1}}}\r\n\r\n',
    b'event: ping\ndata: {"type": "ping"}\n\n',
    b'event:content_block_start\ndata:{"type":"content_block_start" ,"index":0,"content_block":{"type":"new"}}\n\n',
    b'event: brand_new\ndata: {"type":"brand_new", "x":1.0}\n\n',
    b'event: content_block_stop\ndata: {"index":0,"type":"content_block_stop"}\n\n',
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":2.0e0}}\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    b'event: ping\ndata: {"type":"ping"}\n\n',
]
MESSAGE_PASSED = (
    (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"claude","n":1.0,'
        b'"content":[],"usage":{"input_tokens":1,"output_tokens":1}}}\n\n' + b"".join(MESSAGE_FRAMES[2:8])
    )
    .replace(b"event:content", b"event: content")
    .replace(b"data:{", b"data: {")
)
FRAMES = {"gpt": (CHAT_FRAMES, CHAT_PASSED), "claude": (MESSAGE_FRAMES, MESSAGE_PASSED)}


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("name", FRAMES)
def test_a_stream_passes_frame_by_frame(cell: Cell, name: str, split: bool) -> None:
    frames, passed = FRAMES[name]
    whole = b"".join(frames)
    cell.says(sse=[whole[start : start + 7] for start in range(0, len(whole), 7)] if split else frames)
    asked = {"model": name, "messages": HI, "max_tokens": 9, "stream": True, "stream_options": {"include_usage": True}}
    if name == "claude":
        del asked["stream_options"]
    assert cell.post(ROUTES[name], asked).content == passed


def test_a_vendors_reasoning_becomes_reasoning_content(cell: Cell) -> None:
    message = {"role": "assistant", "content": "x", "reasoning": "hm"}
    delta = b'data: {"choices":[{"index":0,"delta":{"reasoning":"hm","z":1.0}}]}\n\n'
    end = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    cell.says(json={"model": "x", "choices": [{"index": 0, "message": message}]}, sse=[delta, end])
    whole = cell.post(ROUTES["gpt"], {"model": "gpt", "messages": HI}).json()
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": "x", "reasoning_content": "hm"}
    streamed = cell.post(ROUTES["gpt"], {"model": "gpt", "messages": HI, "stream": True}).content
    assert streamed == delta.replace(b'"reasoning"', b'"reasoning_content"') + end


def test_a_missing_done_is_added_after_a_finish(cell: Cell) -> None:
    end = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n'
    cell.says(sse=[end])
    asked = {"model": "gpt", "messages": HI, "stream": True}
    assert cell.post(ROUTES["gpt"], asked).content == end + b"data: [DONE]\n\n"


def test_a_missing_message_stop_is_added_after_a_stop_reason(cell: Cell) -> None:
    start = named("message_start", message={"id": "m", "model": "claude", "content": []})
    end = named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1})
    cell.says(sse=[start, end])
    asked = {"model": "claude", "messages": HI, "max_tokens": 9, "stream": True}
    assert cell.post(ROUTES["claude"], asked).content == start + end + named("message_stop")


def test_a_vendors_beta_and_version_headers_reach_it(cell: Cell) -> None:
    cell.says(body=ODD["claude"] % b"x")
    asked = {"model": "claude", "messages": HI, "max_tokens": 9}
    cell.post(ROUTES["claude"], asked, **{"anthropic-version": "2023-01-01", "anthropic-beta": "a-1,b-2"})
    sent = cell.upstream.last
    assert (sent.header("anthropic-version"), sent.header("anthropic-beta")) == ("2023-01-01", "a-1,b-2")
