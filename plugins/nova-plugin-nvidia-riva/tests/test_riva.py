"""NVIDIA Riva: what is asked of its services, what is made of their answers, and when channels open and close."""

from __future__ import annotations

import asyncio
import shutil
import struct
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from nova_core.errors import (
    APIConnectionError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    PayloadTooLargeError,
    PermissionDeniedError,
    RequestTimeoutError,
    UnsupportedParamsError,
)
from nova_core.testing.provider_bench import ProviderBench, bench
from nova_core.testing.told import Told, told
from nova_core.types.audio import TranscriptionReply
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.secret import Secret
from nova_core.types.upload import File, InMemory
from nova_core.types.usage import Units, Usage
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS, OPENAI_TRANSLATIONS
from nova_plugin_nvidia_riva import NvidiaRiva
from nova_plugin_nvidia_riva.address import Address, address_of
from nova_plugin_nvidia_riva.channels import MOST_IDLE, Channels

from .riva_server import Refusal, Riva, alternative, asr, serving, speech

KEY = "nvapi-0123456789-secret"
TIMES = {"timestamp_granularities": ["word"]}
SAMPLES = bytes(range(256)) * 400


def wav(channels: int = 1, samples: bytes = SAMPLES) -> bytes:
    """A file of 16-bit samples at 16 kHz."""
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, 16000, 32000 * channels, 2 * channels, 16)
    data = struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI4s", b"RIFF", 4 + len(layout) + len(data), b"WAVE") + layout + data


@pytest.fixture
async def riva() -> AsyncIterator[Riva]:
    async with serving() as server:
        yield server


@asynccontextmanager
async def reached(riva: Riva, model: str = "nvidia/parakeet", **settings: Any) -> AsyncIterator[ProviderBench]:
    """A provider and a deployment on the server."""
    provider = NvidiaRiva()
    given = Deployment("d", "heard", "nvidia_riva", model, api_base=riva.base, api_key=Secret(KEY), settings=settings)
    async with bench(provider, provider.complete(given, {})) as made:
        yield made
    await provider.shutdown()


def recording(content: bytes | None = None, operation: Any = "transcription", **members: Any) -> Request:
    """A caller's request for a transcript."""
    file = File("talk.wav", "audio/wav", InMemory(wav() if content is None else content, piece=50_000))
    dialect = OPENAI_TRANSLATIONS if operation == "translation" else OPENAI_TRANSCRIPTIONS
    return Request(operation, dialect, {"model": "heard", "file": file, **members})


def text(**members: Any) -> Request:
    """A caller's request for speech."""
    return Request("speech", OPENAI_SPEECH, {"model": "heard", "input": "Good day.", "voice": "alloy", **members})


async def transcript(riva: Riva, request: Request, **settings: Any) -> TranscriptionReply:
    async with reached(riva, **settings) as at:
        reply = await at.ask(request)
    assert isinstance(reply, Reply)
    assert isinstance(reply.typed, TranscriptionReply)
    return reply.typed


async def said(riva: Riva, request: Request, **settings: Any) -> Told:
    async with reached(riva, **settings) as at:
        return await told(at, request)


async def test_a_recording_is_heard_whole(riva: Riva):
    reply = await transcript(riva, recording(), riva_model_name="parakeet-en-US-asr-offline")
    assert (reply.text, reply.language, reply.duration) == ("Good day. Hi.", "en-US", 2.1)
    assert reply.usage == Usage(units=Units(input_seconds=2.1))
    assert riva.last.method == "Recognize"
    assert riva.config == asr.RecognitionConfig(
        language_code="en-US", enable_automatic_punctuation=True, model="parakeet-en-US-asr-offline"
    )
    assert riva.audio == wav()


async def test_times_come_as_words_segments_and_subtitles(riva: Riva):
    document = (await said(riva, recording(response_format="verbose_json"))).document
    assert document["words"][1] == {"word": "day.", "start": 0.32, "end": 0.5}
    assert riva.config.enable_word_time_offsets
    assert not riva.config.diarization_config.enable_speaker_diarization
    subtitles = await said(riva, recording(response_format="srt"))
    assert subtitles.content.decode().startswith("1\n00:00:00,100 --> 00:00:00,500\nGood day.\n")
    assert (await said(riva, recording(response_format="vtt"))).content.startswith(b"WEBVTT\n\n00:00:00.100")
    assert (await said(riva, recording(response_format="text"))).content == b"Good day. Hi.\n"


