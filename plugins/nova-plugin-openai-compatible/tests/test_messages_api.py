"""Callers of the Messages API are served in it where a vendor has it, and in chat elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.types.call import Call
from nova_core.types.message import Request
from nova_core.types.upstream import Exchange
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_plugin_openai_compatible.row import Vendor
from nova_plugin_openai_compatible.vendors import VENDORS

from .vendors_asked import KEY, deployed, sent, vendor_named

SPEAKING = [row for row in VENDORS if row.messages_api]
SAID = {
    "model": "public",
    "max_tokens": 9,
    "stream": True,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "messages": [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}],
}


def attempted(name: str, **fields: Any) -> Exchange:
    request = Request("chat", ANTHROPIC_MESSAGES, SAID)
    return vendor_named(name).provider_call(Call(request), request, deployed(name, "up", **fields))


@pytest.mark.parametrize("row", SPEAKING, ids=lambda row: row.name)
def test_requests_pass_as_they_are(row: Vendor):
    exchange = attempted(row.name)
    whole = not row.messages_api.startswith("/")
    assert exchange.request.url == (row.messages_api if whole else f"{row.base_url}{row.messages_api}")
    assert sent(exchange) == {**SAID, "model": "up"}
    headers = dict(exchange.request.headers)
    assert (headers["Authorization"], headers["anthropic-version"]) == (f"Bearer {KEY}", "2023-06-01")
    assert exchange.dialect is ANTHROPIC_MESSAGES


def test_servers_elsewhere_are_asked_in_chat_unless_the_api_is_a_path():
    assert attempted("deepseek", api_base="https://proxy.test/v1").request.url.endswith("/v1/chat/completions")
    assert attempted("tencent", api_base="https://proxy.test/v1").request.url == "https://proxy.test/v1/messages"
    chatting = attempted("tencent", settings={"use_chat_completions_api": True})
    assert chatting.request.url.endswith("/chat/completions")
