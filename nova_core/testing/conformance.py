"""What every provider must do, as tests: subclass, say which provider, and pytest runs them."""

from __future__ import annotations

import asyncio
import base64
import math
import struct
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

import pytest

from nova_core.errors import UnsupportedParamsError
from nova_core.testing.provider_bench import (
    ProviderBench,
    chat_request,
    completion_request,
    count_request,
    drained,
    embeddings_request,
    function_tool,
)
from nova_core.testing.under_test import KEY as KEY
from nova_core.testing.under_test import PUBLIC_NAME as PUBLIC_NAME
from nova_core.testing.under_test import ProviderUnderTest
from nova_core.types.chat import ChatReply, Text, ToolCall
from nova_core.types.embeddings import EmbeddingsReply
from nova_core.types.events import Finish, UsageUpdate
from nova_core.types.message import Reply, Request, Stream

TOOLS = [function_tool("get_weather", city={"type": "string"}), function_tool("get_time", zone={"type": "string"})]


class ProviderConformance(ProviderUnderTest):
    """Tests of any provider, in-process ones included. For one that is reached over HTTP see `UpstreamConformance`.

        class TestEcho(ProviderConformance):
            plugin = plugin
            provider = "echo"
            operations = frozenset({"chat", "embedding"})

    `model` is the upstream's name for the model, `embedding_model` that of an embedding model. `calls_tools` says
    that `tool_prompt` makes the model call `get_weather` and `get_time` in parallel, where not, tools must be
    refused by name; `streams` that answers come in pieces, `deterministic` that the same request is answered alike
    twice, `states_usage` that answers say what they used: where not, nothing may be made up. `settings` are further
    fields of the deployment, `members` those of every chat and completion (a temperature that makes a model
    deterministic).
    """

    operations: ClassVar[frozenset[str]] = frozenset({"chat"})
    embedding_model: ClassVar[str] = "embed-a"
    members: ClassVar[Mapping[str, Any]] = {}
    prompt: ClassVar[str] = "Say something short."
    deterministic: ClassVar[bool] = True
    calls_tools: ClassVar[bool] = True
    streams: ClassVar[bool] = True
    states_usage: ClassVar[bool] = True
    tool_prompt: ClassVar[str] = 'call get_weather {"city": "Oslo"}\ncall get_time {"zone": "CET"}'

    def needs(self, operation: str) -> None:
        """Skip a test of an operation that the provider does not serve."""
        if operation not in self.operations:
            pytest.skip(f"{self.provider} does not serve {operation}")

    def needs_tools(self) -> None:
        """Skip a test of tools where the provider refuses them."""
        if not self.calls_tools:
            pytest.skip(f"{self.provider} does not call tools")

    def needs_streams(self) -> None:
        """Skip a test of streams where the vendor has whole answers only."""
        if not self.streams:
            pytest.skip(f"{self.provider} has whole answers only")

    def asked(self, said: str, **members: Any) -> Request:
        """A chat request with the `members` of every request."""
        return chat_request(PUBLIC_NAME, said, **{**self.members, **members})

    async def test_it_says_what_it_serves(self) -> None:
        assert self.provider in self.plugin.providers
        assert self.operations - {"embedding"} <= self.plugin.operations(self.model)
        if "embedding" in self.operations:
            assert "embedding" in self.plugin.operations(self.embedding_model)

    async def test_a_plain_chat_is_answered(self) -> None:
        self.needs("chat")
        async with self.bench() as bench:
            reply = await bench.chat(self.asked(self.prompt))
        assert reply.text.strip()
        assert reply.choices[0].message.role == "assistant"
        assert reply.choices[0].finish in ("stop", "length")

    async def test_a_streamed_chat_equals_the_plain_one(self) -> None:
        self.needs("chat")
        async with self.bench() as bench:
            plain = await bench.chat(self.asked(self.prompt))
            streamed = await bench.chat(self.asked(self.prompt, stream=True))
        if self.deterministic:
            assert essence(streamed) == essence(plain)
        assert streamed.text.strip()

    async def test_a_stream_is_one_and_ends_with_a_finish(self) -> None:
        self.needs("chat")
        self.needs_streams()
        async with self.bench() as bench:
            answer = await bench.ask(self.asked(self.prompt, stream=True))
            assert isinstance(answer, Stream)
            events = await drained(answer)
        assert sum(isinstance(event, Finish) for event in events) == 1

    async def test_usage_is_stated_plain_and_streamed(self) -> None:
        self.needs("chat")
        self.needs_streams()
        async with self.bench() as bench:
            plain = await bench.chat(self.asked(self.prompt))
            stream = await bench.ask(self.asked(self.prompt, stream=True))
            assert isinstance(stream, Stream)
            events = await drained(stream)
        streamed = [event.usage for event in events if isinstance(event, UsageUpdate)]
        if not self.states_usage:
            assert (plain.usage, streamed) == (None, [])
            return
        assert plain.usage is not None
        assert plain.usage.input_total > 0
        assert plain.usage.output_total > 0
        assert streamed[-1].input_total == plain.usage.input_total

    async def test_tools_are_called_in_parallel_plain_and_streamed(self) -> None:
        self.needs("chat")
        self.needs_tools()
        async with self.bench() as bench:
            for stream in (False, True):
                request = self.asked(self.tool_prompt, tools=TOOLS, stream=stream)
                reply = await bench.chat(request)
                expect_both_tools(reply)

    async def test_tools_that_cannot_be_called_are_refused_by_name(self) -> None:
        self.needs("chat")
        if self.calls_tools:
            pytest.skip(f"{self.provider} calls tools")
        async with self.bench() as bench:
            for stream in (False, True):
                with pytest.raises(UnsupportedParamsError) as caught:
                    await bench.ask(self.asked(self.prompt, tools=TOOLS, stream=stream))
                assert "`tools`" in caught.value.message

    async def test_a_stream_can_be_left_early(self) -> None:
        self.needs("chat")
        self.needs_streams()
        async with self.bench() as bench:
            stream = await bench.ask(self.asked(self.prompt, stream=True))
            assert isinstance(stream, Stream)
            source: AsyncIterator[object] | None = stream.frames if stream.frames is not None else stream.chunks
            assert source is not None
            await anext(source)
            async with asyncio.timeout(2):
                await stream.aclose()
            assert stream.closed

    async def test_calls_at_the_same_time_do_not_disturb_each_other(self) -> None:
        self.needs("chat")
        async with self.bench() as bench:
            requests = [self.asked(self.prompt) for _ in range(4)]
            replies = await asyncio.gather(*map(bench.chat, requests))
        assert all(reply.text.strip() for reply in replies)

    async def test_a_completion_is_answered_plain_and_streamed(self) -> None:
        self.needs("completion")
        async with self.bench() as bench:
            plain = await bench.chat(completion_request(PUBLIC_NAME, self.prompt, **self.members))
            streamed = await bench.chat(completion_request(PUBLIC_NAME, self.prompt, stream=True, **self.members))
        if self.deterministic:
            assert essence(streamed) == essence(plain)
        for reply in (plain, streamed):
            assert reply.text.strip()
            assert (reply.usage is not None) is self.states_usage
            assert reply.usage is None or reply.usage.output_total > 0

    async def test_tokens_are_counted(self) -> None:
        self.needs("count_tokens")
        async with self.bench() as bench:
            counts = [await self.counted(bench, text) for text in (self.prompt, self.prompt * 20)]
        assert 0 < counts[0] <= counts[1]

    async def test_embeddings_are_one_finite_vector_an_item_in_order(self) -> None:
        self.needs("embedding")
        async with self.bench(model=self.embedding_model) as bench:
            both = await self.vectors(bench, ["a first text", "another text"])
            second = await self.vectors(bench, ["another text"])
        assert len(both) == 2
        assert len(both[0]) == len(both[1]) > 0
        assert all(math.isfinite(number) for vector in both for number in vector)
        assert both[1] == pytest.approx(second[0], abs=1e-3)
        assert both[0] != pytest.approx(both[1], abs=1e-3)

    async def test_base64_embeddings_hold_the_same_numbers(self) -> None:
        self.needs("embedding")
        async with self.bench(model=self.embedding_model) as bench:
            plain = await self.vectors(bench, ["some text"])
            coded = await self.vectors(bench, ["some text"], encoding_format="base64")
        assert coded[0] == pytest.approx(plain[0], abs=1e-4)

    async def test_embeddings_state_their_usage(self) -> None:
        self.needs("embedding")
        async with self.bench(model=self.embedding_model) as bench:
            reply = await bench.ask(embeddings_request(PUBLIC_NAME, ["some text"]))
        assert isinstance(reply, Reply)
        assert reply.usage is not None
        assert reply.usage.input_total > 0

    async def test_the_key_shows_in_no_representation(self) -> None:
        self.needs("chat")
        async with self.bench() as bench:
            reply = await bench.ask(self.asked(self.prompt))
            shown = f"{bench.deployment!r} {bench.exchange!r} {bench.call!r} {reply!r} {self.plugin!r}"
        assert KEY not in shown

    async def counted(self, bench: ProviderBench, text: str) -> int:
        """The tokens of a message."""
        reply = await bench.ask(count_request(PUBLIC_NAME, text))
        assert isinstance(reply, Reply)
        assert reply.typed.usage is not None
        return reply.typed.usage.input_total

    async def vectors(self, bench: ProviderBench, texts: list[str], **members: Any) -> list[list[float]]:
        """Pooled vectors as floats, whichever encoding came."""
        reply = await bench.ask(embeddings_request(PUBLIC_NAME, texts, **members))
        assert isinstance(reply, Reply)
        typed = reply.typed
        assert isinstance(typed, EmbeddingsReply)
        assert [vector.index for vector in typed.data] == list(range(len(texts)))
        return [floats(vector.embedding) for vector in typed.data]


def expect_both_tools(reply: ChatReply) -> None:
    """The two tools of `TOOLS` were called, each with an id of its own."""
    calls = [part for part in reply.choices[0].message.parts if isinstance(part, ToolCall)]
    assert [call.name for call in calls] == ["get_weather", "get_time"]
    assert [call.arguments.replace(" ", "") for call in calls] == ['{"city":"Oslo"}', '{"zone":"CET"}']
    assert len({call.id for call in calls}) == 2
    assert reply.choices[0].finish == "tool_calls"


def essence(reply: ChatReply) -> list[Any]:
    """What must not depend on streaming: per choice its texts, calls and finish, and the usage."""
    said: list[Any] = []
    for choice in reply.choices:
        parts = choice.message.parts
        text = "".join(part.text for part in parts if isinstance(part, Text))
        calls = [(part.name, part.arguments) for part in parts if isinstance(part, ToolCall)]
        said.append((choice.index, text, calls, choice.finish))
    return [*said, reply.usage]


def floats(embedding: Any) -> list[float]:
    """A pooled vector's numbers; base64 is of little-endian float32."""
    if isinstance(embedding, str):
        raw = base64.b64decode(embedding)
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    return [float(number) for number in embedding]