async def test_without_speakers_segments_are_results(riva: Riva):
    best = alternative("Bonjour. ", ("Bonjour.", 0, 400, 0), language="fr-FR")
    riva.script["Recognize"] = [asr.RecognizeResponse(results=[asr.SpeechRecognitionResult(alternatives=[best])])]
    reply = await transcript(riva, recording(timestamp_granularities=["segment"]))
    assert reply.segments == ({"id": 0, "start": 0.0, "end": 0.4, "text": "Bonjour."},)
    assert reply.words == ({"word": "Bonjour.", "start": 0.0, "end": 0.4},)
    assert (reply.language, reply.duration, reply.usage) == ("fr-FR", None, None)


async def test_speakers_are_told_apart_where_that_is_asked(riva: Riva):
    reply = await transcript(riva, recording(response_format="diarized_json"))
    assert riva.config.diarization_config.enable_speaker_diarization
    assert reply.segments == (
        {"id": 0, "start": 0.1, "end": 0.5, "text": "Good day.", "speaker": "1"},
        {"id": 1, "start": 0.9, "end": 1.1, "text": "Hi.", "speaker": "2"},
    )
    best = alternative("One voice.", ("One", 0, 400, 0), ("voice.", 400, 800, 0))
    riva.script["Recognize"] = [asr.RecognizeResponse(results=[asr.SpeechRecognitionResult(alternatives=[best])])]
    alone = await transcript(riva, recording(diarization_config='{"enable_speaker_diarization": true}', **TIMES))
    assert alone.segments == ({"id": 0, "start": 0.0, "end": 0.8, "text": "One voice.", "speaker": "0"},)


async def test_silence_is_an_empty_transcript(riva: Riva):
    riva.script["Recognize"] = [asr.RecognizeResponse()]
    assert (await said(riva, recording(response_format="srt"))).content == b""
    assert (await transcript(riva, recording())).text == ""


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("parakeet", {"language": "de"}, "de-DE"),
        ("parakeet", {"language": "es-ES"}, "es-ES"),
        ("parakeet", {"language": "xx"}, "xx"),
        ("parakeet", {"language": "en", "language_code": "en-GB"}, "en-GB"),
        ("parakeet-rnnt-1.1b-multilingual", {}, "multi"),
        ("openai/whisper-large-v3", {"language": "fr"}, "fr"),
        ("openai/whisper-large-v3", {}, "multi"),
    ],
)
async def test_languages_are_said_as_the_model_has_them(riva: Riva, model: str, asked: Any, sent: str):
    reply = await transcript(riva, recording(**asked), model=model)
    assert riva.config.language_code == sent
    assert reply.language == (None if sent == "multi" else sent)


async def test_the_vendors_own_members_are_passed_on_also_as_text_of_a_form(riva: Riva):
    own = {
        "profanity_filter": "true",
        "verbatim_transcripts": True,
        "enable_automatic_punctuation": False,
        "speech_contexts": '[{"phrases": ["Ada"], "boost": 20}]',
        "diarization_config": {"enable_speaker_diarization": True, "max_speaker_count": 3},
        "endpointing_config": {"stop_history": 500},
        "custom_configuration": {"neural_vad.onset": "0.9"},
    }
    await transcript(riva, recording(**own))
    assert riva.config == asr.RecognitionConfig(
        language_code="en-US",
        profanity_filter=True,
        verbatim_transcripts=True,
        speech_contexts=[{"phrases": ["Ada"], "boost": 20}],
        diarization_config={"enable_speaker_diarization": True, "max_speaker_count": 3},
        endpointing_config={"stop_history": 500},
        custom_configuration={"neural_vad.onset": "0.9"},
    )
    with pytest.raises(BadRequestError, match="must be true or false") as caught:
        await transcript(riva, recording(profanity_filter="perhaps"))
    assert caught.value.param == "profanity_filter"
    for operation in ("transcription", "translation"):
        with pytest.raises(UnsupportedParamsError, match="nvcf_function_id"):
            await transcript(riva, recording(operation=operation, nvcf_function_id="another"))


