"""Whatever JSON comes, from callers or upstreams, the answer is a result or one of our errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.chat import ChatReply, ChatRequest
from nova_core.types.dialect import Dialect
from nova_core.types.events import Frame
from nova_core.wire.assemble import assemble
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from tests.wire import strategies as said

JUNK = [None, True, 7, -1.5, "x", "", [], [7], [None], {}, {"type": 7}, {"x": []}, [[]], [{}]]
junk = st.sampled_from(JUNK)
dialects = st.sampled_from([OPENAI_CHAT, OPENAI_COMPLETIONS])


def plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def spoilt(value: Any, draw: Callable[[st.SearchStrategy[Any]], Any]) -> Any:
    """The value with something else somewhere inside."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 5)) == 0:
        return draw(junk)
    if isinstance(value, list):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], spoilt(value[place], draw), *value[place + 1 :]]
    name = draw(st.sampled_from(sorted(value)))
    return {**value, name: spoilt(value[name], draw)}


@given(said.requests, st.data())
@settings(max_examples=200, deadline=None)
def test_spoilt_requests_are_read_or_refused_with_a_path(request: ChatRequest, data: st.DataObject) -> None:
    members = plain(OPENAI_CHAT.render_request(request)[0])
    bad = {
        **members,
        **{name: spoilt(members[name], data.draw) for name in data.draw(st.sets(st.sampled_from(sorted(members))))},
    }
    refused: BadRequestError | None = None
    try:
        OPENAI_CHAT.render_request(OPENAI_CHAT.parse_request(bad))
    except BadRequestError as error:
        refused = error
    assert refused is None or refused.param


@given(said.replies, dialects, st.data())
@settings(max_examples=200, deadline=None)
def test_spoilt_replies_are_read_or_are_the_upstreams_fault(
    reply: ChatReply, dialect: Dialect, data: st.DataObject
) -> None:
    bad = spoilt(plain(dialect.render_reply(reply)), data.draw)
    if not isinstance(bad, dict):
        return
    read: object = None
    try:
        read = dialect.parse_reply(bad)
    except BadGatewayError as error:
        assert "upstream" in error.message  # noqa: PT017
        return
    assert isinstance(read, ChatReply)
    assert msgspec.json.encode(dialect.render_reply(read))
    dialect.usage_of(bad)


CITED = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 1, "end_index": 2}}
FULL_DELTA = {
    "role": "assistant",
    "content": "a",
    "refusal": "r",
    "reasoning": "h",
    "reasoning_content": "h",
    "thinking_blocks": [
        {"type": "thinking", "thinking": "h", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
    ],
    "annotations": [CITED],
    "audio": {"id": "a", "data": "x", "transcript": "t", "expires_at": 1},
    "tool_calls": [
        {"index": 0, "id": "c", "type": "function", "function": {"name": "n", "arguments": "{}"}},
        {"index": 1, "id": "d", "type": "custom", "custom": {"name": "n", "input": "a"}},
    ],
    "function_call": {"name": "n", "arguments": "{}"},
}
FULL_CHOICE = {
    "index": 0,
    "text": "a",
    "delta": FULL_DELTA,
    "finish_reason": "stop",
    "logprobs": {"content": []},
    "provider_specific_fields": {"native_finish_reason": "x", "stop_sequence": "y"},
}
FULL_CHUNK = {
    "id": "i",
    "created": 1,
    "model": "m",
    "system_fingerprint": "f",
    "choices": [FULL_CHOICE],
    "usage": {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 1, "cache_creation_token_details": {}},
        "completion_tokens_details": {"reasoning_tokens": 1},
    },
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inner:
        yield from places(item, (*path, step))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("dialect", [OPENAI_CHAT, OPENAI_COMPLETIONS], ids=lambda dialect: dialect.name)
def test_a_chunk_spoilt_anywhere_is_read_or_breaks_the_stream(dialect: Dialect) -> None:
    for path, bad in product(places(FULL_CHUNK), JUNK):
        frame = Frame(msgspec.json.encode(replaced(FULL_CHUNK, path, bad)))
        decoder, relay = dialect.decoder(), dialect.relay(model="public")
        with suppress(NovaError):
            events = decoder.decode(frame)
            assert isinstance(dialect.encoder(model="m", include_usage=True).encode(events), bytes)
            assert isinstance(dialect.render_reply(assemble(events))["model"], str)
        with suppress(NovaError):
            sent = relay.relay(frame)
            assert b'"model":"public"' in sent or path == ("model",) or path == ()
