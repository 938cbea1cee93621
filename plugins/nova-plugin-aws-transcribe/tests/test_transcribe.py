"""Amazon Transcribe: the exchanges of a job, their signatures, and what is made of a transcript."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from nova_core.errors import (
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    ConfigurationError,
    NovaError,
    UnsupportedParamsError,
)
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, transcription_request
from nova_core.types.audio import TranscriptionReply
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply
from nova_core.types.secret import Secret
from nova_core.wire.sigv4.signature import Keys, Scope, Unsigned, sign
from nova_core.wire.sigv4.signed import Keychain
from nova_plugin_aws_transcribe.provider import Transcribe

ENVIRON = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret-0123456789", "AWS_REGION": "eu-west-1",
    "AWS_S3_BUCKET_NAME": "talks",
}  # fmt: skip
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FILE = "/talks/nova-transcripts/n1"
ITEMS = [
    {"type": "pronunciation", "start_time": "0.1", "end_time": "0.5", "alternatives": [{"content": "Good"}]},
    {"type": "pronunciation", "start_time": "0.5", "end_time": "0.9", "alternatives": [{"content": "day"}]},
    {"type": "punctuation", "alternatives": [{"content": "."}]},
]
SEGMENT = {"id": 0, "transcript": "Good day.", "start_time": "0.1", "end_time": "0.9", "speaker_label": "spk_0"}
TOLD = {
    "jobName": "nova-n1",
    "status": "COMPLETED",
    "results": {
        "language_code": "en-US",
        "transcripts": [{"transcript": "Good day."}],
        "items": ITEMS,
        "audio_segments": [SEGMENT],
    },
}


def provider() -> Transcribe:
    return Transcribe(Keychain(lambda: AT), lambda: "n1")


def deployed(upstream: ScriptedUpstream | None = None, model: str = "standard", environ: Any = None) -> Deployment:
    settings = {} if upstream is None else {"aws_s3_endpoint": upstream.url}
    base = None if upstream is None else upstream.url
    given = Deployment("d", "heard", "transcribe", model, api_base=base, settings=settings)
    return provider().complete(given, ENVIRON if environ is None else environ)


def state(status: str, **more: Any) -> dict[str, Any]:
    return {"TranscriptionJob": {"TranscriptionJobName": "nova-n1", "TranscriptionJobStatus": status, **more}}


def script(upstream: ScriptedUpstream, *states: Mapping[str, Any], told: Any = TOLD) -> None:
    upstream.script(FILE, body=b"").script(FILE, body=b"", status=204)
    for each in ({}, *states, {}):
        upstream.script("/", json=each)
    upstream.script("/told.json", json=told)


async def heard(upstream: ScriptedUpstream, content: bytes = b"abc", **members: Any) -> Any:
    async with bench(provider(), deployed(upstream)) as at:
        at.waits = False
        return await at.ask(transcription_request("heard", content, **members))


def actions(upstream: ScriptedUpstream) -> list[tuple[str, str]]:
    targets = [(each.header("x-amz-target") or each.path).rpartition(".")[2] for each in upstream.requests]
    return [(each.method, target) for each, target in zip(upstream.requests, targets, strict=True)]


async def test_a_file_goes_through_the_bucket_and_everything_is_deleted(upstream: ScriptedUpstream):
    done = state("COMPLETED", Transcript={"TranscriptFileUri": f"{upstream.url}/told.json"})
    script(upstream, state("QUEUED"), state("IN_PROGRESS"), done)
    reply = await heard(upstream, language="en", response_format="diarized_json")
    assert isinstance(reply, Reply)
    assert reply.typed == TranscriptionReply(
        "Good day.",
        language="en-US",
        words=({"word": "Good", "start": 0.1, "end": 0.5}, {"word": "day.", "start": 0.5, "end": 0.9}),
        segments=({"id": 0, "text": "Good day.", "start": 0.1, "end": 0.9, "speaker": "spk_0"},),
    )
    assert actions(upstream) == [
        ("PUT", FILE),
        ("POST", "StartTranscriptionJob"),
        ("POST", "GetTranscriptionJob"),
        ("POST", "GetTranscriptionJob"),
        ("POST", "GetTranscriptionJob"),
        ("GET", "json"),
        ("POST", "DeleteTranscriptionJob"),
        ("DELETE", FILE),
    ]
    put, start, *_ = upstream.requests
    assert put.body == b"abc"
    assert start.json == {
        "TranscriptionJobName": "nova-n1",
        "IdentifyLanguage": True,
        "Settings": {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 10},
        "Media": {"MediaFileUri": "s3://talks/nova-transcripts/n1"},
    }
    keys = Keys("AKIDEXAMPLE", Secret("secret-0123456789"))
    digest = hashlib.sha256(b"abc").hexdigest()
    signed = (("Content-Type", "audio/wav"), ("X-Amz-Content-Sha256", digest))
    proof = sign(Unsigned("PUT", f"{upstream.url}{FILE}", signed, b"abc"), keys, Scope("eu-west-1", "s3", AT))
    assert put.header("authorization") == dict(proof)["Authorization"]
    assert "/eu-west-1/transcribe/aws4_request" in (start.header("authorization") or "")
    fetched = upstream.requests[5]
    assert fetched.header("authorization") is None


@pytest.mark.parametrize(
    ("reason", "error"),
    [("The media format provided does not match.", BadRequestError), ("Try again later.", BadGatewayError)],
)
async def test_a_job_that_fails_says_why_when_all_is_deleted(upstream: ScriptedUpstream, reason: str, error: Any):
    script(upstream, state("FAILED", FailureReason=reason))
    with pytest.raises(error, match=reason):
        await heard(upstream)
    assert actions(upstream)[-2:] == [("POST", "DeleteTranscriptionJob"), ("DELETE", FILE)]


async def test_what_is_refused_or_garbled_is_an_error_when_all_is_deleted(upstream: ScriptedUpstream):
    refused = {"__type": "BadRequestException", "Message": "no such language"}
    upstream.script(FILE, body=b"").script("/", json=refused, status=400)
    with pytest.raises(BadRequestError, match="no such language"):
        await heard(upstream, language="xx-XX")
    assert actions(upstream)[-1] == ("DELETE", FILE)
    done = state("COMPLETED", Transcript={"TranscriptFileUri": f"{upstream.url}/told.json"})
    for states, told in (([{}], TOLD), ([done], {"results": {"items": []}}), ([done], {"results": 7}), ([done], {})):
        upstream.forget()
        script(upstream, *states, told=told)
        with pytest.raises(NovaError):
            await heard(upstream)
        assert actions(upstream)[-2:] == [("POST", "DeleteTranscriptionJob"), ("DELETE", FILE)]


def test_where_it_is_asked_and_what_is_missing():
    asked = transcription_request("heard", language="de-DE", temperature=0)
    exchange = provider().provider_call(Call(asked), asked, deployed(model="legal"))
    assert exchange.request.url == f"https://s3.eu-west-1.amazonaws.com{FILE}"
    assert deployed().api_base == "https://transcribe.eu-west-1.amazonaws.com"
    with pytest.raises(ConfigurationError, match="s3_bucket_name"):
        deployed(environ={"AWS_REGION": "eu-west-1"})
    keyless = deployed(environ={"AWS_REGION": "r", "AWS_S3_BUCKET_NAME": "b", "AWS_EC2_METADATA_DISABLED": "true"})
    with pytest.raises(AuthenticationError, match="AWS_ACCESS_KEY_ID"):
        provider().provider_call(Call(asked), asked, keyless)
    hot = transcription_request("heard", temperature=0.5)
    with pytest.raises(UnsupportedParamsError, match="temperature"):
        provider().provider_call(Call(hot), hot, deployed())
