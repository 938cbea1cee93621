"""Anthropic's Messages API: messages and token counts."""

from __future__ import annotations

from collections.abc import Mapping

from nova_core.types.call import Call
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from nova_core.wire.messages_models import MessagesModels
from nova_plugin_anthropic.access import AnthropicApi
from nova_plugin_anthropic.betas import betas_for


class Anthropic(AnthropicApi, MessagesModels):
    """`anthropic/…`: chat over `/v1/messages`, and `/v1/messages/count_tokens`."""

    providers = ("anthropic",)
    dialects: Mapping[Operation, Dialect] = {"chat": ANTHROPIC_MESSAGES, "count_tokens": ANTHROPIC_COUNT_TOKENS}
    paths: Mapping[Operation, str] = {"chat": "/v1/messages", "count_tokens": "/v1/messages/count_tokens"}
    joined_headers = frozenset({"anthropic-beta"})

    def version(self, call: Call) -> str:
        """The version that a caller of this API names, else that which the rest is written for."""
        named = call.headers.get("anthropic-version") if _speaks_messages(call) else None
        return named or super().version(call)

    def request_headers(self, request: Request, call: Call) -> list[tuple[str, str]]:
        """`anthropic-beta`: what the request needs, and what a caller of this API asked for."""
        asked = call.headers.get("anthropic-beta", "") if _speaks_messages(call) else ""
        names = dict.fromkeys([*betas_for(request), *(name.strip() for name in asked.split(","))])
        value = ",".join(name for name in names if name)
        return [("anthropic-beta", value)] if value else []


def _speaks_messages(call: Call) -> bool:
    """Whether the caller used this API, so that its headers mean what they say."""
    return call.original.dialect in (ANTHROPIC_MESSAGES, ANTHROPIC_COUNT_TOKENS)
