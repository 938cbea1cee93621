"""The scripted upstream says what it is told, in the shape of the route, and misbehaves on demand."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
import time

import httpx
import pytest

from nova_core.testing import ScriptedUpstream

CHAT = "/v1/chat/completions"


@pytest.fixture
async def client():
    async with httpx.AsyncClient(trust_env=False, timeout=5) as made:
        yield made


def body(model: str = "m", **members) -> dict:
    return {"model": model, "messages": [{"role": "user", "content": "one two"}], **members}


def data_lines(text: str) -> list[str]:
    return [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]


async def test_requests_are_recorded_verbatim(client, upstream):
    raw = b'{ "model":"m" , "x": 1.50 }'
    headers = {"X-Case": "Kept", "content-type": "application/json"}
    await client.post(upstream.url + CHAT + "?a=%20b", content=raw, headers=headers)
    received = upstream.last
    assert (received.method, received.path, received.route) == ("POST", CHAT + "?a=%20b", CHAT)
    assert received.body == raw
    assert ("X-Case", "Kept") in received.headers
    assert upstream.asked == ["m"]


async def test_a_chunked_request_is_put_together(client, upstream):
    async def pieces():
        yield b'{"model":'
        yield b'"chunked"}'

    await client.post(upstream.url + CHAT, content=pieces())
    assert upstream.asked == ["chunked"]


async def test_scripts_are_answered_in_order_and_the_last_one_stays(client, upstream):
    upstream.script("m", status=503).script("m", status=429, headers={"Retry-After": "3"}).script("m", text="hi")
    replies = [await client.post(upstream.url + CHAT, json=body()) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [503, 429, 200, 200]
    assert replies[1].headers["retry-after"] == "3"
    assert replies[0].json()["error"]["message"] == "scripted 503"
    assert replies[3].json()["choices"][0]["message"]["content"] == "hi"


async def test_a_script_is_found_by_model_then_path_then_star(client, upstream):
    upstream.script("*", text="star").script(CHAT, text="path").script("m", text="model")
    said = []
    for model, path in (("m", CHAT), ("other", CHAT), ("other", "/v2/chat/completions")):
        reply = await client.post(upstream.url + path, json=body(model))
        said.append(reply.json()["choices"][0]["message"]["content"])
    assert said == ["model", "path", "star"]


async def test_a_chat_stream_has_role_words_finish_usage_and_done(client, upstream):
    upstream.script("m", text="three little words", usage=(5, 3))
    asked = body(stream=True, stream_options={"include_usage": True})
    reply = await client.post(upstream.url + CHAT, json=asked)
    lines = data_lines(reply.text)
    chunks = [json.loads(line) for line in lines[:-1]]
    assert reply.headers["content-type"] == "text/event-stream"
    assert lines[-1] == "[DONE]"
    deltas = [chunk["choices"][0]["delta"].get("content") for chunk in chunks[:-1]]
    assert deltas == ["", "three ", "little ", "words", None]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"] == {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


async def test_half_a_stream_ends_cleanly_without_a_finish(client, upstream):
    upstream.script("m", stream=["a", "b"], half_stream=True)
    lines = data_lines((await client.post(upstream.url + CHAT, json=body(stream=True))).text)
    assert [json.loads(line)["choices"][0]["finish_reason"] for line in lines] == [None, None, None]


async def test_a_messages_stream_has_the_events_of_that_dialect(client, upstream):
    upstream.script("m", "hello there", tool_calls=[("look", {"at": "it"})], usage=(4, 2))
    reply = await client.post(upstream.url + "/v1/messages", json=body(stream=True, max_tokens=9))
    events = [json.loads(line) for line in data_lines(reply.text)]
    kinds = [event["type"] for event in events]
    assert kinds[:3] == ["message_start", "ping", "content_block_start"]
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert "".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta") == "hello there"
    pieces = [e["delta"]["partial_json"] for e in events if e.get("delta", {}).get("type") == "input_json_delta"]
    assert json.loads("".join(pieces)) == {"at": "it"}
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert reply.text.startswith("event: message_start\n")


async def test_messages_count_tokens_and_errors_have_their_own_shapes(client, upstream):
    whole = (await client.post(upstream.url + "/v1/messages", json=body())).json()
    counted = (await client.post(upstream.url + "/v1/messages/count_tokens", json=body())).json()
    upstream.script("m", status=529)
    error = (await client.post(upstream.url + "/v1/messages", json=body())).json()
    assert (whole["type"], whole["stop_reason"]) == ("message", "end_turn")
    assert counted["input_tokens"] > 0
    assert error == {"type": "error", "error": {"type": "overloaded_error", "message": "scripted 529"}}


async def test_completions_are_answered_plain_and_streamed(client, upstream):
    upstream.script("m", text="once upon")
    asked = {"model": "m", "prompt": "x"}
    plain = (await client.post(upstream.url + "/v1/completions", json=asked)).json()
    streamed = await client.post(upstream.url + "/v1/completions", json={**asked, "stream": True})
    texts = [json.loads(line)["choices"][0]["text"] for line in data_lines(streamed.text)[:-1]]
    assert plain["choices"][0]["text"] == "".join(texts) == "once upon"


async def test_embeddings_are_deterministic_unit_vectors_of_the_asked_width(client, upstream):
    url = upstream.url + "/v1/embeddings"

    async def vectors(**members):
        reply = await client.post(url, json={"model": "e", "input": ["a", "b"], **members})
        return [item["embedding"] for item in reply.json()["data"]]

    plain = await vectors(dimensions=16)
    coded = await vectors(dimensions=16, encoding_format="base64")
    assert [len(vector) for vector in plain] == [16, 16]
    assert math.hypot(*plain[0]) == pytest.approx(1)
    assert plain[0] != plain[1]
    assert list(struct.unpack("<16f", base64.b64decode(coded[1]))) == pytest.approx(plain[1], abs=1e-6)
    assert (await vectors(dimensions=16, adapter="other"))[0] != plain[0]


async def test_multivectors_have_a_vector_per_word(client, upstream):
    asked = {"model": "e", "input": ["a b c"], "return_multivector": True}
    reply = await client.post(upstream.url + "/v1/embeddings", json=asked)
    vectors = reply.json()["data"][0]["embedding"]
    assert [len(vector) for vector in vectors] == [8, 8, 8]


async def test_json_may_be_made_from_the_request(client, upstream):
    upstream.script("m", json=lambda received: {"you": received.header("x-who")})
    reply = await client.post(upstream.url + "/anything", json={"model": "m"}, headers={"X-Who": "me"})
    assert reply.json() == {"you": "me"}


async def test_a_delay_is_kept(client, upstream):
    upstream.script("m", delay=0.1)
    started = time.monotonic()
    await client.post(upstream.url + CHAT, json=body())
    assert time.monotonic() - started >= 0.1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("when", [True, "body"])
async def test_a_reset_drops_the_connection_and_is_not_the_clients_doing(client, upstream, when, stream):
    upstream.script("m", reset=when)
    with pytest.raises(httpx.TransportError):
        await client.post(upstream.url + CHAT, json=body(stream=stream))
    assert upstream.disconnects == []


async def test_a_client_that_leaves_a_stalled_answer_is_noted(client, upstream):
    upstream.script("m", stall=True)
    task = asyncio.create_task(client.post(upstream.url + CHAT, json=body()))
    await upstream.until(lambda seen: seen.requests)
    task.cancel()
    await upstream.until(lambda seen: seen.disconnects)
    assert upstream.disconnects == upstream.requests


async def test_until_gives_up(upstream):
    with pytest.raises(TimeoutError, match="not so within"):
        await upstream.until(lambda seen: seen.requests, seconds=0.05)


async def test_connections_are_kept_alive_counted_and_dropped_when_idle(client, upstream):
    for _ in range(2):
        await client.post(upstream.url + CHAT, json=body())
    assert {received.connection for received in upstream.requests} == {1}
    assert upstream.open_connections == 1
    upstream.drop_idle()
    await upstream.until(lambda seen: seen.open_connections == 0)


def test_it_serves_from_a_thread_of_its_own(threaded_upstream):
    threaded_upstream.script("m", text="from a thread")
    reply = httpx.post(threaded_upstream.url + CHAT, json=body(), trust_env=False)
    assert reply.json()["choices"][0]["message"]["content"] == "from a thread"
    assert threaded_upstream.asked == ["m"]


def test_stopping_the_thread_frees_the_port():
    with ScriptedUpstream() as upstream:
        url = upstream.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
