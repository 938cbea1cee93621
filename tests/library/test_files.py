"""Calls with files from Python: transcripts and image edits, from bytes, paths and open files."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core import (
    BadRequestError,
    aimage_edit,
    aimage_variation,
    atranscription,
    image_edit,
    image_variation,
    transcription,
    translation,
)
from nova_core.testing.upstream import ScriptedUpstream


@pytest.fixture
def upstream():
    with ScriptedUpstream() as scripted:
        yield scripted


@pytest.fixture
def here(upstream: ScriptedUpstream) -> dict[str, Any]:
    return {"model": "openai/whisper-1", "api_base": f"{upstream.url}/v1", "api_key": "sk-test"}


def sent_file(upstream: ScriptedUpstream) -> tuple[str, str | None, str | None, bytes]:
    part = upstream.last.form[-1]
    return part.name, part.filename, part.content_type, part.content


def test_a_file_may_be_bytes_a_path_an_open_file_or_a_named_one(upstream, here, tmp_path) -> None:
    upstream.script("whisper-1", "hello there")
    path = tmp_path / "talk.mp3"
    path.write_bytes(b"ID3" * 200_000)
    assert transcription(file=path, **here).text == "hello there"
    assert sent_file(upstream) == ("file", "talk.mp3", "audio/mpeg", path.read_bytes())
    assert upstream.last.header("content-length"), "a size that is known is said"
    with path.open("rb") as opened:
        transcription(file=opened, **here)
    assert sent_file(upstream) == ("file", "talk.mp3", "audio/mpeg", path.read_bytes())
    transcription(file=b"abc", **here)
    assert sent_file(upstream) == ("file", "file", "application/octet-stream", b"abc")
    transcription(file=("a.flac", b"fLaC", "audio/x-flac"), **here)
    assert sent_file(upstream) == ("file", "a.flac", "audio/x-flac", b"fLaC")


def test_parameters_are_sent_as_fields_and_subtitles_are_in_the_text(upstream, here) -> None:
    upstream.script("whisper-1", body=b"1\n00:00:00,000 --> 00:00:01,000\nhi\n", headers={"content-type": "text/plain"})
    answer = transcription(
        file=b"x", temperature=0.5, timestamp_granularities=["word", "segment"], response_format="srt", **here
    )
    assert answer.text.startswith("1\n00:00:00,000")
    fields = [(part.name, part.text) for part in upstream.last.form if part.filename is None]
    granular = [("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment")]
    assert sorted(fields) == sorted(
        [("model", "whisper-1"), ("temperature", "0.5"), ("response_format", "srt"), *granular]
    )


def test_a_transcript_can_be_streamed_and_speech_translated(upstream, here) -> None:
    upstream.script("whisper-1", stream=["hel", "lo"])
    events = list(transcription(file=b"x", stream=True, **here))
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    assert events[-1].text == "hello"
    assert translation(file=b"x", **here).text
    assert upstream.last.route == "/v1/audio/translations"


def test_images_are_edited_by_one_or_several_and_a_mask(upstream, here) -> None:
    here["model"] = "openai/gpt-image-1"
    made = image_edit([("a.png", b"a"), ("b.png", b"b")], "merge them", mask=("m.png", b"m"), n=2, **here)
    assert len(made.data) == 2
    assert made.data[0].b64_json
    parts = {(part.name, part.filename): part.content for part in upstream.last.form if part.filename}
    assert parts == {("image[]", "a.png"): b"a", ("image[]", "b.png"): b"b", ("mask", "m.png"): b"m"}
    image_edit(("a.png", b"a"), "brighter", **here)
    assert upstream.last.form[-1].name == "image"


def test_an_image_is_varied(upstream, here) -> None:
    here["model"] = "openai/dall-e-2"
    made = image_variation(("a.png", b"a"), n=3, size="256x256", **here)
    assert [image.b64_json is not None for image in made.data] == [True] * 3
    assert upstream.last.route == "/v1/images/variations"
    assert upstream.last.members == {"model": "dall-e-2", "n": "3", "size": "256x256"}
    assert sent_file(upstream) == ("image", "a.png", "image/png", b"a")
    for wrong in ([b"a", b"b"], None):
        with pytest.raises(BadRequestError, match="`image`"):
            image_variation(wrong, **here)


async def test_the_same_works_without_blocking(upstream, here) -> None:
    upstream.script("whisper-1", "hello there").script("gpt-image-1", status=200)
    assert (await atranscription(file=b"x", **here)).text == "hello there"
    here["model"] = "openai/gpt-image-1"
    events = [event.type async for event in await aimage_edit(("a.png", b"a"), "x", stream=True, **here)]
    assert events == ["image_edit.partial_image", "image_edit.completed"]
    upstream.script("dall-e-2", status=200)
    assert (await aimage_variation(b"a", **{**here, "model": "openai/dall-e-2"})).data[0].b64_json


@pytest.mark.parametrize("file", ["talk.mp3", 5, ("a.mp3",), ("a.mp3", "text")], ids=str)
def test_what_is_no_file_is_refused(here, file) -> None:
    with pytest.raises(BadRequestError, match="`file`"):
        transcription(file=file, **here)
