"""OpenAI's own client sends files through the gateway, and gets what the vendor answers."""

from __future__ import annotations

import base64
from typing import Any

import openai
import pytest
from openai.types import ImageEditStreamEvent, ImagesResponse

from nova_core.testing import ScriptedUpstream
from nova_core.testing.upstream_forms import PIXEL
from tests.server.live import live, model

WAV = ("talk.wav", b"RIFF" + bytes(3_000_000), "audio/wav")
PNG = base64.b64decode(PIXEL)
DATA_URL = f"data:image/png;base64,{PIXEL}"
SRT = "1\n00:00:00,000 --> 00:00:02,500\nhello there\n"


@pytest.fixture
async def client(upstream: ScriptedUpstream):
    names = ("whisper-1", "gpt-4o-transcribe", "gpt-image-1")
    config: dict[str, Any] = {
        "model_list": [model(name, upstream.url) for name in names],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    config["model_list"].append(model("public", upstream.url, model="openai/whisper-1"))
    config["model_list"].append(model("by-form", upstream.url, model="litellm_proxy/m"))
    async with live(config) as running, running.openai() as client:
        yield client


async def test_transcripts_in_every_format(upstream, client):
    upstream.script("whisper-1", "hello there")
    plain = await client.audio.transcriptions.create(model="public", file=WAV, language="en", temperature=0.1)
    assert plain.text == "hello there"
    assert upstream.last.members == {"model": "whisper-1", "language": "en", "temperature": "0.1"}
    assert upstream.last.form[-1].content == WAV[1]
    verbose = await client.audio.transcriptions.create(
        model="public", file=WAV, response_format="verbose_json", timestamp_granularities=["segment"]
    )
    assert (verbose.duration, verbose.segments[0].text) == (2.5, " hello there")
    upstream.forget().script("whisper-1", body=SRT.encode(), headers={"content-type": "text/plain; charset=utf-8"})
    assert await client.audio.transcriptions.create(model="public", file=WAV, response_format="srt") == SRT


async def test_a_vendor_that_knows_json_alone_is_asked_for_subtitles_all_the_same(upstream, client):
    words = [{"word": "hello", "start": 0, "end": 1}, {"word": "there", "start": 1.0, "end": 2.5}]
    upstream.script("whisper-1", json={"text": "hello there", "words": words})
    assert await client.audio.transcriptions.create(model="public", file=WAV, response_format="srt") == SRT
    vtt = await client.audio.transcriptions.create(model="public", file=WAV, response_format="vtt")
    assert vtt == "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\nhello there\n"
    assert await client.audio.transcriptions.create(model="public", file=WAV, response_format="text") == "hello there\n"


async def test_a_stream_is_told_as_it_comes_or_of_a_whole_answer(upstream, client):
    upstream.script("gpt-4o-transcribe", stream=["hel", "lo"], usage=(12, 3))
    events = [
        event
        async for event in await client.audio.transcriptions.create(model="gpt-4o-transcribe", file=WAV, stream=True)
    ]
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    assert (events[-1].text, events[-1].usage.input_tokens) == ("hello", 12)
    upstream.script("whisper-1", json={"text": "whole", "usage": {"type": "duration", "seconds": 4}})
    events = [
        event async for event in await client.audio.transcriptions.create(model="whisper-1", file=WAV, stream=True)
    ]
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
    assert events[-1].text == "whole"


async def test_speech_is_translated(upstream, client):
    upstream.script("whisper-1", "good day")
    assert (await client.audio.translations.create(model="public", file=WAV, prompt="Guten Tag")).text
    assert upstream.last.route == "/v1/audio/translations"
    assert upstream.last.members == {"model": "whisper-1", "prompt": "Guten Tag"}


async def test_images_are_edited_by_several_and_a_mask(upstream, client):
    images = [("a.png", PNG, "image/png"), ("b.png", PNG + b"#", "image/png")]
    made = await client.images.edit(model="gpt-image-1", image=images, mask=("m.png", PNG), prompt="merge", n=2)
    assert [image.b64_json for image in made.data] == [PIXEL, PIXEL]
    files = [(part.name, part.filename, part.content) for part in upstream.last.form if part.filename]
    assert files == [("image[]", "a.png", PNG), ("image[]", "b.png", PNG + b"#"), ("mask", "m.png", PNG)]
    assert upstream.last.members == {"model": "gpt-image-1", "prompt": "merge", "n": "2"}
    stream = await client.images.edit(
        model="gpt-image-1", image=images[0], prompt="brighter", stream=True, partial_images=1
    )
    events = [event.type async for event in stream]
    assert events == ["image_edit.partial_image", "image_edit.completed"]
    assert upstream.last.form[-1].name == "image"


async def test_an_image_is_varied(upstream, client):
    made = await client.images.create_variation(model="gpt-image-1", image=("a.png", PNG, "image/png"), n=2, user="u")
    assert [image.b64_json for image in made.data] == [PIXEL, PIXEL]
    assert upstream.last.route == "/v1/images/variations"
    assert upstream.last.members == {"model": "gpt-image-1", "n": "2", "user": "u"}
    assert [(part.name, part.content) for part in upstream.last.form if part.filename] == [("image", PNG)]
    two = [("image[]", ("a.png", PNG)), ("image[]", ("b.png", PNG))]
    form = {"headers": {"Content-Type": "multipart/form-data"}}
    for files, said in ((two, "one file"), ([("mask", ("a.png", PNG))], "required")):
        with pytest.raises(openai.BadRequestError, match=f"`image`.*{said}"):
            await client.post("/images/variations", cast_to=object, body={"model": "x"}, files=files, options=form)


async def test_images_named_in_json_are_edited_as_the_provider_takes_them(upstream, client):
    asked = {"prompt": "brighter", "images": [{"image_url": DATA_URL}], "mask": {"image_url": DATA_URL}, "n": 2}
    passed = {**asked, "images": [{"file_id": "file-1"}, {"image_url": "https://example.com/a.png"}]}
    for body in (asked, passed):
        made = await client.post("/images/edits", cast_to=ImagesResponse, body={"model": "gpt-image-1", **body})
        assert [image.b64_json for image in made.data] == [PIXEL] * 2
        assert upstream.last.json == {"model": "gpt-image-1", **body}
    made = await client.post("/images/edits", cast_to=ImagesResponse, body={"model": "by-form", **asked})
    assert [image.b64_json for image in made.data] == [PIXEL] * 2
    assert upstream.last.members == {"model": "m", "prompt": "brighter", "n": "2"}
    files = [(part.name, part.filename, part.content) for part in upstream.last.form if part.filename]
    assert files == [("image", "image.png", PNG), ("mask", "image.png", PNG)]
    for place, field in (("0", "file_id"), ("1", "image_url")):
        body = {"model": "by-form", "prompt": "brighter", "images": [{"image_url": DATA_URL}] * int(place)}
        body["images"].append(passed["images"][int(place)])
        with pytest.raises(openai.BadRequestError, match=rf"images\[{place}\]\.{field}"):
            await client.post("/images/edits", cast_to=object, body=body)


@pytest.mark.parametrize("name", ["gpt-image-1", "by-form"])
async def test_edits_asked_for_in_json_are_streamed(upstream, client, name):
    body = {"model": name, "prompt": "brighter", "images": [{"image_url": DATA_URL}], "stream": True}
    stream = await client.post(
        "/images/edits", cast_to=object, body=body, stream=True, stream_cls=openai.AsyncStream[ImageEditStreamEvent]
    )
    assert [event.type async for event in stream] == ["image_edit.partial_image", "image_edit.completed"]


@pytest.mark.parametrize(
    ("images", "param"),
    [([], "images"), ({}, "images"), ([7], "images[0]"), ([{"url": "x"}], "images[0]"), (None, "images")],
)
async def test_what_names_no_image_is_refused_by_name(upstream, client, images, param):
    with pytest.raises(openai.BadRequestError) as caught:
        await client.post("/images/edits", cast_to=object, body={"model": "by-form", "prompt": "p", "images": images})
    assert caught.value.param == param
    assert upstream.requests == []


async def test_errors_are_those_of_the_client(upstream, client):
    with pytest.raises(openai.NotFoundError):
        await client.audio.transcriptions.create(model="nobody", file=WAV)
    upstream.script("whisper-1", status=400, message="Audio file might be corrupted", code="invalid_value")
    with pytest.raises(openai.BadRequestError, match="corrupted"):
        await client.audio.transcriptions.create(model="public", file=WAV)
    upstream.forget().script("whisper-1", html=True)
    with pytest.raises(openai.InternalServerError, match="no transcript"):
        await client.audio.transcriptions.create(model="public", file=WAV)