async def test_a_translation_is_a_task_of_the_model(riva: Riva):
    document = (
        await said(
            riva,
            recording(operation="translation", custom_configuration={"source_language": "fr-FR"}, language_code="fr"),
        )
    ).document
    assert document["text"] == "Good day. Hi."
    assert dict(riva.config.custom_configuration) == {"task": "translate", "source_language": "fr-FR"}
    assert riva.config.language_code == "fr"
    await said(riva, recording(operation="translation"))
    assert riva.config.language_code == "multi"


async def test_in_streaming_mode_a_recording_goes_in_pieces_while_it_comes(riva: Riva):
    reply = await transcript(riva, recording(language="en"), riva_mode="streaming")
    assert (reply.text, reply.duration) == ("Good day. Hi.", 2.1)
    assert riva.last.method == "StreamingRecognize"
    assert riva.config.language_code == "en-US"
    assert not riva.last.messages[0].streaming_config.interim_results
    assert riva.audio == wav()
    assert len(riva.last.messages[1:]) > 1
    assert max(len(each.audio_content) for each in riva.last.messages) <= 32 * 1024


async def test_a_server_may_refuse_before_it_has_heard_all(riva: Riva):
    riva.listens = False
    riva.script["StreamingRecognize"] = [Refusal("INVALID_ARGUMENT", "no such language")]
    async with reached(riva, riva_mode="streaming") as at:
        for _ in range(20):
            with pytest.raises(BadRequestError, match="no such language"):
                await at.ask(recording(wav(samples=SAMPLES * 20)))


@pytest.mark.parametrize("mode", ["", "streaming"])
async def test_an_upload_that_breaks_off_is_its_own_error(riva: Riva, mode: str):
    class Broken:
        length = None

        async def chunks(self) -> AsyncIterator[bytes]:
            yield wav()[:40_000]
            raise BadRequestError("the caller sent half a file")

    request = Request("transcription", OPENAI_TRANSCRIPTIONS, {"model": "heard", "file": File("a", "b", Broken())})
    with pytest.raises(BadRequestError, match="half a file"):
        await transcript(riva, request, riva_mode=mode)


async def test_where_no_model_hears_whole_recordings_they_go_in_pieces(riva: Riva):
    why = "Error: Unavailable model requested given these parameters: language_code=en-US; type=offline;"
    riva.script["Recognize"] = [Refusal("INVALID_ARGUMENT", why)]
    assert (await transcript(riva, recording())).text == "Good day. Hi."
    assert [each.method for each in riva.asked] == ["Recognize", "StreamingRecognize"]
    assert riva.audio == wav()
    with pytest.raises(BadRequestError, match="type=offline"):
        await transcript(riva, recording(), riva_mode="offline")


async def test_a_recording_that_is_too_large_for_the_servers_messages_goes_in_pieces():
    async with serving(most=64 * 1024) as riva:
        assert (await transcript(riva, recording())).text == "Good day. Hi."
        assert [each.method for each in riva.asked] == ["StreamingRecognize"]
        with pytest.raises(PayloadTooLargeError, match="larger than max"):
            await transcript(riva, recording(), riva_mode="offline")


