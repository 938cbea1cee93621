"""Soniox: the exchanges of a transcription, what is made of tokens, and what is deleted."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.errors import BadGatewayError, BadRequestError, NovaError, RateLimitedError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, transcription_request
from nova_core.types.audio import TranscriptionReply
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply
from nova_core.types.secret import Secret
from nova_plugin_soniox import plugin

JOB = "/v1/transcriptions/t1"


def token(text: str, start: int, end: int, **more: Any) -> dict[str, Any]:
    return {"text": text, "start_ms": start, "end_ms": end, "confidence": 0.9, **more}


@pytest.fixture
def scripted(upstream: ScriptedUpstream) -> ScriptedUpstream:
    upstream.script("/v1/files", json={"id": "f1"}, status=201)
    upstream.script("/v1/files/f1", body=b"", status=204)
    upstream.script("/v1/transcriptions", json={"id": "t1", "status": "queued"}, status=201)
    return upstream


@pytest.fixture
async def at(upstream: ScriptedUpstream):
    given = Deployment("d", "heard", "soniox", "stt-async-v4", api_base=f"{upstream.url}/v1", api_key=Secret("the-key"))
    async with bench(plugin, plugin.complete(given, {})) as made:
        made.waits = False
        yield made


async def test_a_file_is_uploaded_transcribed_and_deleted(scripted: ScriptedUpstream, at: Any):
    scripted.script(JOB, json={"id": "t1", "status": "processing"})
    scripted.script(JOB, json={"id": "t1", "status": "completed", "audio_duration_ms": 4000})
    tokens = [
        token("Hel", 0, 200, speaker="1", language="en"),
        token("lo", 200, 400, speaker="1"),
        token(" there", 400, 900, speaker="1"),
        token("Bon", 900, 950, translation_status="translation"),
        token(" Hi", 1000, 1500, speaker=2),
    ]
    scripted.script(f"{JOB}/transcript", json={"id": "t1", "text": "Hello there Hi", "tokens": tokens})
    asked = transcription_request("heard", b"abc", language="en", prompt="names: Ada", response_format="diarized_json")
    reply = await at.ask(asked)
    assert isinstance(reply, Reply)
    typed = reply.typed
    assert isinstance(typed, TranscriptionReply)
    assert (typed.text, typed.language, typed.duration) == ("Hello there Hi", "en", 4.0)
    assert typed.segments == (
        {"id": 0, "start": 0.0, "end": 0.9, "text": "Hello there", "speaker": "1"},
        {"id": 1, "start": 1.0, "end": 1.5, "text": "Hi", "speaker": "2"},
    )
    upload, job, *rest = scripted.requests
    assert upload.form[-1].content == b"abc"
    assert job.json == {
        "model": "stt-async-v4",
        "file_id": "f1",
        "language_hints": ["en"],
        "enable_language_identification": True,
        "enable_speaker_diarization": True,
        "context": {"text": "names: Ada"},
    }
    assert [(each.method, each.path) for each in rest] == [
        ("GET", JOB),
        ("GET", JOB),
        ("GET", f"{JOB}/transcript"),
        ("DELETE", JOB),
        ("DELETE", "/v1/files/f1"),
    ]
    assert {each.header("authorization") for each in scripted.requests} == {"Bearer the-key"}


async def test_a_transcript_is_one_even_where_nothing_can_be_deleted(scripted: ScriptedUpstream, at: Any):
    scripted.script(JOB, json={"id": "t1", "status": "completed"})
    scripted.script(JOB, json={"message": "out of order"}, status=500)
    scripted.script(f"{JOB}/transcript", json={"text": "Hi", "tokens": []})
    reply = await at.ask(transcription_request("heard"))
    assert isinstance(reply, Reply)
    assert isinstance(reply.typed, TranscriptionReply)
    assert reply.typed.text == "Hi"
    assert scripted.last.path == "/v1/files/f1"


@pytest.mark.parametrize(
    ("path", "answer", "error", "words", "deleted"),
    [
        ("/v1/transcriptions", {"json": {"message": "slow down"}, "status": 429}, RateLimitedError, "slow down", 1),
        ("/v1/transcriptions", {"json": {"state": "queued"}}, BadGatewayError, "id", 1),
        (JOB, {"json": {"status": "error", "error_type": "invalid_audio"}}, BadRequestError, "invalid_audio", 2),
        (JOB, {"json": {"status": "error", "error_message": "no"}}, NovaError, "no", 2),
        (JOB, {"json": {"status": 7}}, BadGatewayError, "status", 2),
        (f"{JOB}/transcript", {"json": {"words": []}}, BadGatewayError, "transcript", 2),
        (f"{JOB}/transcript", {"json": {"text": "a", "tokens": [1]}}, BadGatewayError, "read", 2),
    ],
)
async def test_what_fails_is_told_after_the_vendor_keeps_nothing(
    upstream: ScriptedUpstream, at: Any, path: str, answer: Any, error: Any, words: str, deleted: int
):
    upstream.script(path, **answer)
    if path != "/v1/transcriptions":
        upstream.script("/v1/transcriptions", json={"id": "t1"})
    if path.endswith("/transcript"):
        upstream.script(JOB, json={"status": "completed"})
    upstream.script("/v1/files", json={"id": "f1"}).script("*", body=b"", status=204)
    with pytest.raises(error, match=words):
        await at.ask(transcription_request("heard"))
    assert [each.method for each in upstream.requests].count("DELETE") == deleted
    assert upstream.last.path == "/v1/files/f1"


async def test_an_upload_that_is_refused_is_an_error_and_nothing_more(upstream: ScriptedUpstream, at: Any):
    upstream.script("/v1/files", json={"message": "too large"}, status=400)
    with pytest.raises(BadRequestError, match="too large"):
        await at.ask(transcription_request("heard"))
    with pytest.raises(UnsupportedParamsError):
        await at.ask(transcription_request("heard", temperature=0.5))
    assert len(upstream.requests) == 1
