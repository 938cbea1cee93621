"""Embeddings by jobs, and what Nova embeds at once: what is sent, where results are read, and what is made of them."""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from nova_core.errors import BadGatewayError, BadRequestError, ConfigurationError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import ProviderBench, bench, embeddings_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply
from nova_core.types.secret import Secret
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.sigv4 import Keys, Scope, Unsigned, sign
from nova_core.wire.translate import translate_reply
from nova_plugin_bedrock.provider import Bedrock

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SETTINGS = {
    "aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret-0123456789", "aws_region_name": "eu-west-1",
    "output_s3_uri": "s3://films/vectors of mine/",
}  # fmt: skip
ARN = "arn:aws:bedrock:eu-west-1:123456789012:async-invoke/abc123def456"
FOLDER = "/films/vectors%20of%20mine/abc123def456"
MARENGO = "async_invoke/twelvelabs.marengo-embed-3-0-v1:0"
NOVA = "async_invoke/amazon.nova-2-multimodal-embeddings-v1:0"
CLIP = {"startSec": 0.0, "endSec": 6.5, "embeddingOption": "visual", "embeddingScope": "clip"}
VIDEO = {"video": "s3://films/a.mp4"}
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def deployment(model: str, **fields: Any) -> Deployment:
    settings = {**SETTINGS, **fields.pop("settings", {})}
    given = Deployment(
        **{"id": "d", "group": "g", "provider": "bedrock", "model": model, "settings": settings, **fields}
    )
    return Bedrock().complete(given, {})


def played(upstream: ScriptedUpstream, model: str = MARENGO) -> Any:
    """A bench whose jobs and S3 are the scripted upstream's."""
    where = {"api_base": upstream.url, "settings": {"aws_s3_endpoint": upstream.url}}
    return bench(Bedrock(lambda: MOMENT), deployment(model, **where))


async def asked(at: ProviderBench, item: Any = VIDEO, **members: Any) -> Reply:
    at.waits = False
    reply = await at.ask(embeddings_request("g", [item], **members))
    assert isinstance(reply, Reply)
    return reply


def jobs(upstream: ScriptedUpstream, *states: dict[str, Any]) -> None:
    """A job that is started, and then in these states."""
    upstream.script("/async-invoke", json={"invocationArn": ARN})
    for state in states:
        upstream.script(f"/async-invoke/{quote(ARN, safe='')}", json={"invocationArn": ARN, **state})


def test_a_job_is_started_as_the_service_has_it() -> None:
    validate = pytest.importorskip("botocore.validate")
    from botocore.session import Session

    request = embeddings_request("g", [VIDEO], embeddingScope=["clip"], bucketOwner="123456789012", startSec=2)
    sent = Bedrock().provider_call(Call(request), request, deployment(MARENGO)).request
    assert sent.url == "https://bedrock-runtime.eu-west-1.amazonaws.com/async-invoke"
    body = msgspec.json.decode(sent.content)
    shape = Session().get_service_model("bedrock-runtime").operation_model("StartAsyncInvoke").input_shape
    report = validate.ParamValidator().validate(body, shape)
    assert not report.has_errors(), report.generate_report()
    source = {"s3Location": {"uri": "s3://films/a.mp4", "bucketOwner": "123456789012"}}
    assert body == {
        "modelId": "twelvelabs.marengo-embed-3-0-v1:0",
        "modelInput": {
            "inputType": "video", "video": {"mediaSource": source, "embeddingScope": ["clip"], "startSec": 2},
        },
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://films/vectors of mine/"}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "item", "members", "said"),
    [
        (MARENGO, "a cat", {}, {"inputType": "text", "text": {"inputText": "a cat"}}),
        (
            "async_invoke/twelvelabs.marengo-embed-2-7-v1:0",
            {"audio": "data:audio/wav;base64,UklG"},
            {"lengthSec": 5},
            {"inputType": "audio", "mediaSource": {"base64String": "UklG"}, "lengthSec": 5},
        ),
        (
            NOVA,
            {"video": "s3://films/a.MOV"},
            {"dimensions": 384, "input_type": "search_query", "segmentationConfig": {"durationSeconds": 9}},
            {
                "embeddingPurpose": "GENERIC_RETRIEVAL",
                "embeddingDimension": 384,
                "video": {
                    "embeddingMode": "AUDIO_VIDEO_COMBINED",
                    "segmentationConfig": {"durationSeconds": 9},
                    "format": "mov",
                    "source": {"s3Location": {"uri": "s3://films/a.MOV"}},
                },
            },
        ),
        (
            NOVA,
            "a long text",
            {},
            {
                "embeddingPurpose": "GENERIC_INDEX",
                "text": {"truncationMode": "NONE", "value": "a long text", "segmentationConfig": {}},
            },
        ),
    ],
    ids=["text", "older", "video", "long text"],
)
def test_items_are_said_in_the_words_of_their_models(model: str, item: Any, members: Any, said: dict[str, Any]) -> None:
    request = embeddings_request("g", [item], **members)
    sent = msgspec.json.decode(Bedrock().provider_call(Call(request), request, deployment(model)).request.content)
    given = sent["modelInput"]
    assert (given["segmentedEmbeddingParams"] if model == NOVA else given) == said


