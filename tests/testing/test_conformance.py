"""The conformance kit passes plain providers of both chat dialects, and notices what a bad one does wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import ClassVar

import pytest
from msgspec.structs import replace

from nova_core.errors import AuthenticationError, BadRequestError, StreamBrokenError
from nova_core.hookspecs import hookimpl
from nova_core.testing import UpstreamConformance
from nova_core.testing.provider import ScriptedProvider, plugin
from nova_core.types.capabilities import Capabilities
from nova_core.types.fidelity import Fate
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
