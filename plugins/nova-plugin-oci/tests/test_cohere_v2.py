"""Oracle Cloud's rerank, and what the COHEREV2 format says and tells."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nova_core.errors import BadGatewayError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.conformance_upstream import PARALLEL_RESULTS
from nova_core.testing.provider_bench import bench, chat_request
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.rerank import RerankReply
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_plugin_oci import plugin
from nova_plugin_oci.streaming import Opener

from .oci_upstream import settings

CHAT, RERANK = "/20231130/actions/chat", "/20231130/actions/rerankText"
SEEING = "cohere.command-a-vision-07-2025"


def deployed(upstream: ScriptedUpstream, model: str) -> Deployment:
    given = Deployment("d", "public", "oci", model, api_base=upstream.url, settings=settings())
    completed: Deployment = plugin.complete(given, {})
    return completed


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": name, "parameters": {}, **more}}


def answered(message: dict[str, Any], finish: str = "COMPLETE") -> dict[str, Any]:
    usage = {"promptTokens": 3, "completionTokens": 2, "totalTokens": 5}
    said = {"apiFormat": "COHEREV2", "id": "c", "message": message, "finishReason": finish, "usage": usage}
    return {"modelId": "m", "chatResponse": said}


async def test_messages_are_parts_and_a_named_tool_is_the_only_one(upstream: ScriptedUpstream):
    upstream.script(CHAT, json=answered({"content": [{"type": "TEXT", "text": "Cold."}]}))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "see"}, picture]},
        {**PARALLEL_RESULTS[1], "reasoning_content": "I should ask."},
        PARALLEL_RESULTS[2],
    ]
    request = chat_request(
        "public", messages, tools=[tool("a", strict=True), tool("b")], stop="END", max_tokens=9, safetyMode="OFF",
        tool_choice={"type": "function", "function": {"name": "a"}}, reasoning_effort="high",
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    )  # fmt: skip
    async with bench(plugin, deployed(upstream, SEEING)) as at:
        await at.ask(request)
        assert at.call is not None
        assert "reasoning_effort" in [note.field for note in at.call.fidelity.notes]
        with pytest.raises(UnsupportedParamsError, match="parallel_tool_calls"):
            await at.ask(chat_request("public", parallel_tool_calls=False))
    said = upstream.last.json["chatRequest"]
    system, user, assistant, result = said.pop("messages")
    assert system == {"role": "SYSTEM", "content": [{"type": "TEXT", "text": "Be brief."}]}
    image = {"type": "IMAGE_URL", "imageUrl": {"url": "data:image/png;base64,AA==", "detail": "LOW"}}
    assert user["content"] == [{"type": "TEXT", "text": "see"}, image]
    assert assistant["content"] == [{"type": "THINKING", "thinking": "I should ask."}]
    assert [(call["id"], call["function"]["name"]) for call in assistant["toolCalls"]] == [
        ("c1", "get_weather"),
        ("c2", "get_time"),
    ]
    assert (result["role"], result["toolCallId"]) == ("TOOL", "c1")
    assert said == {
        "apiFormat": "COHEREV2",
        "maxTokens": 9,
        "stopSequences": ["END"],
        "tools": [{"type": "FUNCTION", "function": {"name": "a", "description": "a", "parameters": {}}}],
        "toolsChoice": "REQUIRED",
        "isStrictToolsEnabled": True,
        "responseFormat": {"type": "JSON_OBJECT", "schema": {"type": "object"}},
        "thinking": {"type": "ENABLED"},
        "safetyMode": "OFF",
    }


async def test_thoughts_and_plans_are_told_beside_the_text(upstream: ScriptedUpstream):
    parts = [{"type": "THINKING", "thinking": "Hmm. "}, {"type": "TEXT", "text": "Yes."}]
    upstream.script(CHAT, json=answered({"content": parts, "toolPlan": "None needed."}, "MAX_TOKENS"))
    async with bench(plugin, deployed(upstream, "cohere.command-a-reasoning-08-2025")) as at:
        reply = await at.chat(chat_request("public", thinking={"type": "enabled", "budget_tokens": 512}))
    choice = reply.choices[0]
    assert choice.finish == "length"
    assert [getattr(part, "text", None) for part in choice.message.parts] == ["Hmm. None needed.", "Yes."]
    assert upstream.last.json["chatRequest"]["thinking"] == {"type": "ENABLED", "tokenBudget": 512}


def test_a_last_event_that_tells_all_again_tells_nothing_twice():
    opener = Opener("seed")
    call = {"id": "t1", "type": "FUNCTION", "function": {"name": "f", "arguments": "{}"}}
    head = {"apiFormat": "COHEREV2"}
    events = [
        {**head, "message": {"content": [{"type": "TEXT", "text": "Hi"}]}},
        {**head, "message": {"toolCalls": [call]}},
        {
            **head,
            "message": {"content": [{"type": "TEXT", "text": "Hi"}], "toolCalls": [call]},
            "finishReason": "TOOL_CALL",
        },
    ]
    choices = [made["choices"][0] for event in events for made in opener.chunks(event, None)]
    assert "".join(choice["delta"].get("content") or "" for choice in choices) == "Hi"
    assert [len(choice["delta"].get("tool_calls", ())) for choice in choices] == [0, 1, 0]
    assert choices[-1]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("dialect", [COHERE_RERANK, JINA_RERANK])
async def test_documents_are_ranked_by_a_signed_request(upstream: ScriptedUpstream, dialect: Any):
    ranks = [{"index": 1, "relevanceScore": 0.9}, {"index": 0, "relevanceScore": 0.5}]
    upstream.script(RERANK, json={"id": "r", "modelId": "m", "modelVersion": "1", "documentRanks": ranks})
    told = {"query": "q", "documents": ["a", {"text": "b"}], "top_n": 2, "max_tokens_per_doc": 100}
    asked = Request("rerank", dialect, {"model": "public", "return_documents": True, **told})
    async with bench(plugin, deployed(upstream, "cohere.rerank-v3.5")) as at:
        reply = await at.ask(asked)
        upstream.forget().script(RERANK, json={"code": "404", "message": "no such model"})
        with pytest.raises(BadGatewayError):
            await at.ask(asked)
    assert isinstance(reply, Reply)
    assert isinstance(reply.typed, RerankReply)
    assert [(each.index, each.score) for each in reply.typed.results] == [(1, 0.9), (0, 0.5)]
    assert [each.document for each in reply.typed.results] == [{"text": "b"}, "a"]
    assert reply.typed.id == "r"
    assert "rsa-sha256" in (upstream.last.header("authorization") or "")
    assert msgspec.json.decode(upstream.last.body) == {
        "compartmentId": "ocid1.compartment.c",
        "servingMode": {"servingType": "ON_DEMAND", "modelId": "cohere.rerank-v3.5"},
        "input": "q",
        "documents": ["a", "b"],
        "isEcho": False,
        "topN": 2,
        "maxTokensPerDocument": 100,
    }
