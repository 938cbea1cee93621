"""A stream of text that breaks is continued by another attempt, where the operator wants that."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nova_core.errors import StreamBrokenError
from nova_core.gateway.continuation import MARK, continued_request, may_continue
from nova_core.gateway.relay import CallerStream
from nova_core.testing.caller import GatewayFactory
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.message import Request
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.sse import SseParser

COMMENT = f": {MARK}\n\n".encode()
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


def config(on: bool = True, **router: Any) -> dict[str, Any]:
    models = [
        {
            "model_name": "gpt",
            "params": {"model": f"scripted/{name}", "api_base": "{upstream}/v1", "weight": weight},
            "model_info": {"id": name},
        }
        for name, weight in (("a", 1), ("b", 0))
    ]
    return {"model_list": models, "router_settings": {"stream_continuation": on, **router}}


def text_of(data: bytes) -> str:
    frames = [frame.data for frame in SseParser().feed(data) if frame.data != b"[DONE]"]
    choices = [choice for frame in frames for choice in msgspec.json.decode(frame).get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


async def test_another_deployment_goes_on_where_the_stream_broke(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stream=["Once ", "upon ", "a ", "time"], reset="body")
    upstream.script("b", stream=["there ", "was."], usage=(9, 2), usage_unasked=True)
    caller = await gateway(config())
    data = b"".join([piece async for piece in caller.stream("gpt", max_tokens=100)])
    said = upstream.last.json["messages"][-1]
    assert said["role"] == "assistant" and said["content"].startswith("Once ")
    assert upstream.last.json["max_tokens"] < 100
    assert text_of(data) == said["content"] + "there was."
    assert data.count(COMMENT) == 1 and data.endswith(b"data: [DONE]\n\n") and b"error" not in data
    assert caller.last is not None and caller.last.usage is not None and caller.last.usage.output == 2
    assert any(note.step == "continuation" for note in caller.last.notes)
    assert data.count(b'"role":"assistant"') == 1


async def test_without_the_setting_a_broken_stream_is_an_error(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stream=["Once ", "upon ", "a ", "time"], reset="body")
    caller = await gateway(config(on=False))
    data = b"".join([piece async for piece in caller.stream("gpt")])
    assert upstream.asked == ["a"] and b"error" in data and COMMENT not in data


async def test_a_stall_is_continued_after_the_idle_deadline(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stream=["Once ", "upon ", "a ", "time"], stall="body").script("b", stream=["more"])
    given = config()
    given["model_list"][0]["params"]["timeout"] = 0.2
    data = b"".join([piece async for piece in (await gateway(given)).stream("gpt")])
    assert text_of(data).endswith("more") and COMMENT in data


async def test_a_single_deployment_goes_on_itself_and_a_stream_breaks_at_most_so_often(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    given = config()
    del given["model_list"][1]
    caller = await gateway(given)
    upstream.script("a", stream=["x ", "y ", "z "], reset="body").script("a", text="end")
    assert text_of(b"".join([piece async for piece in caller.stream("gpt")])).endswith("end")
    upstream.forget().script("a", stream=["x ", "y ", "z "], reset="body")
    data = b"".join([piece async for piece in caller.stream("gpt")])
    assert len(upstream.asked) == 4 and data.count(COMMENT) == 3 and b"error" in data


async def test_when_nobody_can_go_on_the_stream_breaks_with_its_own_error(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stream=["x ", "y ", "z "], reset="body").script("a", status=400).script("b", status=400)
    caller = await gateway(config())
    data = b"".join([piece async for piece in caller.stream("gpt")])
    assert b"stream_interrupted" in data and COMMENT not in data


async def test_an_answer_that_calls_tools_is_not_continued(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    upstream.script("a", tool_calls=[("f", {"city": "Oslo", "unit": "celsius"})], reset="body")
    caller = await gateway(config())
    data = b"".join([piece async for piece in caller.stream("gpt", tools=TOOLS)])
    assert upstream.asked == ["a"] and b"error" in data


async def test_callers_of_another_dialect_get_their_own_events(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stream=["Once ", "upon ", "a ", "time"], reset="body").script("b", stream=["there."])
    caller = await gateway(config())
    body = {"model": "gpt", "max_tokens": 50, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    stream = await caller.answer(body, dialect=ANTHROPIC_MESSAGES)
    assert isinstance(stream, CallerStream)
    data = b"".join([piece async for piece in stream])
    await stream.aclose()
    assert data.count(b"event: message_start") == data.count(b"event: content_block_start") == 1
    assert data.count(b"event: message_stop") == 1 and b"there." in data and COMMENT in data


@pytest.mark.parametrize(
    ("members", "may"),
    [
        ({}, True),
        ({"response_format": {"type": "text"}}, True),
        ({"response_format": {"type": "json_object"}}, False),
        ({"n": 2}, False),
    ],
)
def test_only_one_plain_text_is_continued(members: dict[str, Any], may: bool) -> None:
    request = Request("chat", OPENAI_CHAT, {"model": "gpt", "messages": [], **members})
    assert may_continue(request) is may


def test_a_prefix_that_the_caller_gave_is_made_longer() -> None:
    messages = [{"role": "user", "content": "Go on"}, {"role": "assistant", "content": "A"}]
    request = Request("chat", OPENAI_CHAT, {"model": "gpt", "messages": messages})
    assert continued_request(request, "B").get("messages")[-1] == {"role": "assistant", "content": "AB"}
    assert continued_request(request, "") is request


async def test_a_callers_deadline_ends_with_the_first_chunk(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("a", stream=["one ", "two ", "three"], gap=0.2)
    caller = await gateway(config(on=False, call_timeout=0.3))
    data = b"".join([piece async for piece in caller.stream("gpt")])
    assert text_of(data) == "one two three"
    assert StreamBrokenError.default_code is not None and StreamBrokenError.default_code.encode() not in data
