"""Frames that come again are passed on unread, and nobody can tell."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import NovaError
from nova_core.gateway.pouring import Pouring
from nova_core.types.dialect import Dialect, LeavesUnread, StreamRelay
from nova_core.types.events import Frame
from nova_core.types.structural import follows
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.refrain import MOST_IN_VAIN, Refrain
from nova_core.wire.sse import SseParser

WORDS = ("content", "text")
TRICKS = (
    b"a", b"", b"\\n", b'\\"', b"\\\\", b"\\", b'"', b"\xc3\xa9", b"\xff", b"\\u00e9", b"\\ud83d", b"\\q", b"\n",
    b"\x07", b"model", b"reasoning", b'x\\"content', b'","finish_reason":"stop',
    b'"},"finish_reason":"error"}]}\n\ndata: {"a":"',
    b'","content":"b', b'x","usage":{"prompt_tokens":7,"completion_tokens":1},"y":"', b"\r\n", b'"}}]}',
)  # fmt: skip
"""Insides of strings, some of which are none and would say something else."""
texts = st.one_of(st.sampled_from(TRICKS), st.text(max_size=5).map(lambda text: json.dumps(text)[1:-1].encode()))
CHAT = (
    b'{"id":"c","object":"chat.completion.chunk","model":"up",'
    b'"choices":[{"index":%d,"delta":{"content":"%b"},"finish_reason":%b}]%b}'
)
chat_frames = st.builds(
    lambda index, text, finish, more: b"data: " + CHAT % (index, text, finish, more) + b"\n\n",
    st.sampled_from((0, 0, 0, 1)),
    texts,
    st.sampled_from((b"null", b"null", b"null", b'"stop"')),
    st.one_of(st.just(b""), texts.map(lambda text: b',"obfuscation":"%b"' % text), st.just(b',"usage":null')),
)
message_frames = st.builds(
    lambda index, text: (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":'
        b'{"type":"text_delta","text":"%b"}}\n\n' % (index, text)
    ),
    st.sampled_from((0, 0, 1)),
    texts,
)
OTHERS = (
    b"data: [DONE]\n\n",
    b": ping\n\n",
    b'data: {"error":{"message":"no"}}\n\n',
    b"data: {",
    b"\n\n",
    b"data: x\n\n",
)
LAST = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class Written:
    """Everything that was written, as one reader sees it."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> bool:
        self.pieces.append(data)
        return True

    async def ready(self) -> None:
        """Always."""


class Looking:
    """A relay that notes what it is shown."""

    def __init__(self, relay: StreamRelay) -> None:
        self.relay = relay
        self.shown: list[bytes] = []

    def say(self, frames: list[Frame], said: list[bytes]) -> None:
        for frame in frames:
            self.shown.append(frame.data)
            if piece := self.relay.relay(frame):
                said.append(piece)


def poured(dialect: Dialect, reads: list[bytes], *, shortened: bool) -> tuple[list[bytes], object, object, int]:
    """What is written, what broke the stream, the usage, and how many frames were read."""
    looking = Looking(dialect.relay(model="gpt", hide_usage=True))
    assert follows(looking.relay, LeavesUnread)
    outlet = Written()
    refrain = Refrain(looking.relay.unread()) if shortened else None
    take = Pouring(looking.say, outlet, refrain).taking(SseParser())
    broken: object = None
    try:
        for read in reads:
            take(read)
        outlet.write(looking.relay.end())
    except NovaError as error:
        broken = (type(error), error.message)
    return outlet.pieces, broken, looking.relay.usage, len(looking.shown)


@given(st.lists(st.one_of(chat_frames, chat_frames, chat_frames, st.sampled_from(OTHERS)), max_size=12))
def test_a_chat_stream_is_written_as_if_every_frame_had_been_read(reads: list[bytes]):
    assert poured(OPENAI_CHAT, reads, shortened=True)[:3] == poured(OPENAI_CHAT, reads, shortened=False)[:3]


@given(st.lists(st.one_of(message_frames, message_frames, st.sampled_from((*OTHERS, LAST))), max_size=12))
def test_a_messages_stream_is_written_as_if_every_frame_had_been_read(reads: list[bytes]):
    assert (
        poured(ANTHROPIC_MESSAGES, reads, shortened=True)[:3] == poured(ANTHROPIC_MESSAGES, reads, shortened=False)[:3]
    )


@pytest.mark.parametrize("more", [b"", b',"obfuscation":"xyz"'])
def test_frames_that_differ_in_their_texts_alone_are_not_read(more: bytes):
    said = (b"a", b" b", b"\\n", b"\xc3\xa9", b'\\"', b"e")
    reads = [b"data: " + CHAT % (0, text, b"null", more) + b"\n\n" for text in said]
    pieces, broken, _, shown = poured(OPENAI_CHAT, reads, shortened=True)
    # The first is not between two events, the second is learned.
    assert shown == 2
    assert b"".join(pieces) == b"".join(reads).replace(b'"model":"up"', b'"model":"gpt"')
    assert broken is not None  # nothing has finished it


def test_frames_of_which_each_is_another_are_no_longer_learned():
    refrain = Refrain(WORDS)
    frames = [b'{"id":%d,"text":"a"}' % number for number in range(MOST_IN_VAIN + 1)]
    for frame in frames:
        assert refrain.again(frame) is None
        refrain.learn(frame, frame)
    assert refrain.again(frames[-1]) is None


def test_what_comes_again_has_its_texts_and_nothing_else_replaced():
    refrain = Refrain(WORDS)
    refrain.learn(b'{"m":"up","content":"a","text": "b"}', b'{"m":"us","content":"a","text": "b"}')
    assert refrain.again(b'{"m":"up","content":"x","text": "y"}') == b'{"m":"us","content":"x","text": "y"}'
    assert refrain.again(b'{"m":"up","content":"","text": ""}') == b'{"m":"us","content":"","text": ""}'
    for other in (b'{"m":"up","content":"x","text": "y","z":1}', b'{"m":"up","content":"x"}', b'{"m":"up"}', b""):
        assert refrain.again(other) is None
    refrain.forget()
    assert refrain.again(b'{"m":"up","content":"x","text": "y"}') is None