async def test_a_recording_that_is_longer_than_what_is_heard_at_once_goes_in_pieces(
    riva: Riva, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("nova_plugin_nvidia_riva.asking.MOST_AT_ONCE", 60_000)
    await transcript(riva, recording())
    assert [each.method for each in riva.asked] == ["StreamingRecognize"]
    assert riva.audio == wav()
    with pytest.raises(PayloadTooLargeError):
        await transcript(riva, recording(), riva_mode="offline")


async def test_what_riva_cannot_hear_is_refused_before_it_is_asked(riva: Riva):
    known = "WAV, FLAC, Ogg Opus"
    for content, words in ((b"ID3\x04" + bytes(100), known), (b"", known), (wav(channels=2), "2 channels")):
        for mode in ("", "streaming"):
            with pytest.raises(BadRequestError, match=words) as caught:
                await transcript(riva, recording(content), riva_mode=mode)
            assert caught.value.param == "file"
    assert riva.asked == []


@pytest.mark.parametrize("content", [b"fLaC" + bytes(100), b"OggS" + bytes(100), b"RIFF....WAVE"])
async def test_files_say_themselves_how_they_are_encoded(riva: Riva, content: bytes):
    await transcript(riva, recording(content))
    assert (riva.config.encoding, riva.config.sample_rate_hertz, riva.audio) == (0, 0, content)


async def test_bare_samples_are_heard_as_the_request_says(riva: Riva):
    await transcript(riva, recording(SAMPLES, encoding="mulaw", sample_rate_hertz=8000))
    assert (riva.config.encoding, riva.config.sample_rate_hertz, riva.audio) == (3, 8000, SAMPLES)


async def test_a_transcript_is_streamed_to_who_wants_it_so(riva: Riva):
    events = (await said(riva, recording(stream=True))).events
    assert events[-1]["type"] == "transcript.text.done"
    assert events[-1]["text"] == "Good day. Hi."


async def test_speech_comes_in_pieces_behind_the_header_of_its_file(riva: Riva):
    heard = await said(riva, text(voice={"id": "Magpie-Multilingual.DE-DE.Aria"}, custom_dictionary="Ada  ˈeɪdə"))
    assert heard.content_type == "audio/wav"
    layout = struct.unpack("<4sI4s4sIHHIIHH4sI", heard.content[:44])
    assert layout[:4] + layout[5:11] == (b"RIFF", 0xFFFFFFFF, b"WAVE", b"fmt ", 1, 1, 24000, 48000, 2, 16)
    assert heard.content[44:] == b"\1\0\2\0"
    request = riva.last.messages[0]
    assert (riva.last.method, request.text, request.language_code) == ("SynthesizeOnline", "Good day.", "de-DE")
    assert (request.voice_name, request.encoding) == ("Magpie-Multilingual.DE-DE.Aria", 1)
    assert (request.sample_rate_hz, request.custom_dictionary) == (24000, "Ada  ˈeɪdə")


async def test_speech_has_the_format_that_is_asked_for(riva: Riva):
    bare = await said(riva, text(response_format="pcm"))
    assert (bare.content, bare.content_type) == (b"\1\0\2\0", "audio/pcm")
    riva.script["SynthesizeOnline"] = [speech(b"OggS"), speech(b""), speech(b"...")]
    opus = await said(riva, text(response_format="opus", language_code="fr-FR"))
    assert (opus.content, opus.content_type) == (b"OggS...", "audio/ogg")
    assert (riva.last.messages[0].encoding, riva.last.messages[0].language_code) == (4, "fr-FR")
    events = (await said(riva, text(stream_format="sse", response_format="pcm"))).events
    assert [each["type"] for each in events] == ["speech.audio.delta", "speech.audio.delta", "speech.audio.done"]
    for lost in ({"response_format": "mp3"}, {"speed": 1.5}, {"instructions": "Whisper."}):
        with pytest.raises(UnsupportedParamsError, match=next(iter(lost))):
            await said(riva, text(**lost))


async def test_the_rate_of_speech_stands_in_the_header(riva: Riva):
    heard = await said(riva, text(sample_rate_hz="44100"), riva_mode="offline")
    assert struct.unpack("<II", heard.content[24:32]) == (44100, 88200)
    assert (riva.last.method, riva.last.messages[0].sample_rate_hz) == ("Synthesize", 44100)


async def test_speech_that_breaks_off_never_ends_cleanly(riva: Riva):
    riva.script["SynthesizeOnline"] = [speech(b"\1\0"), Refusal("INTERNAL", "out of memory")]
    async with reached(riva) as at:
        with pytest.raises(Exception, match="out of memory"):
            await told(at, text())


async def test_a_gap_in_speech_has_a_deadline(riva: Riva):
    riva.script["SynthesizeOnline"] = [speech(b"\1\0"), 30.0]
    async with reached(riva) as at:
        with pytest.raises(RequestTimeoutError) as caught:
            await told_within(at, text(), 0.1)
        await asyncio.wait_for(riva.left.wait(), 1.0)
    assert caught.value.code == "idle_timeout"


async def told_within(at: ProviderBench, request: Request, seconds: float) -> bytes:
    """The audio of a deployment with that `timeout`."""
    stream = await at.ask(request, timeout=seconds)
    assert not isinstance(stream, Reply)
    assert stream.frames is not None
    try:
        return b"".join([frame.data async for frame in stream.frames])
    finally:
        await stream.aclose()


@pytest.mark.parametrize("mode", ["offline", "streaming"])
async def test_a_calls_deadline_is_the_servers_too(riva: Riva, mode: str):
    riva.script |= {"Recognize": [30.0], "StreamingRecognize": [30.0]}
    request = recording()
    call = Call(request)
    call.deadline = time.monotonic() + 0.2
    async with reached(riva, riva_mode=mode) as at:
        provider = NvidiaRiva()
        with pytest.raises(RequestTimeoutError):
            await provider.provider_call(call, request, at.deployment)
        await provider.shutdown()
    assert riva.last.seconds is not None
    assert riva.last.seconds < 0.3


async def test_a_server_that_is_not_there_is_told_by_its_name():
    async with serving() as gone:
        pass
    with pytest.raises(APIConnectionError, match=f"no connection to the upstream 127.0.0.1:{gone.port}") as caught:
        await transcript(gone, recording())
    assert caught.value.retryable
    async with reached(gone) as at:
        with pytest.raises(APIConnectionError, match=r"upstream nowhere\.invalid:50051, or it broke$"):
            await at.ask(recording(), api_base="nowhere.invalid")


async def test_a_header_that_cannot_be_sent_is_refused_without_being_quoted(riva: Riva):
    async with reached(riva) as at:
        with pytest.raises(APIConnectionError, match="header is malformed") as caught:
            await at.ask(recording(), api_key=Secret(f"{KEY}\n"))
    assert KEY not in f"{caught.value!r} {caught.value.hint}"
    assert riva.asked == []


@pytest.mark.parametrize(
    ("base", "settings", "address"),
    [
        ("riva.internal:50051", {}, Address("riva.internal:50051", False)),
        ("riva.internal", {}, Address("riva.internal:50051", False)),
        ("riva.internal", {"use_ssl": True}, Address("riva.internal:443", True)),
        ("riva.internal:443", {}, Address("riva.internal:443", True)),
        ("riva.internal:443", {"use_ssl": "false"}, Address("riva.internal:443", False)),
        ("riva.internal:50051", {"nvcf_function_id": "f"}, Address("riva.internal:50051", True)),
        ("http://riva.internal", {"nvcf_function_id": "f"}, Address("riva.internal:50051", False)),
        ("grpcs://riva.internal", {"ssl_root_cert": "a.pem"}, Address("riva.internal:443", True, "a.pem")),
        ("https://[::1]:50051/", {}, Address("[::1]:50051", True)),
        ("[::1]:50051", {}, Address("[::1]:50051", False)),
    ],
)
def test_an_address_is_a_host_and_a_port(base: str, settings: Any, address: Address):
    assert address_of(base, settings) == address


@pytest.mark.parametrize("base", ["https://riva.internal/v1", "ftp://riva.internal", "riva.internal:port", "me@riva:1"])
def test_what_is_no_address_is_refused(base: str):
    with pytest.raises(ConfigurationError, match="HOST:PORT"):
        address_of(base, {})
    with pytest.raises(ConfigurationError, match="use_ssl"):
        address_of("riva.internal", {"use_ssl": "perhaps"})


def completed(environ: dict[str, str], base: str | None = None, **settings: Any) -> Deployment:
    given = Deployment("d", "heard", "nvidia_riva", "m", api_base=base, settings=settings)
    return NvidiaRiva().complete(given, environ)


def test_a_deployment_is_a_function_or_a_server_of_ones_own():
    hosted = completed({"NVIDIA_NIM_API_KEY": KEY}, nvcf_function_id="f")
    assert (hosted.api_base, hosted.api_key) == ("https://grpc.nvcf.nvidia.com:443", Secret(KEY))
    own = completed({"NVIDIA_RIVA_API_BASE": "riva:50051", "NVIDIA_RIVA_API_KEY": "a", "NVIDIA_NIM_API_KEY": "b"})
    assert (own.api_base, own.api_key) == ("http://riva:50051", Secret("a"))
    trusting = completed({"SSL_CERT_FILE": "ours.pem"}, "https://riva", ssl_root_cert="mine.pem")
    assert trusting.settings["ssl_root_cert"] == "mine.pem"
    with pytest.raises(ConfigurationError, match="nvcf_function_id"):
        completed({})
    with pytest.raises(ConfigurationError, match="offline or streaming"):
        completed({}, "riva:50051", riva_mode="online")


async def test_a_function_without_a_key_is_not_asked():
    deployment = completed({}, nvcf_function_id="f")
    request = recording()
    with pytest.raises(AuthenticationError, match="NVIDIA_RIVA_API_KEY"):
        await NvidiaRiva().provider_call(Call(request), request, deployment)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is not installed")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*command, *names, "-keyout", str(key), "-out", str(made)], check=True, capture_output=True)
    return made, key


async def test_tls_trusts_an_authority_of_ones_own_and_no_stranger(certificate: tuple[Path, Path], tmp_path: Path):
    made, key = certificate
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), made.read_bytes())])
    async with serving(credentials) as riva:
        assert (await transcript(riva, recording(), use_ssl=True, ssl_root_cert=str(made))).text == "Good day. Hi."
        with pytest.raises(APIConnectionError, match="no TLS connection") as caught:
            await transcript(riva, recording(), use_ssl=True)
        assert "ssl_root_cert" in str(caught.value.hint)
        with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
            await transcript(riva, recording(), use_ssl=True, ssl_root_cert=str(tmp_path / "none.pem"))


