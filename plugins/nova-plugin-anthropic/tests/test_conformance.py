"""Anthropic's providers do what every provider must do."""

from __future__ import annotations

from typing import Any

import msgspec

from nova_core.testing import UpstreamConformance
from nova_core.testing.upstream_replies import Said, Shape, shape_for
from nova_plugin_anthropic import plugin, text_completions


def _completion(text: str, reason: str | None, said: Said) -> dict[str, Any]:
    return {"type": "completion", "id": "compl_1", "completion": text, "stop_reason": reason, "model": said.model}


def _whole(said: Said) -> dict[str, Any]:
    return _completion(said.text, "stop_sequence", said)


def _pieces(said: Said) -> tuple[bytes, ...]:
    events = [*(_completion(piece, None, said) for piece in said.pieces), _completion("", "stop_sequence", said)]
    first, *rest = [b"event: completion\ndata: " + msgspec.json.encode(event) + b"\n\n" for event in events]
    return (first, b'event: ping\ndata: {"type": "ping"}\n\n', *rest)


class TestAnthropic(UpstreamConformance):
    plugin = plugin
    provider = "anthropic"
    operations = frozenset({"chat", "completion", "count_tokens"})
    model = "claude-sonnet-4-5"
    api_path = ""
    key_env = "ANTHROPIC_API_KEY"
    unsupported = ("logit_bias", {"50256": -100})


class TestAnthropicText(UpstreamConformance):
    plugin = text_completions
    provider = "anthropic_text"
    operations = frozenset({"chat", "completion"})
    model = "claude-2.1"
    api_path = ""
    key_env = "ANTHROPIC_API_KEY"
    calls_tools = False
    states_usage = False
    unsupported = ("logit_bias", {"50256": -100})
    shapes = (("/v1/complete", Shape(_whole, shape_for("/messages").error, _pieces, streams=True)),)
