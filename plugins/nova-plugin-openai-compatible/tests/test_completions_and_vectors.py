"""Vendors that complete code in the words of a chat, and vendors whose vectors are bytes."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, UnsupportedParamsError
from nova_core.testing.provider_bench import completion_request, embeddings_request
from nova_core.types.call import Call
from nova_core.types.message import Reply, Request
from nova_core.types.upstream import Exchange, UpstreamResponse

from .vendors_asked import chunk, deployed, read_frames, sent, vendor_named

FIM = "text-completion-codestral"


def attempted(name: str, request: Request) -> Exchange:
    return vendor_named(name).provider_call(Call(request), request, deployed(name))


def read(exchange: Exchange, body: Any) -> Reply:
    reply = exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))
    assert isinstance(reply, Reply)
    return reply


def test_code_is_completed_between_a_prompt_and_a_suffix():
    exchange = attempted(FIM, completion_request("public", "def f(", suffix="return x", seed=3))
    assert exchange.request.url == "https://codestral.mistral.ai/v1/fim/completions"
    body = {"prompt": "def f(", "suffix": "return x", "random_seed": 3, "max_tokens": 100, "model": "some-model"}
    assert sent(exchange) == body
    message = {"role": "assistant", "content": "x):"}
    reply = read(exchange, {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    assert reply.get("choices") == [{"logprobs": None, "index": 0, "finish_reason": "stop", "text": "x):"}]
    with pytest.raises(UnsupportedParamsError, match="echo"):
        attempted(FIM, completion_request("public", "a", echo=True))


def test_streamed_completions_are_texts_too():
    exchange = attempted(FIM, completion_request("public", "def f(", stream=True))
    frames = read_frames(exchange, chunk(None, role="assistant", content="x"), chunk("stop", content="):"))
    assert [each["choices"][0]["text"] for each in frames] == ["x", "):"]
    assert frames[-1]["choices"][0]["finish_reason"] == "stop"


def test_vectors_of_bytes_are_numbers():
    coded = base64.b64encode(struct.pack("3b", -128, 0, 127)).decode()
    answer = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": coded}], "model": "m"}
    exchange = attempted("perplexity", embeddings_request("public", ["a"], encoding_format="float", dimensions=3))
    assert exchange.request.url == "https://api.perplexity.ai/v1/embeddings"
    assert sent(exchange) == {"model": "some-model", "input": ["a"], "dimensions": 3}
    assert read(exchange, answer).get("data")[0]["embedding"] == [-128, 0, 127]
    exchange = attempted("perplexity", embeddings_request("public", ["a"], encoding_format="base64"))
    floats = read(exchange, answer).typed.data[0].embedding
    assert struct.unpack("<3f", base64.b64decode(floats)) == (-128.0, 0.0, 127.0)
    with pytest.raises(BadGatewayError, match="Base64"):
        read(exchange, {**answer, "data": [{"embedding": "%%%"}]})
