"""Rerank and images: what is sent, as the vendor's own service model has it, and what comes back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nova_core.errors import BadGatewayError, ContentPolicyViolationError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, embeddings_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.embeddings import EmbeddingsReply
from nova_core.types.images import ImagesReply
from nova_core.types.message import Reply, Request
from nova_core.types.rerank import RerankReply
from nova_core.types.secret import Secret
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_plugin_bedrock.provider import Bedrock

ARN = "arn:aws:bedrock:eu-central-1::foundation-model/cohere.rerank-v3-5:0"


def deployment(model: str, **fields: Any) -> Deployment:
    given = {"id": "d", "group": "g", "provider": "bedrock", "model": model, "api_key": Secret("a-bearer-token")}
    return Bedrock().complete(Deployment(**{**given, **fields}), {})


def rerank_request(**members: Any) -> Request:
    return Request("rerank", COHERE_RERANK, {"model": "g", "query": "which?", "documents": ["one", "two"], **members})


def images_request(**members: Any) -> Request:
    return Request("image_generation", OPENAI_IMAGES, {"model": "g", "prompt": "A cat", **members})


async def ranked(upstream: ScriptedUpstream, model: str, request: Request, **fields: Any) -> RerankReply:
    async with bench(Bedrock(), deployment(model, api_base=upstream.url, **fields)) as asking:
        reply = await asking.ask(request)
    assert isinstance(reply, Reply) and isinstance(reply.typed, RerankReply)
    return reply.typed


async def drawn(upstream: ScriptedUpstream, model: str, request: Request) -> ImagesReply:
    async with bench(Bedrock(), deployment(model, api_base=upstream.url)) as asking:
        reply = await asking.ask(request)
    assert isinstance(reply, Reply) and isinstance(reply.typed, ImagesReply)
    return reply.typed


@pytest.mark.parametrize(
    ("model", "fields", "arn"),
    [
        ("amazon.rerank-v1:0", {}, "arn:aws:bedrock:us-west-2::foundation-model/amazon.rerank-v1:0"),
        (ARN, {}, ARN),
        ("cohere.rerank", {"settings": {"model_id": ARN}}, ARN),
        (
            "x.rerank",
            {"settings": {"aws_region_name": "cn-north-1"}},
            "arn:aws-cn:bedrock:cn-north-1::foundation-model/x.rerank",
        ),
    ],
)  # fmt: skip
def test_a_model_that_ranks_is_asked_by_its_arn_at_another_host(model: str, fields: dict[str, Any], arn: str) -> None:
    request = rerank_request()
    made = deployment(model, **fields)
    sent = Bedrock().provider_call(Call(request), request, made).request
    region = made.settings["aws_region_name"]
    assert sent.url.startswith(f"https://bedrock-agent-runtime.{region}.amazonaws.com")
    assert sent.url.endswith("/rerank")
    configuration = msgspec.json.decode(sent.body or b"")["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    assert configuration["modelConfiguration"] == {"modelArn": arn}
    assert "rerank" in Bedrock().operations(model)


async def test_documents_are_ranked_page_by_page(upstream: ScriptedUpstream) -> None:
    validate = pytest.importorskip("botocore.validate")
    from botocore.session import Session

    upstream.script("/rerank", json={"results": [{"index": 1, "relevanceScore": 0.9}], "nextToken": "more"})
    upstream.script("/rerank", json={"results": [{"index": 0, "relevanceScore": 0.1}]})
    documents = [{"title": "t", "body": "b", "secret": "s"}, {"text": "two"}, "three"]
    request = rerank_request(documents=documents, top_n=9, rank_fields=["title", "body"], return_documents=True)
    reply = await ranked(upstream, "cohere.rerank-v3-5:0", request)
    assert [(each.index, each.score, each.document) for each in reply.results] == [
        (1, 0.9, {"text": "two"}), (0, 0.1, documents[0]),
    ]  # fmt: skip
    first, second = (received.json for received in upstream.requests)
    assert second == {**first, "nextToken": "more"}
    sources = [source["inlineDocumentSource"] for source in first["sources"]]
    assert sources[0] == {"type": "JSON", "jsonDocument": {"title": "t", "body": "b"}}
    assert sources[2] == {"type": "TEXT", "textDocument": {"text": "three"}}
    shape = Session().get_service_model("bedrock-agent-runtime").operation_model("Rerank").input_shape
    assert not validate.ParamValidator().validate(second, shape).has_errors()


async def test_amazons_models_draw_in_their_words(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json={"images": ["aW1n", "aW1n"]})
    asked = {"n": 2, "size": "1280x720", "quality": "hd", "seed": 7, "negative_prompt": "dogs", "user": "u"}
    reply = await drawn(upstream, "amazon.nova-canvas-v1:0", images_request(**asked, response_format="b64_json"))
    assert upstream.last.route == "/model/amazon.nova-canvas-v1%3A0/invoke"
    assert upstream.last.json == {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": "A cat", "negativeText": "dogs"},
        "imageGenerationConfig": {
            "numberOfImages": 2, "width": 1280, "height": 720, "quality": "premium", "seed": 7,
        },
    }  # fmt: skip
    assert [image.data for image in reply.images] == ["aW1n", "aW1n"]
    assert reply.usage is not None and reply.usage.units is not None
    assert reply.usage.units.images == 2


async def test_stabilitys_models_draw_one_image_of_a_ratio(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json={"seeds": [1], "finish_reasons": [None], "images": ["aW1n"]})
    request = images_request(size="1536x1024", output_format="jpeg", negative_prompt="dogs")
    reply = await drawn(upstream, "us.stability.stable-image-core-v1:1", request)
    assert upstream.last.json == {
        "prompt": "A cat", "aspect_ratio": "3:2", "output_format": "jpeg", "negative_prompt": "dogs",
    }  # fmt: skip
    assert len(reply.images) == 1


@pytest.mark.parametrize(
    ("model", "members", "name"),
    [
        ("amazon.titan-image-generator-v2:0", {"size": "wide"}, "size"),
        ("amazon.titan-image-generator-v2:0", {"response_format": "url"}, "response_format"),
        ("amazon.titan-image-generator-v2:0", {"steps": 4}, "steps"),
        ("stability.sd3-5-large-v1:0", {"n": 2}, "n"),
        ("stability.sd3-5-large-v1:0", {"size": "1000x999"}, "size"),
        ("stability.sd3-5-large-v1:0", {"background": "transparent"}, "background"),
    ],
)
def test_what_a_model_cannot_draw_is_refused_by_name(model: str, members: dict[str, Any], name: str) -> None:
    request = images_request(**members)
    with pytest.raises(UnsupportedParamsError, match=f"`{name}`"):
        Bedrock().provider_call(Call(request), request, deployment(model))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"images": [], "error": "All images were blocked by our content filters."}, ContentPolicyViolationError),
        ({"images": [""], "finish_reasons": ["Filter reason: prompt"]}, ContentPolicyViolationError),
        ({"images": []}, BadGatewayError),
    ],
)
async def test_images_that_are_held_back_are_told(
    upstream: ScriptedUpstream, answer: dict[str, Any], expected: type[Exception]
) -> None:
    upstream.script("*", json=answer)
    with pytest.raises(expected):
        await drawn(upstream, "stability.sd3-5-large-v1:0", images_request())


@pytest.mark.parametrize(
    ("model", "item", "said"),
    [
        ("marengo-embed-3-0-v1:0", "a cat", {"inputType": "text", "text": {"inputText": "a cat"}}),
        (
            "marengo-embed-3-0-v1:0",
            {"text": "a cat", "image": "data:image/png;base64,iVBO"},
            {
                "inputType": "text_image",
                "text_image": {"inputText": "a cat", "mediaSource": {"base64String": "iVBO"}},
            },
        ),
        (
            "marengo-embed-2-7-v1:0",
            {"image": "s3://b/a.png"},
            {"inputType": "image", "mediaSource": {"s3Location": {"uri": "s3://b/a.png"}}},
        ),
        ("marengo-embed-2-7-v1:0", "a cat", {"inputType": "text", "inputText": "a cat"}),
    ],
)
async def test_marengo_embeds_texts_and_images(
    upstream: ScriptedUpstream, model: str, item: Any, said: dict[str, Any]
) -> None:
    upstream.script("*", json={"data": [{"embedding": [0.5, 0.25]}]})
    upstream.script("*", json={"embedding": [1, 0]})
    async with bench(Bedrock(), deployment(f"us.twelvelabs.{model}", api_base=upstream.url)) as asking:
        reply = await asking.ask(embeddings_request("g", [item, "a dog"]))
    assert isinstance(reply, Reply) and isinstance(reply.typed, EmbeddingsReply)
    assert [list(vector.embedding) for vector in reply.typed.data] == [[0.5, 0.25], [1, 0]]
    assert upstream.requests[0].json == said
    assert upstream.last.route.endswith("/invoke")