async def test_a_job_is_asked_about_and_its_result_read_from_s3(upstream: ScriptedUpstream) -> None:
    jobs(upstream, {"status": "InProgress"}, {"status": "InProgress"}, {"status": "Completed"})
    clips = [{**CLIP, "embedding": [0.5, 1.0]}, {**CLIP, "embedding": [0.0, 2.0], "startSec": 6.5}]
    upstream.script(f"{FOLDER}/output.json", json={"data": clips})
    async with played(upstream) as at:
        reply = await asked(at)
        waits = [exchange.wait for exchange, _ in at.read]
    told = translate_reply(reply, OPENAI_EMBEDDINGS)
    assert [(each["index"], each["embedding"]) for each in told.get("data")] == [(0, [0.5, 1.0]), (1, [0.0, 2.0])]
    assert told.get("segments") == [CLIP, {**CLIP, "startSec": 6.5}]
    assert reply.usage is None
    assert waits == [0.0, 1.0, 1.5, 2.25, 0.0]
    read = upstream.last
    keys = Keys(SETTINGS["aws_access_key_id"], Secret(SETTINGS["aws_secret_access_key"]))
    unsigned = Unsigned("GET", upstream.url + read.path, (("X-Amz-Content-Sha256", EMPTY),), b"")
    assert read.header("authorization") == dict(sign(unsigned, keys, Scope("eu-west-1", "s3", MOMENT)))["Authorization"]
    assert read.header("x-amz-content-sha256") == EMPTY
    assert "/eu-west-1/bedrock/aws4_request" in (upstream.requests[1].header("authorization") or "")


async def test_vectors_are_coded_where_the_caller_wants_that(upstream: ScriptedUpstream) -> None:
    jobs(upstream, {"status": "Completed"})
    upstream.script(f"{FOLDER}/output.json", json={"data": [{**CLIP, "embedding": [0.5, 1.0]}]})
    async with played(upstream) as at:
        told = translate_reply(await asked(at, encoding_format="base64"), OPENAI_EMBEDDINGS)
    assert told.get("data")[0]["embedding"] == base64.b64encode(struct.pack("<2f", 0.5, 1.0)).decode()
    assert told.get("segments") == [CLIP]


async def test_a_result_of_several_files_is_one_answer(upstream: ScriptedUpstream) -> None:
    jobs(upstream, {"status": "Completed"})
    kinds = ("VIDEO", "AUDIO")
    place = "s3://films/vectors of mine/abc123def456"
    files = [{"embeddingType": kind, "status": "SUCCESS", "outputFileUri": f"{place}/{kind}.jsonl"} for kind in kinds]
    upstream.script(f"{FOLDER}/segmented-embedding-result.json", json={"embeddingResults": files})
    for number, kind in enumerate(kinds):
        lines = [
            {"embedding": [number, each], "segmentMetadata": {"segmentIndex": each}, "status": "SUCCESS"}
            for each in range(2)
        ]
        upstream.script(f"{FOLDER}/{kind}.jsonl", body=b"\n".join(map(msgspec.json.encode, lines)) + b"\n")
    async with played(upstream, NOVA) as at:
        told = translate_reply(await asked(at), OPENAI_EMBEDDINGS)
    assert [each["embedding"] for each in told.get("data")] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert told.get("segments")[3] == {"embeddingType": "AUDIO", "segmentIndex": 1}


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ({"status": "Failed", "failureMessage": "Invalid video: too short"}, BadRequestError),
        ({"status": "Failed", "failureMessage": "internal"}, BadGatewayError),
        ({"status": "Cancelled"}, BadGatewayError),
        ({}, BadGatewayError),
    ],
)
async def test_a_job_that_fails_says_why(
    upstream: ScriptedUpstream, state: dict[str, Any], error: type[Exception]
) -> None:
    jobs(upstream, state)
    async with played(upstream) as at:
        with pytest.raises(error, match=state.get("failureMessage") or "ended|status"):
            await asked(at)


