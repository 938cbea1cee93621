"""The echo's reranks, moderations, images and speech are real, and the same every time."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadRequestError, RateLimitedError, StreamBrokenError
from nova_core.testing.provider_bench import bench, transcription_request
from nova_core.types.audio import SpeechRequest, TranscriptionReply
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.images import ImageRequest
from nova_core.types.message import Reply, Request
from nova_core.types.moderation import ModerationRequest
from nova_core.types.rerank import RerankRequest
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_plugin_echo import plugin
from nova_plugin_echo.media import RATE, draw, moderate, png, rank, speech_of, spoken, wav_head


@given(st.text(), st.lists(st.text(), min_size=1, max_size=9), st.one_of(st.none(), st.integers(1, 9)))
def test_documents_are_ranked_by_the_words_they_share(query: str, documents: list[str], top_n: int | None):
    reply = rank(RerankRequest("m", query, tuple(documents), top_n, True), "m")
    scores = [each.score for each in reply.results]
    assert scores == sorted(scores, reverse=True)
    assert all(
        0 <= score <= 1 and documents[each.index] == each.document
        for score, each in zip(scores, reply.results, strict=True)
    )
    assert len(reply.results) == min(len(documents), top_n or len(documents))


def test_certain_words_are_flagged():
    reply = moderate(ModerationRequest("m", ("I hate it", {"type": "text", "text": "flowers"})), "m")
    assert [(each.flagged, each.categories["hate"]) for each in reply.results] == [(True, True), (False, False)]


@given(st.text(), st.integers(1, 40), st.integers(1, 40))
def test_an_image_is_a_png_of_its_size(seed: str, width: int, height: int):
    image = png(seed, width, height)
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", image[16:24]) == (width, height)
    length = struct.unpack(">I", image[33:37])[0]
    assert len(zlib.decompress(image[41 : 41 + length])) == height * (1 + (width + 7) // 8)
    assert zlib.crc32(image[37 : 41 + length]) == struct.unpack(">I", image[41 + length : 45 + length])[0]
    assert image == png(seed, width, height)


def test_images_are_as_many_and_as_large_as_asked_for():
    reply = draw(ImageRequest("m", "a lighthouse", n=2, size="32x16", response_format="url"), "m", 1)
    assert reply.size == "32x16"
    assert len({image.url for image in reply.images}) == 2
    assert base64.b64decode(reply.images[0].url.partition(",")[2]).startswith(b"\x89PNG")
    with pytest.raises(BadRequestError):
        draw(ImageRequest("m", "p", size="big"), "m", 1)


async def audio_of(request: SpeechRequest, model: str = "echo") -> bytes:
    _, directed, pieces = speech_of(request, model)
    return b"".join([event.data async for chunk in spoken(directed, pieces) for event in chunk.events])


async def test_speech_is_a_tone_that_lasts_as_long_as_its_words():
    audio = await audio_of(SpeechRequest("m", "hello there", "alloy"))
    with wave.open(io.BytesIO(audio)) as said:
        assert said.getframerate() == RATE
        assert said.getnframes() == 10 * RATE // 50
        samples = said.readframes(said.getnframes())
    assert max(samples) > 0
    assert audio == await audio_of(SpeechRequest("m", "hello there", "alloy"))
    assert audio != await audio_of(SpeechRequest("m", "hello there", "nova"))
    fast = await audio_of(SpeechRequest("m", "hello there", "alloy", speed=2))
    assert len(fast) < len(audio)
    bare = await audio_of(SpeechRequest("m", "hello there", "alloy", response_format="pcm"))
    assert audio == wav_head(len(bare)) + bare


async def test_speech_follows_directions():
    with pytest.raises(StreamBrokenError):
        await audio_of(SpeechRequest("m", "one two\n!break after 1", "alloy"))
    with pytest.raises(RateLimitedError):
        await audio_of(SpeechRequest("m", "hello", "alloy"), "echo+error-429")


async def test_other_operations_fail_when_the_models_name_says_so():
    request = Request("image_generation", OPENAI_IMAGES, {"model": "m", "prompt": "p"})
    with pytest.raises(RateLimitedError):
        await plugin.provider_call(Call(request), request, Deployment("i", "g", "echo", "echo+error-429"))


async def test_an_unknown_format_of_speech_is_refused_by_name():
    request = Request("speech", OPENAI_SPEECH, {"model": "m", "input": "a", "voice": "v", "response_format": "mp3"})
    with pytest.raises(BadRequestError) as caught:
        await plugin.provider_call(Call(request), request, Deployment("i", "g", "echo", "echo"))
    assert caught.value.param == "response_format"


async def test_a_file_is_told_and_a_wav_file_measured():
    async with bench(plugin, Deployment("d", "g", "echo", "whisper")) as at:
        second = b"RIFF" + bytes(24) + (1000).to_bytes(4, "little") + bytes(12) + bytes(1500)
        heard = await at.ask(transcription_request("g", second))
    assert isinstance(heard, Reply)
    assert isinstance(heard.typed, TranscriptionReply)
    assert heard.typed.text == "talk.wav: audio/wav, 1544 bytes"
    assert heard.typed.duration == 1.5
