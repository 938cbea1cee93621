"""An upstream in this process, the provider that speaks to it, and hooks that look on."""

from __future__ import annotations

import asyncio
from typing import Any

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Attempt, Call, CallRecord
from nova_core.types.message import Reply, Request
from nova_core.wire.openai_compatible import OpenAICompatible

NAME = "loopback"
REPLY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"up","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"Hello! How can I help you today?"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21}}'
)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_%010d\r\ncontent-length: %d\r\n\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"up","choices":[%b]}\n\n'
)
CHUNK = EVENT % b'{"index":0,"delta":{"content":" token"},"finish_reason":null}'
DONE = EVENT % b'{"index":0,"delta":{},"finish_reason":"stop"}' + b"data: [DONE]\n\n"
PACE = 0.001


class LoopbackProvider(OpenAICompatible):
    """Chat at the deployment's `api_base`."""

    providers = (NAME,)


class OnLooker:
    """One implementation of each hook that a call passes; none has anything to say."""

    @hookimpl
    def pre_call(self, call: Call, request: Request) -> None:
        """No opinion."""

    @hookimpl
    def post_call(self, call: Call, request: Request, reply: Reply) -> None:
        """No opinion."""

    @hookimpl
    def attempt_finished(self, call: Call, attempt: Attempt) -> None:
        """Nothing to note."""

    @hookimpl
    def call_finished(self, record: CallRecord) -> None:
        """Nothing to note."""


provider = LoopbackProvider()
hooks = OnLooker()


class LoopbackUpstream(asyncio.Protocol):
    """Answers each request with the same reply under an id of its own, as soon as all of it has come.

    With `chunks` it streams so many, one every millisecond.
    """

    def __init__(self, chunks: int = 0) -> None:
        self._buffer = b""
        self._answers = 0
        self._chunks = chunks

    def connection_made(self, transport: Any) -> None:
        """Somebody connected."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A piece of a request."""
        self._buffer += data
        size = message_size(self._buffer)
        if size and len(self._buffer) >= size:
            self._buffer = self._buffer[size:]
            self._answers += 1
            if self._chunks:
                self._transport.write(STREAM_HEAD)
                self.send_chunk(self._chunks)
            else:
                self._transport.write(HEAD % (self._answers, len(REPLY)) + REPLY)

    def send_chunk(self, left: int) -> None:
        """The next of the chunks that are left, or the end."""
        if not left:
            self._transport.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(DONE), DONE))
            return
        self._transport.write(b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK))
        self.pause(left - 1)

    def pause(self, left: int) -> None:
        """Wait before the next chunk."""
        asyncio.get_running_loop().call_later(PACE, self.send_chunk, left)


def message_size(received: bytes) -> int:
    """Bytes of a message with its head, when that can be told; else 0. A chunked one must be the only one."""
    head = received.find(b"\r\n\r\n")
    if head < 0:
        return 0
    if b"\r\ntransfer-encoding:" in received[:head].lower():
        return len(received) if received.endswith(b"\r\n0\r\n\r\n") else 0
    _, found, rest = received[:head].lower().partition(b"\r\ncontent-length:")
    return head + 4 + (int(rest.partition(b"\r\n")[0]) if found else 0)
