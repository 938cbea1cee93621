"""The conformance kit passes plain providers of both chat dialects, and notices what a bad one does wrong."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import ClassVar

import pytest
from msgspec.structs import replace

from nova_core.errors import AuthenticationError, BadRequestError, StreamBrokenError
from nova_core.hookspecs import hookimpl
from nova_core.testing import Sent, UpstreamConformance
from nova_core.testing.conformance import KEY
from nova_core.testing.provider import ScriptedProvider, plugin
from nova_core.types.capabilities import Capabilities
from nova_core.types.events import Finish, ThinkingDelta, UsageUpdate
from nova_core.types.fidelity import Fate
from nova_core.types.usage import Usage
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.provider import DialectProvider
from nova_core.wire.sse import SseParser


class TestScripted(UpstreamConformance):
    plugin = plugin
    provider = "scripted"
    operations = frozenset({"chat", "completion", "embedding"})
    embedding_model = "embed-a"


class MessagesProvider(DialectProvider):
    """Speaks the other chat dialect."""

    providers = ("messages",)
    dialects: ClassVar = {"chat": ANTHROPIC_MESSAGES}
    paths: ClassVar = {"chat": "/messages"}
    api_key_env = ("MESSAGES_API_KEY",)

    def headers(self, deployment, call):
        return [("x-api-key", self.key(deployment))]


class TestMessages(UpstreamConformance):
    plugin = MessagesProvider()
    provider = "messages"
    operations = frozenset({"chat", "completion"})
    key_env = "MESSAGES_API_KEY"
    unsupported = ("logit_bias", {"50256": -100})


class Keyless(ScriptedProvider):
    """Forgets to send the key."""

    def headers(self, deployment, call):
        return []


class Misnaming(ScriptedProvider):
    """Asks the upstream for the caller's name of the model."""

    def to_upstream(self, request):
        return request.with_members({"model": "the-public-name"})


class Unstreaming(ScriptedProvider):
    """Never asks for a stream."""

    def to_upstream(self, request):
        return request.without("stream", "stream_options")


class Unmetered(ScriptedProvider):
    """Asks for streams without their usage."""

    def to_upstream(self, request):
        return request.without("stream_options")


class Forgetful(ScriptedProvider):
    """Leaves tools out without a word."""

    def to_upstream(self, request):
        return request.without("tools")


class Careless(ScriptedProvider):
    """Leaves the temperature out without a word."""

    def to_upstream(self, request):
        return request.without("temperature")


class Boastful(ScriptedProvider):
    """Says that it takes what it refuses."""

    unsupported = frozenset({"seed"})

    def capabilities(self, deployment):
        return Capabilities(lambda name: Fate.MAPPED)


class Torn(ScriptedProvider):
    """Reads each piece of a stream as if it were whole."""

    def frames(self, dialect):
        return TornParser()


class TornParser:
    def feed(self, data):
        parser = SseParser()
        return [*parser.feed(data), *parser.end()]

    def end(self):
        return []


class Hasty(ScriptedProvider):
    """Takes the end of the data for the end of the answer."""

    def dialect_for(self, operation, deployment):
        return HastyDialect()


class HastyDialect(type(OPENAI_CHAT)):
    def decoder(self):
        decoder = super().decoder()
        return SimpleNamespace(decode=decoder.decode, end=tuple)


class Blunt(ScriptedProvider):
    """Has one error for everything that is wrong with a request."""

    def read_error(self, response):
        return BadRequestError("no")


class Whimsical(ScriptedProvider):
    """Leaves the temperature out of what is streamed."""

    def to_upstream(self, request):
        return request.without("temperature") if request.get("stream") else request


class Hurried(ScriptedProvider):
    """Sends the last message alone."""

    def to_upstream(self, request):
        return request.with_members({"messages": request.get("messages")[-1:]})


class Deaf(ScriptedProvider):
    """Lets users speak alone."""

    def to_upstream(self, request):
        return request.with_members({"messages": [{**each, "role": "user"} for each in request.get("messages")]})


class Wrapping(ScriptedProvider):
    """Says the text of arguments as JSON once more."""

    def to_upstream(self, request):
        messages = json.loads(json.dumps(request.get("messages")))
        for call in (call for each in messages for call in each.get("tool_calls", ())):
            call["function"]["arguments"] = json.dumps(call["function"]["arguments"])
        return request.with_members({"messages": messages})


class Plain(ScriptedProvider):
    """Says that its JSON is text."""

    def outgoing(self, *asked, **more):
        request = super().outgoing(*asked, **more)
        return replace(request, headers=(("content-type", "text/plain"), ("authorization", f"Bearer {KEY}")))


class Waiting(ScriptedProvider):
    """Waits before it asks."""

    def to_upstream(self, request):
        time.sleep(0.001)
        return request


class Ascii(ScriptedProvider):
    """Reads the bytes of a stream as if each piece held whole characters."""

    def frames(self, dialect):
        parser = SseParser()
        return SimpleNamespace(feed=lambda data: parser.feed(data.decode("utf-8", "ignore").encode()), end=parser.end)


class Sharing(ScriptedProvider):
    """Reads all streams with one parser."""

    one = SseParser()

    def frames(self, dialect):
        return self.one


class Decoding(ScriptedProvider):
    """Reads the frames of streams in a way of its own: `how(decode, frame)`."""

    def __init__(self, how):
        self.how = how

    def dialect_for(self, operation, deployment):
        return DecodingDialect(self.how) if operation == "chat" else super().dialect_for(operation, deployment)