async def test_calls_share_the_channel_of_an_address_and_those_that_nobody_uses_make_room():
    channels = Channels()
    first = await channels.to(Address("127.0.0.1:1", False))
    assert await channels.to(Address("127.0.0.1:1", False)) is first
    first.users += 1
    second = await channels.to(Address("127.0.0.1:2", False))
    for port in range(3, MOST_IDLE + 3):
        await channels.to(Address(f"127.0.0.1:{port}", False))
    assert await channels.to(Address("127.0.0.1:1", False)) is first
    assert await channels.to(Address("127.0.0.1:2", False)) is not second
    await channels.aclose()
    assert await channels.to(Address("127.0.0.1:1", False)) is not first
    await channels.aclose()


async def test_calls_that_are_under_way_at_shutdown_end(riva: Riva):
    riva.script["Recognize"] = [30.0]
    async with reached(riva) as at:
        task = asyncio.create_task(at.ask(recording()))
        await asyncio.wait_for(riva.came.wait(), 1.0)
    await asyncio.wait_for(riva.left.wait(), 1.0)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_whole_gateway_serves_an_unchanged_configuration(riva: Riva, gateway: Any):
    caller = await gateway(
        f"""
        model_list:
          - model_name: parakeet
            litellm_params:
              model: nvidia_riva/nvidia/parakeet-ctc-1_1b-asr
              api_base: {riva.base}
              api_key: {KEY}
              nvcf_function_id: f-1
              use_ssl: false
              verbatim_transcripts: true
            model_info: {{mode: audio_transcription}}
          - model_name: magpie
            litellm_params: {{model: nvidia_riva/nvidia/magpie-tts-multilingual, api_base: "{riva.base}"}}
        """
    )
    members = {"model": "parakeet", "file": File("talk.wav", "audio/wav", InMemory(wav()))}
    answer = await caller.answer(members, operation="transcription", dialect=OPENAI_TRANSCRIPTIONS)
    assert answer.members["text"] == "Good day. Hi."
    assert riva.last.metadata["function-id"] == "f-1"
    assert riva.config.verbatim_transcripts
    riva.script["Recognize"] = [Refusal("PERMISSION_DENIED", f"no function for {KEY}")]
    with pytest.raises(PermissionDeniedError, match="no function for") as caught:
        await caller.answer(members, operation="transcription", dialect=OPENAI_TRANSCRIPTIONS)
    assert KEY not in f"{caught.value!r}"
    speaking = {"model": "magpie", "input": "Good day.", "voice": "alloy", "response_format": "pcm"}
    stream = await caller.answer(speaking, operation="speech", dialect=OPENAI_SPEECH)
    assert b"".join([piece async for piece in stream]) == b"\1\0\2\0"
    await stream.aclose()
