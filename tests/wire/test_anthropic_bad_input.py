"""Whatever is sent, the Messages dialect answers with an error that says whose fault it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.events import Frame
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES

FIELDS = [
    "type", "role", "content", "text", "source", "data", "media_type", "url", "id", "name", "input", "tool_use_id",
    "signature", "thinking", "citations", "cache_control", "index", "delta", "content_block", "message", "usage",
    "input_tokens", "output_tokens", "stop_reason", "partial_json", "citation", "error", "budget_tokens", "effort",
    "format", "schema", "title", "cache_creation", "iterations", "service_tier", "user_id",
]  # fmt: skip
WORDS = [
    "text", "image", "document", "base64", "content", "tool_use", "tool_result", "thinking", "redacted_thinking",
    "user", "assistant", "system", "message", "message_start", "message_delta", "content_block_start",
    "content_block_delta", "content_block_stop", "text_delta", "input_json_delta", "citations_delta", "end_turn",
    "enabled", "json_schema", "ephemeral", "any", "tool", "server_tool_use", "error",
]  # fmt: skip
TOP = [
    "model", "messages", "system", "max_tokens", "tools", "tool_choice", "stop_sequences", "temperature", "metadata",
    "thinking", "output_config", "output_format", "service_tier", "stream", "cache_control",
]  # fmt: skip

junk = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.just(0.5) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=15,
)
blocks = st.lists(st.dictionaries(st.sampled_from(FIELDS[:17]), junk, max_size=4), max_size=2)


def outcome(call: Callable[..., Any], *given: Any) -> Any:
    """What the call answers, or the error of ours that it raises; any other exception is a bug."""
    try:
        return call(*given)
    except NovaError as error:
        return error


@settings(max_examples=100, deadline=None)
@given(st.fixed_dictionaries({"model": st.just("m"), "messages": junk}, optional=dict.fromkeys(TOP[2:], junk)))
def test_a_request_is_read_or_refused_with_its_path(members: dict[str, Any]):
    typed = outcome(ANTHROPIC_MESSAGES.parse_request, members)
    if isinstance(typed, NovaError):
        assert isinstance(typed, BadRequestError)
        assert typed.param
    else:
        assert msgspec.json.encode(ANTHROPIC_MESSAGES.render_request(typed)[0])


@settings(max_examples=100, deadline=None)
@given(st.fixed_dictionaries({"type": st.just("message"), "content": blocks}, optional=dict.fromkeys(FIELDS[8:], junk)))
def test_a_reply_is_read_or_is_a_bad_gateway(members: dict[str, Any]):
    reply = outcome(ANTHROPIC_MESSAGES.parse_reply, members)
    if isinstance(reply, NovaError):
        assert isinstance(reply, BadGatewayError)
    else:
        assert msgspec.json.encode(ANTHROPIC_MESSAGES.render_reply(reply))


frames = st.builds(
    lambda kind, data: Frame(msgspec.json.encode({"type": kind, **data}), kind),
    st.sampled_from(["message_start", "message_delta", "content_block_start", "content_block_delta", "error", "x"]),
    st.fixed_dictionaries({}, optional=dict.fromkeys(["message", "delta", "usage", "content_block", "error"], junk)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(frames, max_size=4))
def test_a_stream_is_read_or_broken(sent: list[Frame]):
    decoder, relay = ANTHROPIC_MESSAGES.decoder(), ANTHROPIC_MESSAGES.relay(model="m")
    encoder = ANTHROPIC_MESSAGES.encoder(model="m", include_usage=True)
    for frame in sent:
        events = outcome(decoder.decode, frame)
        assert isinstance(events if isinstance(events, NovaError) else encoder.encode(events), NovaError | bytes)
        assert isinstance(outcome(relay.relay, frame), NovaError | bytes)