class DecodingDialect(type(OPENAI_CHAT)):
    def __init__(self, how):
        super().__init__()
        self.how = how

    def decoder(self):
        decoder = super().decoder()
        return SimpleNamespace(decode=lambda frame: self.how(decoder.decode, frame), end=decoder.end)


def thoughtless(decode, frame):
    return tuple(event for event in decode(frame) if not isinstance(event, ThinkingDelta))


def uncached(decode, frame):
    return tuple(
        UsageUpdate(Usage(event.usage.input_total, output=7)) if isinstance(event, UsageUpdate) else event
        for event in decode(frame)
    )


def content(decode, frame):
    return tuple(Finish(0, "stop") if isinstance(event, Finish) else event for event in decode(frame))


def trusting(decode, frame):
    return decode(frame) if b"[DONE]" in frame.data or json.loads(frame.data)["choices"] is not None else ()


def unworried(decode, frame):
    return () if b'"error"' in frame.data else decode(frame)


class Talkative(ScriptedProvider):
    """Says which key was refused."""

    @hookimpl
    def provider_call(self, call, request, deployment):
        exchange = super().provider_call(call, request, deployment)
        key = deployment.api_key.reveal()
        return replace(exchange, read_error=lambda response: AuthenticationError(f"the upstream refused {key}"))


@pytest.mark.parametrize(
    ("bad", "test"),
    [
        (Keyless(), "test_the_upstream_is_asked_for_its_own_model_with_the_key"),
        (Misnaming(), "test_the_upstream_is_asked_for_its_own_model_with_the_key"),
        (Unstreaming(), "test_a_stream_is_one_and_ends_with_a_finish"),
        (Unmetered(), "test_usage_is_what_the_upstream_says"),
        (Unmetered(), "test_a_completion_is_answered_plain_and_streamed"),
        (Careless(), "test_no_parameter_is_lost_in_silence"),
        (Whimsical(), "test_no_parameter_is_lost_in_silence"),
        (Hurried(), "test_a_conversation_reaches_the_upstream_in_its_order"),
        (Deaf(), "test_who_speaks_is_told"),
        (Wrapping(), "test_parallel_tool_results_reach_the_upstream"),
        (Plain(), "test_the_upstream_is_asked_for_its_own_model_with_the_key"),
        (Ascii(), "test_a_stream_is_read_alike_wherever_its_bytes_are_split"),
        (Sharing(), "test_streams_at_the_same_time_do_not_disturb_each_other"),
        (Decoding(thoughtless), "test_thoughts_are_told_apart_from_the_text"),
        (Decoding(uncached), "test_tokens_from_a_cache_are_counted_as_such"),
        (Decoding(content), "test_an_answer_that_was_cut_is_told_as_such"),
        (Decoding(content), "test_an_answer_that_was_stopped_by_a_filter_is_told_as_such"),
        (Decoding(trusting), "test_a_frame_of_another_shape_raises_errors_only"),
        (Boastful(), "test_no_parameter_is_lost_in_silence"),
        (Torn(), "test_a_stream_is_read_alike_wherever_its_bytes_are_split"),
        (Hasty(), "test_a_stream_that_breaks_off_anywhere_never_ends_cleanly_with_half_an_answer"),
        (Talkative(), "test_an_upstream_that_quotes_the_key_does_not_give_it_away"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ScriptedProvider) else "",
)
async def test_a_bad_provider_is_noticed(upstream, bad, test):
    class Kit(TestScripted):
        plugin = bad

    kit = Kit()
    kit.upstream = upstream.script(Kit.model, "Hello from the upstream.", usage=(11, 7))
    with pytest.raises((AssertionError, StreamBrokenError)):
        await getattr(kit, test)()


async def test_a_provider_that_waits_is_noticed(upstream, monkeypatch):
    class Kit(TestScripted):
        plugin = Waiting()

    kit = Kit()
    kit.upstream = upstream
    with pytest.raises(AssertionError, match="the core moves the bytes"):
        await kit.test_asking_waits_for_nothing_and_opens_no_connection(monkeypatch)


async def test_an_error_that_is_passed_over_is_noticed(upstream):
    class Kit(TestScripted):
        plugin = Decoding(unworried)

    kit = Kit()
    kit.upstream = upstream
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await kit.test_an_error_amid_a_stream_is_told()


async def test_another_request_than_the_vendors_is_noticed(upstream):
    class Kit(TestScripted):
        asks: ClassVar = {"messages": "Hi", "temperature": 0.5}
        sent = Sent(
            "/v1/chat/completions",
            json={
                "model": "model-a",
                "messages": [{"role": "user", "content": "Hi"}],
                "max_tokens": 100,
                "temperature": 0.5,
            },
        )

    kit = Kit()
    kit.upstream = upstream.script("*", "Hello.")
    await kit.test_the_request_is_said_in_the_words_of_the_vendor()
    kit.plugin = Careless()
    with pytest.raises(AssertionError):
        await kit.test_the_request_is_said_in_the_words_of_the_vendor()


async def test_errors_that_are_not_told_apart_are_noticed(upstream):
    class Kit(TestScripted):
        plugin = Blunt()

    kit = Kit()
    kit.upstream = upstream
    with pytest.raises(AssertionError):
        await kit.test_what_the_prompt_is_refused_for_is_told_apart(stream=False)


async def test_tools_that_are_left_out_without_a_word_are_noticed(upstream):
    class Kit(TestScripted):
        plugin = Forgetful()
        calls_tools = False

    kit = Kit()
    kit.upstream = upstream.script(Kit.model, "Hello from the upstream.")
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await kit.test_tools_that_cannot_be_called_are_refused_by_name()
