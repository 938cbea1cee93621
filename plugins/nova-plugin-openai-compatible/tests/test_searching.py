"""Chats that are to search the web go to the Responses API of a vendor that searches nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

import nova_plugin_openai_compatible as pack
from nova_core.errors import UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, function_tool
from nova_core.types.call import Call
from nova_core.types.chat import Text
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fate
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_plugin_openai_compatible.provider import VendorProvider

from .vendors_asked import sent

XAI: VendorProvider = pack.xai
CITED = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "grok-4.3",
    "output": [
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {
            "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [
                {
                    "type": "output_text", "text": "It rains.",
                    "annotations": [
                        {
                            "type": "url_citation", "url": "https://w.example", "title": "1", "start_index": 0,
                            "end_index": 9,
                        }
                    ],
                }
            ],
        },
    ],
    "usage": {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18},
}  # fmt: skip


def deployment(base: str = "https://api.x.ai/v1") -> Deployment:
    return XAI.complete(Deployment("d", "g", "xai", "grok-4.3", api_base=base, api_key=Secret("the-key")), {})


def asked(request: Request) -> tuple[Call, dict[str, Any], str]:
    call = Call(request)
    exchange = XAI.provider_call(call, request, deployment())
    return call, sent(exchange), exchange.request.url


@pytest.mark.parametrize(
    ("members", "tools"),
    [
        ({"web_search_options": {"search_context_size": "low"}}, [{"type": "web_search"}]),
        ({"tools": [{"type": "x_search", "to_date": "2026-01-01"}]}, [{"type": "x_search", "to_date": "2026-01-01"}]),
        (
            {"search_parameters": {"mode": "auto", "from_date": "2026-01-01", "max_search_results": 5}},
            [{"type": "web_search"}, {"type": "x_search", "from_date": "2026-01-01"}],
        ),
        (
            {"search_parameters": {"sources": [{"type": "web", "allowed_websites": ["a.example"]}, {"type": "news"}]}},
            [{"type": "web_search", "filters": {"allowed_domains": ["a.example"]}}],
        ),
        (
            {"search_parameters": {"sources": [{"type": "x", "included_x_handles": ["xai"]}]}},
            [{"type": "x_search", "allowed_x_handles": ["xai"]}],
        ),
        ({"search_parameters": {"mode": "off"}}, None),
    ],
)  # fmt: skip
def test_wishes_to_search_are_the_vendors_tools(members: dict[str, Any], tools: Any) -> None:
    call, body, url = asked(chat_request("g", "Rain?", max_tokens=9, **members))
    assert url == "https://api.x.ai/v1/responses"
    assert body.get("tools") == tools
    assert (body["model"], body["max_output_tokens"], body["store"]) == ("grok-4.3", 9, False)
    assert not members.keys() & body.keys() - {"tools"}
    assert call.fidelity.of(Fate.LOST) == ()


def test_what_cannot_be_searched_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedParamsError, match=r"search_parameters.sources\[0\]"):
        asked(chat_request("g", search_parameters={"sources": [{"type": "rss", "links": ["https://a.example"]}]}))


def test_a_search_tool_of_the_messages_api_is_the_vendors_too() -> None:
    tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3, "blocked_domains": ["b.example"]}
    members = {"model": "g", "max_tokens": 9, "messages": [{"role": "user", "content": "Rain?"}], "tools": [tool]}
    call, body, url = asked(Request("chat", ANTHROPIC_MESSAGES, members))
    assert url.endswith("/responses")
    assert body["tools"] == [{"type": "web_search", "filters": {"excluded_domains": ["b.example"]}}]
    assert "tools[0].max_uses" in call.fidelity.of(Fate.HINT)


def test_other_chats_stay_where_they_are() -> None:
    for members in ({}, {"tools": [function_tool("web_search")]}):
        assert asked(chat_request("g", "Hi", **members))[2] == "https://api.x.ai/v1/chat/completions"


async def test_sources_come_back_as_annotations_and_streams_are_read(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json=CITED)
    upstream.script("*", text="It rains.")
    async with bench(XAI, deployment(f"{upstream.url}/v1/chat/completions")) as asking:
        whole = await asking.chat(chat_request("g", "Rain?", web_search_options={}))
        streamed = await asking.chat(chat_request("g", "Rain?", web_search_options={}, stream=True))
    assert [received.route for received in upstream.requests] == ["/v1/responses"] * 2
    (text,) = [part for part in whole.choices[0].message.parts if isinstance(part, Text)]
    assert (text.text, [citation.url for citation in text.citations]) == ("It rains.", ["https://w.example"])
    assert streamed.text == "It rains."
    assert upstream.last.header("authorization") == "Bearer the-key"