@pytest.mark.parametrize(
    "result",
    [
        {"embeddingType": "VIDEO", "status": "FAILURE", "message": "no such thing"},
        {"embeddingType": "VIDEO", "status": "SUCCESS", "outputFileUri": "s3://others/secret.jsonl"},
        {"embeddingType": "VIDEO", "status": "SUCCESS", "outputFileUri": "s3://films/vectors of mine/../x"},
        {},
    ],
    ids=["failed", "elsewhere", "above", "nothing"],
)
async def test_no_file_is_read_but_the_jobs_own(upstream: ScriptedUpstream, result: dict[str, Any]) -> None:
    jobs(upstream, {"status": "Completed"})
    upstream.script(f"{FOLDER}/segmented-embedding-result.json", json={"embeddingResults": [result]})
    async with played(upstream, NOVA) as at:
        with pytest.raises(BadGatewayError):
            await asked(at)
    assert upstream.last.route.endswith("/segmented-embedding-result.json")


async def test_a_result_that_cannot_be_read_is_an_error(upstream: ScriptedUpstream) -> None:
    jobs(upstream, *({"status": "Completed"} for _ in range(3)))
    for answer in ({"status": 403, "body": b"<Error><Code>AccessDenied</Code></Error>"}, {"json": {"data": []}}):
        upstream.script(f"{FOLDER}/output.json", **answer)
    upstream.script(f"{FOLDER}/output.json", json={"data": [{"embedding": "none"}]})
    async with played(upstream) as at:
        for words in ("AccessDenied", "no vectors", "no vector"):
            with pytest.raises(BadGatewayError, match=words):
                await asked(at)


def test_what_jobs_need_is_said_at_the_start() -> None:
    for model, fields, words in (
        (MARENGO, {"settings": {"output_s3_uri": ""}}, "output_s3_uri"),
        (MARENGO, {"settings": {"output_s3_uri": "https://films"}}, "s3://"),
        (MARENGO, {"api_key": Secret("a-bearer-token")}, "access keys"),
        ("async_invoke/amazon.nova-reel-v1:0", {}, "jobs embed"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            deployment(model, **fields)
    assert Bedrock().operations(MARENGO) == frozenset({"embedding"})


def test_one_item_is_embedded_by_a_job() -> None:
    request = embeddings_request("g", [VIDEO, VIDEO])
    with pytest.raises(BadRequestError, match="one item"):
        Bedrock().provider_call(Call(request), request, deployment(MARENGO))


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"audio": "data:audio/mpeg;base64,UklG"}, {"audio": {"format": "mp3", "source": {"bytes": "UklG"}}}),
        (
            {"video": "s3://films/a.webm"},
            {
                "video": {
                    "embeddingMode": "AUDIO_VIDEO_COMBINED",
                    "format": "webm",
                    "source": {"s3Location": {"uri": "s3://films/a.webm"}},
                }
            },
        ),
        (
            {"image": "s3://films/a.jpg"},
            {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://films/a.jpg"}}}},
        ),
    ],
)
def test_nova_embeds_short_sounds_and_videos_at_once(item: dict[str, str], said: dict[str, Any]) -> None:
    made = deployment(NOVA.removeprefix("async_invoke/"))

    def sent(request: Any) -> Any:
        return msgspec.json.decode(Bedrock().provider_call(Call(request), request, made).request.content)

    body = sent(embeddings_request("g", [item]))
    assert body["singleEmbeddingParams"] == {"embeddingPurpose": "GENERIC_INDEX", **said}
    with pytest.raises(UnsupportedParamsError, match="segmentationConfig"):
        sent(embeddings_request("g", [item], segmentationConfig={"durationSeconds": 5}))
    with pytest.raises(UnsupportedParamsError, match="embeddingMode"):
        sent(embeddings_request("g", ["text"], embeddingMode="AUDIO_VIDEO_SEPARATE"))
    with pytest.raises(BadRequestError, match="the model knows"):
        sent(embeddings_request("g", [{"video": "s3://films/a.gif"}]))
