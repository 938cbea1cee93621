"""What every provider that is reached over HTTP must do besides: its upstream is played by script."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from nova_core.errors import (
    BadGatewayError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    StreamBrokenError,
    UnsupportedParamsError,
    error_class_for,
)
from nova_core.testing.conformance import KEY, PUBLIC_NAME, TOOLS, expect_both_tools
from nova_core.testing.conformance_accounts import AccountsConformance
from nova_core.testing.conformance_facts import FactsConformance
from nova_core.testing.conformance_framing import FramingConformance
from nova_core.testing.played_upstream import CALLS
from nova_core.testing.provider_bench import chat_request, drained, embeddings_request, responses_request
from nova_core.testing.sent import Sent, objects_in, texts_in
from nova_core.testing.strange import GARBAGE, broken_by_shape
from nova_core.testing.upstream_http import Received
from nova_core.types.call import CallOptions
from nova_core.types.message import Stream
from nova_core.types.upstream import Exchange

STATUSES = (401, 403, 404, 408, 413, 422, 429, 500, 503, 529)
PARALLEL_RESULTS: list[dict[str, Any]] = [
    {"role": "user", "content": "Weather in Oslo, and the time?"},
    {
        "role": "assistant",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}},
            {"id": "c2", "type": "function", "function": {"name": "get_time", "arguments": '{"zone":"CET"}'}},
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "minus seven degrees"},
    {"role": "tool", "tool_call_id": "c2", "content": "a quarter past nine"},
]

CONVERSATION: list[dict[str, Any]] = [
    {"role": "user", "content": "Grüße, is it warm there?"},
    {"role": "assistant", "content": "Not at all 🌊."},
    {"role": "user", "content": "And by night?"},
]


class UpstreamConformance(FramingConformance, FactsConformance, AccountsConformance):
    """Tests of a provider that hands exchanges to the core. Uses the `upstream` fixture; see also `PlayedUpstream`.

    `unsupported` is a member of a chat request, with a value, that the vendor cannot take. `too_long` and
    `against_policy` are the vendor's own answers to a prompt that does not fit the context window, and to one that its
    content filter stops: fields of a `Script`. `call_ids` are what the vendor gets for the ids `c1` and `c2` of calls.
    `asks` are members of a chat request (`messages` may be the text of one), beside `max_tokens` of 100, and `sent` is
    what the vendor must get for it.
    """

    asks: ClassVar[Mapping[str, Any]] = {}
    sent: ClassVar[Sent | None] = None

    unsupported: ClassVar[tuple[str, Any] | None] = None
    call_ids: ClassVar[tuple[bytes, ...]] = (b"c1", b"c2")
    too_long: ClassVar[Mapping[str, Any]] = {
        "status": 400,
        "message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000.",
        "code": "context_length_exceeded",
    }
    against_policy: ClassVar[Mapping[str, Any]] = {
        "status": 400,
        "message": "The prompt was stopped by the content management policy.",
        "code": "content_policy_violation",
    }

    async def test_the_upstream_is_asked_for_its_own_model_with_the_key(self) -> None:
        self.needs("chat")
        async with self.bench(extra_headers={"x-extra": "yes"}) as bench:
            await bench.chat(chat_request(PUBLIC_NAME, "Some words to pass on."))
        received = self.upstream.last
        assert self.asked_model(received) == self.model
        assert PUBLIC_NAME.encode() not in received.body
        assert b"Some words to pass on." in received.body
        assert received.header("x-extra") == "yes"
        assert any(KEY in value for _, value in received.headers)
        assert received.json is None or "json" in (received.header("content-type") or "")

    async def test_the_request_is_said_in_the_words_of_the_vendor(self) -> None:
        if self.sent is None:
            pytest.skip(f"what {self.provider} must be sent is not known")
        async with self.bench() as bench:
            await bench.chat(chat_request(PUBLIC_NAME, **self.asks))
        assert self.sent.otherwise(self.upstream.last) == {}

    async def test_a_conversation_reaches_the_upstream_in_its_order(self) -> None:
        self.needs("chat")
        async with self.bench() as bench:
            try:
                await bench.chat(chat_request(PUBLIC_NAME, CONVERSATION))
            except UnsupportedParamsError as refused:
                if "`messages" not in refused.message:
                    raise
                pytest.skip(f"{self.provider} refuses conversations by name")
        said = self.said_to(self.upstream.last)
        places = [said.find(message["content"]) for message in CONVERSATION]
        assert -1 not in places
        assert places == sorted(places)

    async def test_tools_are_called_in_parallel_plain_and_streamed(self) -> None:
        self.needs("chat")
        self.needs_tools()
        self.now(tool_calls=CALLS)
        async with self.bench() as bench:
            for stream in (False, True):
                expect_both_tools(await bench.chat(chat_request(PUBLIC_NAME, "Go.", tools=TOOLS, stream=stream)))
        assert all(name in self.upstream.last.body for name in (b"get_weather", b"get_time"))

    async def test_callers_of_the_responses_api_are_served_plain_and_streamed(self) -> None:
        self.needs("chat")
        async with self.bench() as bench:
            for stream in (False, True):
                reply = await bench.chat(responses_request(PUBLIC_NAME, "Some words to pass on.", stream=stream))
                assert reply.text == "Hello from the upstream."
                assert b"Some words to pass on." in self.upstream.last.body
                assert self.asked_model(self.upstream.last) == self.model
            if self.calls_tools:
                self.now(tool_calls=CALLS)
                for stream in (False, True):
                    expect_both_tools(await bench.chat(responses_request(PUBLIC_NAME, tools=TOOLS, stream=stream)))

    async def test_tools_that_cannot_be_called_are_refused_by_name(self) -> None:
        await super().test_tools_that_cannot_be_called_are_refused_by_name()
        assert self.upstream.requests == []

    async def test_parallel_tool_results_reach_the_upstream(self) -> None:
        self.needs("chat")
        self.needs_tools()
        async with self.bench() as bench:
            await bench.chat(chat_request(PUBLIC_NAME, PARALLEL_RESULTS, tools=TOOLS))
        body = self.upstream.last.body
        assert all(said in body for said in (b"minus seven degrees", b"a quarter past nine", *self.call_ids))
        # As an object, or as the JSON text of one: not as the text of a text.
        assert {"city": "Oslo"} in [*objects_in(self.upstream.last.json)]

    async def test_usage_is_what_the_upstream_says(self) -> None:
        self.needs("chat")
        async with self.bench() as bench:
            for stream in (False, True):
                usage = (await bench.chat(chat_request(PUBLIC_NAME, stream=stream))).usage
                counts = None if usage is None else (usage.input_total, usage.output_total)
                assert counts == ((11, 7) if self.states_usage else None)

    async def test_who_speaks_is_told(self) -> None:
        self.needs("chat")
        others = [{**message, "role": "user"} for message in CONVERSATION]
        bodies = set()
        async with self.bench() as bench:
            for messages in (CONVERSATION, others):
                try:
                    await bench.chat(chat_request(PUBLIC_NAME, messages))
                except UnsupportedParamsError:
                    pytest.skip(f"{self.provider} refuses conversations by name")
                bodies.add(self.upstream.last.body)
        assert len(bodies) == 2

    async def test_asking_waits_for_nothing_and_opens_no_connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.needs("chat")

        def touched(*_: object, **__: object) -> None:
            raise AssertionError("the provider waits, or opens a connection: the core moves the bytes")

        async with self.bench() as bench:
            with monkeypatch.context() as patched:
                for module, name in ((socket, "socket"), (socket, "getaddrinfo"), (time, "sleep")):
                    patched.setattr(module, name, touched)
                assert isinstance(await bench.said(self.asked(self.prompt)), Exchange)

    async def test_an_answer_that_is_none_is_an_error(self) -> None:
        self.needs("chat")
        async with self.bench() as bench:
            for body in GARBAGE:
                self.now(body=body)
                error = await self.failure(bench.chat(chat_request(PUBLIC_NAME)))
                assert error.status >= 500, body[:50]

    async def test_an_answer_of_another_shape_raises_errors_only(self) -> None:
        self.needs("chat")
        self.now(text="Hello.", tool_calls=CALLS[:1] if self.calls_tools else ())
        request = chat_request(PUBLIC_NAME, "Go.", **({"tools": TOOLS} if self.calls_tools else {}))
        async with self.bench() as bench:
            await bench.chat(request)
        assert broken_by_shape(bench.read, request) == []

    @pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
    @pytest.mark.parametrize("status", STATUSES)
    async def test_an_error_status_is_an_error_of_its_class(self, status: int, stream: bool) -> None:
        self.needs("chat")
        self.now(status=status, message="the scripted reason", headers={"retry-after": "7"})
        async with self.bench() as bench:
            error = await self.failure(bench.chat(chat_request(PUBLIC_NAME, stream=stream)))
        assert isinstance(error, error_class_for(status))
        assert error.status == status
        assert "the scripted reason" in error.message
        if status == 429:
            assert error.retry_after == 7

    @pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
    async def test_what_the_prompt_is_refused_for_is_told_apart(self, stream: bool) -> None:
        self.needs("chat")
        refusals = ((self.too_long, ContextWindowExceededError), (self.against_policy, ContentPolicyViolationError))
        async with self.bench() as bench:
            for answer, expected in refusals:
                self.now(**answer)
                error = await self.failure(bench.chat(chat_request(PUBLIC_NAME, stream=stream)))
                assert type(error) is expected
                assert error.status == answer["status"]
                assert not error.retryable

    async def test_a_page_of_html_is_an_error_whatever_its_status(self) -> None:
        self.needs("chat")
        async with self.bench() as bench:
            for status, stream in ((200, False), (200, True), (503, False)):
                self.now(html=True, status=status)
                error = await self.failure(bench.chat(chat_request(PUBLIC_NAME, stream=stream)))
                expected = BadGatewayError if status == 200 else error_class_for(status)
                assert isinstance(error, expected | StreamBrokenError if stream else expected)

    @pytest.mark.parametrize("mishap", [{"half_stream": True}, {"reset": "body"}], ids=["unfinished", "reset"])
    async def test_half_a_stream_is_a_broken_stream(self, mishap: dict[str, Any]) -> None:
        self.needs("chat")
        self.needs_streams()
        self.now(text="quite a few words that are cut", **mishap)
        async with self.bench() as bench:
            stream = await bench.ask(chat_request(PUBLIC_NAME, stream=True))
            assert isinstance(stream, Stream)
            with pytest.raises(StreamBrokenError):
                await drained(stream)

    async def test_a_reset_before_the_answer_is_an_error(self) -> None:
        self.needs("chat")
        self.now(reset=True)
        async with self.bench() as bench:
            error = await self.failure(bench.chat(chat_request(PUBLIC_NAME)))
        assert error.retryable

    @pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
    async def test_cancelling_closes_the_upstream_within_a_second(self, stream: bool) -> None:
        self.needs("chat")
        self.now(stall=True)
        async with self.bench() as bench:
            task = asyncio.create_task(bench.chat(chat_request(PUBLIC_NAME, stream=stream)))
            await self.upstream.until(lambda seen: seen.requests)
            task.cancel()
            await self.upstream.until(lambda seen: seen.disconnects, seconds=1.0)
            with pytest.raises(asyncio.CancelledError):
                await task

    async def test_leaving_a_stream_closes_the_upstream_within_a_second(self) -> None:
        self.needs("chat")
        self.needs_streams()
        self.now(text="word " * 200, gap=0.02)
        async with self.bench() as bench:
            stream = await bench.ask(chat_request(PUBLIC_NAME, stream=True))
            assert isinstance(stream, Stream)
            await stream.aclose()
            await self.upstream.until(lambda seen: seen.disconnects, seconds=1.0)

    async def test_an_upstream_that_quotes_the_key_does_not_give_it_away(self) -> None:
        self.needs("chat")
        self.now(status=401, message=f"Incorrect API key provided: {KEY}.")
        async with self.bench() as bench:
            error = await self.failure(bench.chat(chat_request(PUBLIC_NAME)))
        assert KEY not in f"{error!s} {error!r} {error.message} {error.headers!r} {error.hint}"

    async def test_what_the_vendor_cannot_take_is_refused_by_name(self) -> None:
        if self.unsupported is None:
            pytest.skip(f"{self.provider} takes every parameter")
        name, value = self.unsupported
        async with self.bench() as bench:
            with pytest.raises(UnsupportedParamsError) as caught:
                await bench.ask(chat_request(PUBLIC_NAME, **{name: value}))
        assert name in caught.value.message
        assert self.upstream.requests == []

    async def test_what_the_vendor_cannot_take_is_dropped_where_allowed(self) -> None:
        if self.unsupported is None:
            pytest.skip(f"{self.provider} takes every parameter")
        name, value = self.unsupported
        async with self.bench() as bench:
            await bench.ask(chat_request(PUBLIC_NAME, **{name: value}), CallOptions(drop_params=True))
            assert bench.call is not None
            assert any(field.startswith(name) for field in bench.call.fidelity.dropped)
        assert name not in self.upstream.last.members

    async def test_embeddings_ask_for_the_upstreams_own_model(self) -> None:
        self.needs("embedding")
        async with self.bench(model=self.embedding_model) as bench:
            await bench.ask(embeddings_request(PUBLIC_NAME, ["one", "two"]))
        assert self.asked_model(self.upstream.last) == self.embedding_model
        assert self.inputs(self.upstream.last) == ["one", "two"]

    def said_to(self, received: Received) -> str:
        """What a request says to the model, in the order in which it is read."""
        return " ".join(texts_in(received.json or received.members))

    def inputs(self, received: Received) -> list[Any]:
        """The items of an embeddings request as the upstream got them."""
        items: list[Any] = received.json["input"]
        return items
