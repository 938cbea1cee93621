"""Relaying a chat stream: the same bytes, but for the model's name and repairs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from nova_core.errors import NovaError, StreamBrokenError
from nova_core.types.chat import ChatReply
from nova_core.types.events import Frame
from nova_core.types.usage import Usage
from nova_core.wire.assemble import disassemble
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.sse import SseParser
from tests.wire import strategies as said

DONE = Frame(b"[DONE]")
FINISH = Frame(b'{"model":"up","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}')


def relayed(*frames: Frame, model: str = "public") -> bytes:
    relay = OPENAI_CHAT.relay(model=model)
    return b"".join([*(relay.relay(frame) for frame in frames), relay.end()])


def test_only_the_models_name_changes() -> None:
    frame = Frame(
        b'{"id":"i", "model":"up","odd":[1.50, {"model":"inner"}],"choices":[{"delta":{"content":"\\u00e9"}}]}'
    )
    relay = OPENAI_CHAT.relay(model='my "model"')
    assert relay.relay(frame) == (
        b'data: {"id":"i","model":"my \\"model\\"","odd":[1.50, {"model":"inner"}],'
        b'"choices":[{"delta":{"content":"\\u00e9"}}]}\n\n'
    )
    assert relay.events == 1


def test_a_frame_that_needs_no_change_leaves_as_it_came() -> None:
    data = b'{ "id": "i",  "model": "public", "choices": [ {"index": 0, "delta": {"content": "a"}} ] }'
    assert OPENAI_CHAT.relay(model="public").relay(Frame(data)) == b"data: " + data + b"\n\n"


def test_a_frame_of_several_lines_stays_one_event() -> None:
    data = b'{"model":"up",\n"choices":[\n]}'
    (frame,) = SseParser().feed(OPENAI_CHAT.relay(model="public").relay(Frame(data)))
    assert json.loads(frame.data) == {"model": "public", "choices": []}


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ('{"reasoning":"h m"}', '{"reasoning_content":"h m"}'),
        ('{"content":"","reasoning":null}', '{"content":"","reasoning_content":null}'),
        ('{"reasoning":"a","reasoning_content":"a"}', '{"reasoning":"a","reasoning_content":"a"}'),
        ('{"content":"\\"reasoning\\": x"}', '{"content":"\\"reasoning\\": x"}'),
        ('{"content":"a","kind":"reasoning"}', '{"content":"a","kind":"reasoning"}'),
    ],
)
def test_vendors_reasoning_gets_the_common_name(delta: str, expected: str) -> None:
    frame = Frame(f'{{"choices":[{{"index":0,"delta":{delta},"x":1.0}}]}}'.encode())
    sent = OPENAI_CHAT.relay(model="public").relay(frame)
    assert sent == f'data: {{"choices":[{{"index":0,"delta":{expected},"x":1.0}}]}}\n\n'.encode()


def test_empty_frames_and_everything_after_done_are_left_out() -> None:
    assert relayed(Frame(b""), Frame(b" "), FINISH, DONE, FINISH, Frame(b"garbage"), DONE).count(b"data:") == 2


def test_a_missing_done_is_added_after_a_finish_and_only_once() -> None:
    assert relayed(FINISH).endswith(b"data: [DONE]\n\n")
    assert relayed(FINISH, DONE).count(b"[DONE]") == 1


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [Frame(b'{"choices":[{"index":0,"delta":{"content":"finish_reason\\": \\"stop"}}]}')],
        [Frame(b'{"choices":[{"index":0,"delta":{},"finish_reason":null}]}'), DONE],
        [Frame(b'{"choices":[{"index":1,"delta":{}}]}'), FINISH],
        [Frame(b'{"choices":[]}'), DONE],
    ],
)
def test_a_stream_that_stops_before_its_finish_never_ends_cleanly(frames: list[Frame]) -> None:
    with pytest.raises(StreamBrokenError, match="ended before"):
        relayed(*frames)


@pytest.mark.parametrize(
    ("frame", "quoted"),
    [
        (Frame(b'{"id":'), "not a chunk"),
        (Frame(b"[]"), "not a chunk"),
        (Frame(b'{"choices":7}'), "not a chunk"),
        (Frame(b"{" * 100_000), "not a chunk"),
        (Frame(b'{"error": {"message": "boom"}}'), "boom"),
        (Frame(b'{"message": "boom"}', "error"), "boom"),
        (Frame(b'{"object":"error","message":"boom"}'), "boom"),
        (Frame(b'{"choices":[{"index":0,"finish_reason":"error"}]}'), "before its answer was complete"),
    ],
)
def test_garbage_and_errors_stop_the_relay(frame: Frame, quoted: str) -> None:
    with pytest.raises(NovaError, match=quoted):
        relayed(frame)


def test_usage_is_tapped_wherever_it_is() -> None:
    relay = OPENAI_CHAT.relay(model="m")
    relay.relay(Frame(b'{"choices":[],"usage":null}'))
    assert relay.usage is None
    relay.relay(Frame(b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}'))
    relay.relay(Frame(b'{"choices":null,"usage":{"prompt_tokens":1,"completion_tokens":2}}'))
    assert relay.usage == Usage(input=1, output=2)


def test_usage_that_only_the_gateway_asked_for_is_tapped_and_left_out() -> None:
    relay = OPENAI_CHAT.relay(model="m", hide_usage=True)
    told = b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null,"z":1.0}'
    sent = relay.relay(Frame(told))
    assert sent == b"data: " + told.replace(b'"usage":null,', b"") + b"\n\n"
    assert relay.relay(Frame(b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}')) == b""
    assert relay.usage == Usage(input=1, output=2)
    assert relay.end() == b"data: [DONE]\n\n"


def test_a_failure_is_an_error_event_without_done() -> None:
    sent = OPENAI_CHAT.relay(model="m").fail(StreamBrokenError("gone"))
    assert b"gone" in sent
    assert b"[DONE]" not in sent


@given(said.replies)
@settings(max_examples=50, deadline=None)
def test_every_stream_of_ours_passes_through_unchanged_but_for_the_name(reply: ChatReply) -> None:
    encoder = OPENAI_CHAT.encoder(model="up", include_usage=True)
    body = b"".join([*map(encoder.encode, disassemble(reply)), encoder.end()])
    relay = OPENAI_CHAT.relay(model="public")
    sent = b"".join(relay.relay(frame) for frame in SseParser().feed(body)) + relay.end()
    assert sent == body.replace(b'"model":"up"', b'"model":"public"')
    assert relay.usage == reply.usage
