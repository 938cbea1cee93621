"""Cloudflare Workers AI: the account in the address, and models that are run in their own words."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from nova_core.errors import (
    AuthenticationError,
    BadGatewayError,
    ConfigurationError,
    ContextWindowExceededError,
    UnsupportedParamsError,
)
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, embeddings_request, responses_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.images import ImagesReply
from nova_core.types.message import Reply, Request
from nova_core.types.rerank import RerankReply
from nova_core.types.secret import Secret
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_plugin_cloudflare import plugin

API = "https://api.cloudflare.com/client/v4/accounts/acc"
GATEWAY = "https://gateway.ai.cloudflare.com/v1/acc/gate/workers-ai"
LLAMA, RERANKER, FLUX = "@cf/meta/llama-4-scout", "@cf/baai/bge-reranker-base", "@cf/black-forest-labs/flux-1-schnell"


def deployment(model: str = LLAMA, **fields: Any) -> Deployment:
    made = Deployment(**{"id": "d", "group": "g", "provider": "cloudflare", "model": model, **fields})
    completed: Deployment = plugin.complete(made, {"CLOUDFLARE_ACCOUNT_ID": "acc", "CLOUDFLARE_API_TOKEN": "cf-1"})
    return completed


def sent(request: Request, model: str = LLAMA, **fields: Any) -> tuple[str, dict[str, Any]]:
    asked = plugin.provider_call(Call(request), request, deployment(model, **fields)).request
    body: dict[str, Any] = msgspec.json.decode(asked.body or b"")
    return asked.url, body


def rerank_request(**members: Any) -> Request:
    return Request("rerank", COHERE_RERANK, {"model": "g", "query": "q", "documents": ["one", "two"], **members})


def images_request(**members: Any) -> Request:
    return Request("image_generation", OPENAI_IMAGES, {"model": "g", "prompt": "A cat", **members})


@pytest.mark.parametrize("base", [None, f"{API}/ai/v1", f"{API}/ai", API, f"{API}/ai/run/", f"{API}/ai/run/{LLAMA}"])
def test_a_base_may_end_in_any_path_of_the_api(base: str | None) -> None:
    assert sent(chat_request("g"), api_base=base)[0] == f"{API}/ai/v1/chat/completions"
    assert sent(embeddings_request("g", "x"), api_base=base)[0] == f"{API}/ai/v1/embeddings"
    assert sent(rerank_request(), RERANKER, api_base=base)[0] == f"{API}/ai/run/{RERANKER}"


def test_a_gateway_has_shorter_paths() -> None:
    assert sent(chat_request("g"), api_base=f"{GATEWAY}/v1")[0] == f"{GATEWAY}/v1/chat/completions"
    assert sent(rerank_request(), RERANKER, api_base=GATEWAY)[0] == f"{GATEWAY}/{RERANKER}"


def test_responses_are_native_for_the_models_that_have_them() -> None:
    assert sent(responses_request("g"), "@cf/openai/gpt-oss-20b")[0] == f"{API}/ai/v1/responses"
    assert sent(responses_request("g"))[0] == f"{API}/ai/v1/chat/completions"


def test_an_account_and_a_key_are_needed() -> None:
    bare = Deployment("d", "g", "cloudflare", LLAMA)
    with pytest.raises(ConfigurationError, match="CLOUDFLARE_ACCOUNT_ID"):
        plugin.complete(bare, {})
    own = plugin.complete(Deployment("d", "g", "cloudflare", LLAMA, settings={"cloudflare_account_id": "mine"}), {})
    assert own.api_base == "https://api.cloudflare.com/client/v4/accounts/mine/ai/v1"
    request = chat_request("g")
    with pytest.raises(AuthenticationError, match="CLOUDFLARE_API_KEY or CLOUDFLARE_API_TOKEN"):
        plugin.provider_call(Call(request), request, own)
    keyed = plugin.complete(Deployment("d", "g", "cloudflare", LLAMA, api_base=API, api_key=Secret("k")), {})
    assert dict(plugin.provider_call(Call(request), request, keyed).request.headers)["Authorization"] == "Bearer k"


async def test_a_prompt_that_is_too_long_is_told_by_the_vendors_words(upstream: ScriptedUpstream) -> None:
    said = "AiError: the estimated number of tokens (9000) exceeded this model context window limit (8000)"
    upstream.script("*", status=400, json={"errors": [{"message": said, "code": 5021}], "success": False})
    async with bench(plugin, deployment(api_base=f"{upstream.url}/ai")) as asking:
        with pytest.raises(ContextWindowExceededError, match="9000"):
            await asking.chat(chat_request("g"))


async def test_the_best_documents_are_answered(upstream: ScriptedUpstream) -> None:
    found = [{"id": 1, "score": 0.2}, {"id": 0, "score": 0.9}]
    upstream.script("*", json={"result": {"response": found}, "success": True, "errors": [], "messages": []})
    async with bench(plugin, deployment(RERANKER, api_base=f"{upstream.url}/ai")) as asking:
        reply = await asking.ask(rerank_request(top_n=2, return_documents=True))
    assert isinstance(reply, Reply) and isinstance(reply.typed, RerankReply)
    assert [(each.index, each.score, each.document) for each in reply.typed.results] == [
        (0, 0.9, "one"),
        (1, 0.2, "two"),
    ]
    assert upstream.last.json == {"query": "q", "contexts": [{"text": "one"}, {"text": "two"}], "top_k": 2}


async def test_images_come_in_an_envelope_or_as_they_are(upstream: ScriptedUpstream) -> None:
    async with bench(plugin, deployment(FLUX, api_base=f"{upstream.url}/ai")) as asking:
        upstream.script("*", json={"result": {"image": "aW1n"}, "success": True})
        upstream.script("*", body=b"img", headers={"content-type": "image/png"})
        for _ in range(2):
            reply = await asking.ask(images_request(size="512x768", steps=4, n=1, user="u"))
            assert isinstance(reply, Reply) and isinstance(reply.typed, ImagesReply)
            assert [image.data for image in reply.typed.images] == [base64.b64encode(b"img").decode()]
            assert reply.typed.usage is not None and reply.typed.usage.units is not None
            assert reply.typed.usage.units.images == 1
    assert upstream.last.json == {"prompt": "A cat", "width": 512, "height": 768, "steps": 4}


@pytest.mark.parametrize("members", [{"n": 2}, {"style": "vivid"}, {"response_format": "url"}, {"size": "large"}])
def test_what_images_cannot_say_is_refused_by_name(members: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedParamsError, match=next(iter(members))):
        sent(images_request(**members), FLUX)


@pytest.mark.parametrize(
    "answer",
    [
        {"success": False, "errors": [{"message": "no such model", "code": 5007}], "result": None},
        {"success": True, "result": {"response": {"x": 1}}},
        {"success": True, "result": {"response": [{"id": 0}]}},
        {"message": "hello"},
    ],
)
async def test_an_answer_without_a_result_is_an_error(upstream: ScriptedUpstream, answer: dict[str, Any]) -> None:
    upstream.script("*", json=answer)
    async with bench(plugin, deployment(RERANKER, api_base=f"{upstream.url}/ai")) as asking:
        with pytest.raises(BadGatewayError):
            (await asking.ask(rerank_request())).typed  # type: ignore[union-attr]  # noqa: B018
        with pytest.raises(BadGatewayError):
            await asking.ask(images_request(), model=FLUX)
