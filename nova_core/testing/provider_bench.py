"""Runs one provider by itself: its hook as the gateway would call it, over the real transport."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import msgspec

from nova_core.gateway.exchange import perform
from nova_core.gateway.policy import Limits
from nova_core.gateway.relay import chunks_of
from nova_core.gateway.transport import Transport, TransportOptions
from nova_core.gateway.transport_default import default_transport
from nova_core.plugins.active import activate, new_manager
from nova_core.plugins.compiler import compile_pipeline
from nova_core.types.call import Call, CallOptions
from nova_core.types.chat import ChatReply
from nova_core.types.deployment import Deployment
from nova_core.types.events import Event
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.upload import File, InMemory
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS
from nova_core.wire.assemble import assemble
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.openai_image_edits import OPENAI_IMAGE_EDITS
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS
from nova_core.wire.png_alpha import grey_png

HALF_MASK = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAYAAAD0In+KAAAADElEQVR4nGNggID/AAEIAQBNGY85AAAAAElFTkSuQmCC"
)
"""A mask as OpenAI has them: two pixels, the first of which, to be changed, is transparent."""
WHITE_HALF, BLACK_HALF = (grey_png(2, [row]) for row in (b"\xff\0", b"\0\xff"))
"""The same for vendors who mark in white, or in black."""
LIMITS = Limits(connect=5.0, total=20.0, first_chunk=20.0, idle=20.0)


class ProviderBench:
    """A provider plugin registered as the gateway registers it, and a deployment of it.

    `call` and `exchange` are those of the latest request, `read` its exchanges that had a whole answer, with that.
    Where `waits` is false, what is asked again later is asked at once.
    """

    def __init__(self, plugin: Any, deployment: Deployment, transport: Transport) -> None:
        provider = deployment.provider
        active = activate(plugin, name=provider, providers=(provider,), manager=new_manager())
        self._step = compile_pipeline((active,)).provider_call[provider]
        self._transport = transport
        self.deployment = deployment
        self.call: Call | None = None
        self.exchange: Exchange | None = None
        self.read: list[tuple[Exchange, UpstreamResponse]] = []
        self.waits = True

    async def ask(self, request: Request, options: CallOptions | None = None, **changes: Any) -> Reply | Stream:
        """One attempt; `changes` are to the deployment. Raises what the attempt raises."""
        answer = await self.said(request, options, **changes)
        if isinstance(answer, Exchange):
            assert self.call is not None
            answer = await perform(self._transport, self.call, self._noted(answer), LIMITS)
        assert isinstance(answer, Reply | Stream), f"provider_call answered {answer!r}"
        return answer

    async def said(self, request: Request, options: CallOptions | None = None, **changes: Any) -> Any:
        """What the provider says to a request: an answer, or the exchange that leads to one. Nobody is asked yet."""
        self.call = Call(request, options=options)
        self.read = []
        return await self._step.ask(self.call, request, replace(self.deployment, **changes))

    def _noted(self, exchange: Exchange) -> Exchange:
        """The exchange, noted as the latest; so are those that it leads to."""
        self.exchange = exchange

        def read(response: UpstreamResponse) -> Reply | Exchange:
            self.read.append((exchange, response))
            answer = exchange.read(response)
            return self._noted(answer) if isinstance(answer, Exchange) else answer

        return msgspec.structs.replace(exchange, read=read, wait=exchange.wait if self.waits else 0.0)

    async def chat(self, request: Request, **changes: Any) -> ChatReply:
        """A whole chat reply, typed; a stream is read to its end and put together."""
        answer = await self.ask(request, **changes)
        if isinstance(answer, Stream):
            return assemble(await drained(answer))
        assert isinstance(answer.typed, ChatReply)
        return answer.typed


@asynccontextmanager
async def bench(plugin: Any, deployment: Deployment) -> AsyncIterator[ProviderBench]:
    """A bench with a transport of its own, closed at the end."""
    # A played upstream speaks plain HTTP: to load the system's certificates would take longer than the test.
    plain = (deployment.api_base or "").startswith("http://")
    transport = default_transport(TransportOptions(ssl_verify=False) if plain else TransportOptions())
    try:
        yield ProviderBench(plugin, deployment, transport)
    finally:
        await transport.aclose()


async def drained(stream: Stream) -> list[Event]:
    """All events of a stream, which is closed afterwards. Raises what breaks it."""
    try:
        return [event async for chunk in chunks_of(stream) for event in chunk.events]
    finally:
        await stream.aclose()


def chat_request(model: str, messages: str | list[dict[str, Any]] = "Hi there", **members: Any) -> Request:
    """A chat request as a caller of chat completions sends it."""
    said = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    if members.get("stream"):
        members.setdefault("stream_options", {"include_usage": True})
    return Request("chat", OPENAI_CHAT, {"model": model, "messages": said, "max_tokens": 100, **members})


def responses_request(model: str, input: str | list[dict[str, Any]] = "Hi there", **members: Any) -> Request:
    """The same as a caller of the Responses API sends it; tools are given as chat completions have them."""
    if tools := members.pop("tools", None):
        members["tools"] = [{"type": "function", **tool["function"]} for tool in tools]
    return Request("chat", OPENAI_RESPONSES, {"model": model, "input": input, "max_output_tokens": 100, **members})


def completion_request(model: str, prompt: str, **members: Any) -> Request:
    """A request for a completion as a caller sends it."""
    if members.get("stream"):
        members.setdefault("stream_options", {"include_usage": True})
    return Request("completion", OPENAI_COMPLETIONS, {"model": model, "prompt": prompt, "max_tokens": 100, **members})


def count_request(model: str, text: str) -> Request:
    """A request for the count of a message's tokens as a caller sends it."""
    said = [{"role": "user", "content": text}]
    return Request("count_tokens", ANTHROPIC_COUNT_TOKENS, {"model": model, "messages": said})


def embeddings_request(model: str, input: Any, **members: Any) -> Request:
    """An embeddings request as a caller sends it."""
    return Request("embedding", OPENAI_EMBEDDINGS, {"model": model, "input": input, **members})


def transcription_request(model: str, content: bytes = b"RIFF....WAVE", **members: Any) -> Request:
    """A request for a transcript as a caller sends it, of a file that has come."""
    file = File("talk.wav", "audio/wav", InMemory(content))
    return Request("transcription", OPENAI_TRANSCRIPTIONS, {"model": model, "file": file, **members})


def images_request(model: str, **members: Any) -> Request:
    """A request for images as a caller sends it."""
    return Request("image_generation", OPENAI_IMAGES, {"model": model, "prompt": "a cat", **members})


def edit_request(model: str, *images: bytes, mask: bytes | None = None, **members: Any) -> Request:
    """A request to edit images (PNG) as a caller sends it, the files of which have come."""
    files = [File(f"{place}.png", "image/png", InMemory(each)) for place, each in enumerate(images)]
    given = {} if mask is None else {"mask": File("mask.png", "image/png", InMemory(mask))}
    asked = {"model": model, "prompt": "a hat on the cat", "image": files if len(files) > 1 else files[0]}
    return Request("image_edit", OPENAI_IMAGE_EDITS, {**asked, **given, **members})


def function_tool(name: str, **properties: Mapping[str, Any]) -> dict[str, Any]:
    """A function tool whose arguments are these properties of a JSON schema."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": f"The {name}.", "parameters": schema}}
