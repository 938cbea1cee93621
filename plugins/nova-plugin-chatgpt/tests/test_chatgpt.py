"""ChatGPT subscriptions: what is said to the backend, and what is made of its streams."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nova_core.errors import BadGatewayError, NovaError, RateLimitedError, UnsupportedParamsError
from nova_core.gateway.relay import CallerStream
from nova_core.testing import ScriptedUpstream
from nova_core.testing.caller import GatewayFactory
from nova_core.testing.provider_bench import bench, chat_request, responses_request
from nova_core.testing.upstream_responses import response_pieces
from nova_core.types.call import Call
from nova_core.types.chat import ToolCall
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.secret import Secret
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from nova_plugin_chatgpt import plugin

THOUGHT = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAAA-thought"}
CALL = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "c1",
    "name": "look_up",
    "arguments": "{}",
    "status": "completed",
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hello.", "annotations": [], "logprobs": []}],
}
USAGE = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
HEAD = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5.4", "error": None}


def stream(*items: dict[str, Any], **ending: Any) -> tuple[bytes, ...]:
    """A stream as the backend sends it: its end does not say the items again."""
    begun = {**HEAD, "status": "in_progress", "output": []}
    done = [{"type": "response.output_item.done", "output_index": n, "item": item} for n, item in enumerate(items)]
    ended = {**HEAD, "status": "completed", "output": [], "usage": USAGE, **ending}
    kind = "response.failed" if ended["status"] == "failed" else "response.completed"
    return response_pieces([{"type": "response.created", "response": begun}, *done, {"type": kind, "response": ended}])


@pytest.fixture
async def at(upstream: ScriptedUpstream):
    given = Deployment("d", "public", "chatgpt", "gpt-5.4", api_base=upstream.url, api_key=Secret("the-access-token"))
    async with bench(plugin, plugin.complete(given, {})) as made:
        yield made


async def test_a_request_is_streamed_kept_nowhere_and_instructed(upstream: ScriptedUpstream, at: Any):
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": "In French."},
        {"role": "user", "content": "Hi"},
        {"role": "system", "content": "Now in Latin."},
    ]
    await at.ask(chat_request("public", talk, store=True, prompt_cache_key="talk-7", reasoning_effort="low"))
    sent = upstream.last
    assert sent.json == {
        "model": "gpt-5.4",
        "instructions": "Be brief.\n\nIn French.",
        "input": [
            {"type": "message", "role": "user", "content": "Hi"},
            {"type": "message", "role": "developer", "content": "Now in Latin."},
        ],
        "reasoning": {"effort": "low"},
        "prompt_cache_key": "talk-7",
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "stream": True,
    }
    assert sent.header("session_id") == "talk-7"
    assert set(at.call.fidelity.dropped) == {"max_tokens", "store"}


async def test_instructions_are_there_though_nobody_gave_any(upstream: ScriptedUpstream, at: Any):
    for asked in (chat_request("public"), chat_request("public", [{"role": "system", "content": "Alone."}])):
        await at.ask(asked)
        assert upstream.last.json["instructions"]
        assert upstream.last.json["input"]
    await at.ask(responses_request("public", "Hi", instructions="Mine."))
    assert upstream.last.json["instructions"] == "Mine."


async def test_a_key_that_is_no_header_stays_in_the_body(upstream: ScriptedUpstream, at: Any):
    for key in ("a\r\nx-evil: 1", "é", "x" * 201):
        await at.ask(chat_request("public", prompt_cache_key=key))
        assert upstream.last.header("session_id") is None
        assert upstream.last.header("x-evil") is None
        assert upstream.last.json["prompt_cache_key"] == key


async def test_items_of_a_conversation_stand_for_themselves(upstream: ScriptedUpstream, at: Any):
    foreign = {**THOUGHT, "encrypted_content": "nova.signature.abc"}
    told = [THOUGHT, foreign, {**THOUGHT, "encrypted_content": None}, CALL, MESSAGE]
    result = {"type": "function_call_output", "call_id": "c1", "output": "1"}
    await at.ask(responses_request("public", [*told, result, {"role": "user", "content": "And?"}]))
    sent = upstream.last.json["input"]
    assert [item["type"] for item in sent] == [
        "reasoning", "function_call", "message", "function_call_output", "message"
    ]  # fmt: skip
    assert sent[0]["encrypted_content"] == "gAAAA-thought"
    assert not any("id" in item for item in sent)


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"top_p": 0.5}, "top_p"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "Hi"}]}, "input"),
        ({"vendors_own": 1}, "vendors_own"),
    ],
)
async def test_what_the_backend_refuses_is_refused_by_name(
    upstream: ScriptedUpstream, at: Any, members: dict[str, Any], named: str
):
    with pytest.raises(UnsupportedParamsError, match=f"`{named}") as caught:
        await at.ask(responses_request("public", **members))
    assert (caught.value.param or "").startswith(named)
    assert upstream.requests == []


async def test_what_the_gateway_keeps_itself_needs_no_mention(upstream: ScriptedUpstream, at: Any):
    await at.ask(responses_request("public", store=True, metadata={"a": "b"}, service_tier="auto", truncation="auto"))
    assert set(at.call.fidelity.dropped) == {"max_output_tokens", "service_tier", "truncation"}
    assert not {"metadata", "service_tier", "truncation"} & set(upstream.last.json)
    await at.ask(responses_request("public", service_tier="priority"))
    assert upstream.last.json["service_tier"] == "priority"


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_stream_whose_end_says_no_items_is_the_whole_answer(
    upstream: ScriptedUpstream, at: Any, streamed: bool
):
    upstream.script("gpt-5.4", sse=stream(THOUGHT, CALL, MESSAGE))
    for asked in (chat_request("public", stream=streamed), responses_request("public", stream=streamed)):
        reply = await at.chat(asked)
        assert reply.text == "Hello."
        assert [part.name for part in reply.choices[0].message.parts if isinstance(part, ToolCall)] == ["look_up"]
        assert reply.choices[0].finish == "tool_calls"
        assert (reply.usage.input_total, reply.usage.output_total) == (11, 7)


@pytest.mark.parametrize(
    ("pieces", "error", "words"),
    [
        (stream(MESSAGE, status="failed", error={"code": "server_error", "message": "it broke"}), NovaError, "broke"),
        (
            response_pieces([{"type": "error", "code": "rate_limit_exceeded", "message": "slow"}]),
            RateLimitedError,
            "slow",
        ),
        (stream(MESSAGE)[:-1], BadGatewayError, "before the response was finished"),
        ((b"data: {\n\n",), NovaError, "frame"),
        ((b"event: ping\ndata: 7\n\n",), NovaError, "frame"),
        ((b"data: [DONE]\n\n",), BadGatewayError, "before the response was finished"),
    ],
)
async def test_a_stream_that_is_no_answer_is_an_error(
    upstream: ScriptedUpstream, at: Any, pieces: tuple[bytes, ...], error: type[NovaError], words: str
):
    upstream.script("gpt-5.4", sse=pieces)
    with pytest.raises(error, match=words):
        await at.chat(chat_request("public"))


async def test_a_limit_says_when_it_ends(upstream: ScriptedUpstream, at: Any):
    limit = {"type": "usage_limit_reached", "message": "The usage limit has been reached", "resets_in_seconds": 1800}
    upstream.script("gpt-5.4", status=429, json={"error": limit})
    with pytest.raises(RateLimitedError, match="usage limit") as caught:
        await at.chat(chat_request("public"))
    assert caught.value.retry_after == 1800
    upstream.forget().script("gpt-5.4", status=400, json={"detail": "Unsupported parameter: foo"})
    with pytest.raises(NovaError, match="Unsupported parameter: foo"):
        await at.chat(chat_request("public"))


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_gateway_keeps_the_conversation_that_the_backend_does_not(
    upstream: ScriptedUpstream, gateway: GatewayFactory, streamed: bool
):
    params = {"model": "chatgpt/gpt-5.4", "api_base": "{upstream}", "api_key": "the-access-token"}
    caller = await gateway({"model_list": [{"model_name": "sub", "params": params}]})
    upstream.script("gpt-5.4", sse=stream(THOUGHT, MESSAGE))

    async def ask(**members: Any) -> dict[str, Any]:
        request = Request("chat", OPENAI_RESPONSES, {"model": "sub", "stream": streamed, **members})
        answer = await caller.gateway.conversations.answer(Call(request))
        if isinstance(answer, Reply):
            return msgspec.json.decode(answer.encode())
        assert isinstance(answer, CallerStream)
        pieces = [piece async for piece in answer]
        await answer.aclose()
        return msgspec.json.decode(pieces[-1].split(b"data: ")[-1])["response"]

    first = await ask(input="Hi")
    assert first["output"][-1]["content"][0]["text"] == "Hello."
    await ask(input="And?", previous_response_id=first["id"])
    sent = upstream.last.json
    assert "previous_response_id" not in sent
    assert [(item["type"], item.get("role")) for item in sent["input"]] == [
        ("message", "user"), ("reasoning", None), ("message", "assistant"), ("message", "user")
    ]  # fmt: skip
    assert sent["input"][1]["encrypted_content"] == "gAAAA-thought"
