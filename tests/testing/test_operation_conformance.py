"""The kit for operations beside chat passes a plain provider, and notices what a bad one does wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from nova_core.errors import AuthenticationError, BadRequestError
from nova_core.testing import OperationConformance, Sent
from nova_core.types.audio import TranscriptionReply
from nova_core.types.capabilities import Capabilities
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Reply
from nova_core.types.upstream import UpstreamRequest
from nova_core.types.usage import Units, Usage
from nova_core.wire.openai_compatible import MEDIA_DIALECTS, OpenAICompatible
from nova_core.wire.openai_transcriptions import OpenAITranscriptions
from nova_core.wire.operation_samples import WAV

ALIKE = {"input": "Good day.", "voice": "alloy", "model": "model-a"}


class Plain(OpenAICompatible):
    """Speaks OpenAI's formats."""

    providers = ("plain",)
    api_key_env = ("PLAIN_API_KEY",)
    dialects = MEDIA_DIALECTS


class TestTranscripts(OperationConformance):
    plugin = Plain()
    provider = "plain"
    operation = "transcription"
    key_env = "PLAIN_API_KEY"
    sent = Sent("/v1/audio/transcriptions", form={"model": "model-a", "file": WAV})
    answer: ClassVar[dict[str, Any]] = {"json": {"text": "Good day.", "duration": 2.5}}
    tells: ClassVar[dict[str, Any]] = {"text": "Good day.", "duration": 2.5}
    used = Usage(units=Units(input_seconds=2.5))
    stream_asks: ClassVar[dict[str, Any]] = {"stream": True}
    stream_answer: ClassVar[dict[str, Any]] = {"text": "Good day."}
    stream_tells: ClassVar[list[dict[str, Any]]] = [{"type": "transcript.text.done", "text": "Good day."}]


class TestSpeech(OperationConformance):
    plugin = Plain()
    provider = "plain"
    operation = "speech"
    sent = Sent("/v1/audio/speech", json=ALIKE)
    answer: ClassVar[dict[str, Any]] = {"body": b"ID3audio", "headers": {"content-type": "audio/mpeg"}}
    tells = b"ID3audio"
    told_type = "audio/mpeg"
    used = Usage(units=Units(characters=9))


class Elsewhere(Plain):
    """Asks at another address."""

    paths: ClassVar = {**Plain.paths, "transcription": "/listen"}


class Careless(Plain):
    """Leaves the language out without a word."""

    def to_upstream(self, request):
        return request.without("language")


class Boastful(Plain):
    """Says that it takes what it refuses."""

    unsupported = frozenset({"prompt"})

    def capabilities(self, deployment):
        return Capabilities(lambda name: Fate.MAPPED)


class Vague(Plain):
    """Refuses one thing in the name of another."""

    def review(self, request):
        found = super().review(request)
        return Fidelity((*found.notes, *[FieldNote("file", Fate.LOST)] * ("prompt" in request.members)))


class Blunt(Plain):
    """Has one error for everything."""

    def read_error(self, response):
        return BadRequestError("no")


class Talkative(Plain):
    """Says which key was refused."""

    def _read_error(self, deployment, response):
        return AuthenticationError(f"the upstream refused {deployment.api_key.reveal()}")


class Credulous(OpenAITranscriptions):
    """Takes whatever comes for a transcript, and reads it without looking."""

    def check_reply(self, members):
        pass

    def parse_reply(self, members):
        return TranscriptionReply(members["text"].strip())


class Hasty(OpenAITranscriptions):
    """Takes the end of the data for the end of the answer."""

    def decoder(self):
        decoder = super().decoder()
        return SimpleNamespace(decode=decoder.decode, end=tuple)


class Uncounting(OpenAITranscriptions):
    """Counts nothing."""

    def usage_of(self, members):
        return None


class Buffering(Plain):
    """Waits for the whole file."""

    def outgoing(self, lane, request, headers, streamed):
        made = super().outgoing(lane, request, headers, streamed)
        return UpstreamRequest(made.url, "POST", made.headers, b"whole", streamed)


class Inventive(Plain):
    """Has an answer, whatever the upstream says."""

    def _read(self, dialect, response):
        return Reply(dialect.operation, dialect, {"text": "Good day.", "duration": 2.5})


def speaking(dialect: Any) -> Plain:
    """A provider with this dialect."""
    made = Plain()
    made.dialects = {dialect.operation: dialect}
    return made


NOTICED = [
    (TestTranscripts, Elsewhere(), "test_the_request_is_said_in_the_words_of_the_vendor"),
    (TestTranscripts, Careless(), "test_no_parameter_is_lost_in_silence"),
    (TestTranscripts, Boastful(), "test_no_parameter_is_lost_in_silence"),
    (TestTranscripts, Vague(), "test_no_parameter_is_lost_in_silence"),
    (TestTranscripts, Blunt(), "test_an_error_status_is_an_error_of_its_class"),
    (TestTranscripts, Talkative(), "test_an_error_status_is_an_error_of_its_class"),
    (TestTranscripts, speaking(Credulous("transcription")), "test_an_answer_that_is_none_is_an_error"),
    (TestTranscripts, speaking(Credulous("transcription")), "test_an_answer_of_another_shape_breaks_nothing"),
    (TestTranscripts, Inventive(), "test_half_an_answer_is_an_error"),
    (TestTranscripts, Buffering(), "test_a_file_is_sent_while_it_comes_and_anew_for_every_attempt"),
    (
        TestTranscripts,
        speaking(Hasty("transcription")),
        "test_a_stream_that_breaks_off_anywhere_never_ends_cleanly_with_half_an_answer",
    ),
    (TestTranscripts, speaking(Uncounting("transcription")), "test_the_answer_has_the_shape_of_the_callers_format"),
]


@pytest.mark.parametrize(
    ("kit", "bad", "test"), NOTICED, ids=lambda value: type(value).__name__ if isinstance(value, Plain) else ""
)
async def test_a_bad_provider_is_noticed(upstream, kit, bad, test):
    class Kit(kit):
        plugin = bad

    tried = Kit()
    tried.upstream = upstream
    tried.as_usual()
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        await getattr(tried, test)()
