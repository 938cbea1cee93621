"""AI Studio: addresses, keys, counts, vectors and errors."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.errors import AuthenticationError, ContextWindowExceededError, RateLimitedError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, count_request, embeddings_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.embeddings import EmbeddingsReply
from nova_core.types.message import Reply, Request
from nova_core.types.secret import Secret
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS
from nova_core.wire.gemini import GEMINI_BATCH_EMBED, GEMINI_COUNT_TOKENS, GEMINI_GENERATE
from nova_plugin_gemini import plugin

KEY = "AIza-a-key-of-the-operator"


def deployment(model: str = "gemini-3.5-flash", **fields: Any) -> Deployment:
    made = Deployment(
        **{"id": "d", "group": "g", "provider": "gemini", "model": model, "api_key": Secret(KEY), **fields}
    )
    completed: Deployment = plugin.complete(made, {})
    return completed


def url_of(found: Deployment, **members: Any) -> str:
    request = chat_request("g", **members)
    return plugin.provider_call(Call(request), request, found).request.url


@pytest.mark.parametrize(
    ("base", "url"),
    [
        (None, "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.5-flash:generateContent"),
        ("https://proxy/gemini/", "https://proxy/gemini/models/gemini-3.5-flash:generateContent"),
        ("https://proxy/v1beta/models/mine", "https://proxy/v1beta/models/mine:generateContent"),
        ("https://proxy/v1/models/m:generateContent?x=1", "https://proxy/v1/models/m:generateContent?x=1"),
    ],
)
def test_the_verb_follows_the_model(base: str | None, url: str) -> None:
    assert url_of(deployment(api_base=base)) == url
    streamed = url_of(deployment(api_base=base), stream=True)
    assert ":streamGenerateContent?" in streamed
    assert "alt=sse" in streamed


def test_names_of_models_and_versions_go_into_the_path() -> None:
    assert "/v1alpha/models/" in url_of(deployment(settings={"api_version": "v1alpha"}))
    assert url_of(deployment("tunedModels/x")).endswith("/v1beta/tunedModels/x:generateContent")
    assert url_of(deployment("models/a b")).endswith("/models/a%20b:generateContent")


def test_without_a_key_the_vendor_is_not_asked() -> None:
    with pytest.raises(AuthenticationError, match="GEMINI_API_KEY"):
        url_of(deployment(api_key=None))


async def test_a_request_in_the_vendors_words_is_passed_on_without_what_the_path_says(
    upstream: ScriptedUpstream,
) -> None:
    upstream.script("*", text="hi")
    body = {"contents": [{"parts": [{"text": "Hi"}]}], "generation_config": {"topK": 2}}
    request = Request("chat", GEMINI_GENERATE, {"model": "g", "stream": False, **body})
    async with bench(plugin, deployment(api_base=upstream.url)) as provider:
        await provider.ask(request)
    assert upstream.last.json == body
    assert upstream.last.header("x-goog-api-key") == KEY
    assert KEY not in upstream.last.path


async def test_a_stream_that_comes_as_one_array_is_one_reply(upstream: ScriptedUpstream) -> None:
    def piece(text: str, **more: Any) -> Any:
        return {"candidates": [{"content": {"parts": [{"text": text}]}, **more}]}

    upstream.script("*", json=[piece("a"), piece("b", finishReason="STOP")])
    async with bench(plugin, deployment(api_base=upstream.url)) as provider:
        assert (await provider.chat(chat_request("g", stream=True))).text == "ab"


async def test_a_count_of_more_than_contents_is_one_of_a_whole_request(upstream: ScriptedUpstream) -> None:
    upstream.script("*", usage=(42, 0))
    said: Any = {"model": "g", "messages": [{"role": "user", "content": "Hi"}]}
    async with bench(plugin, deployment(api_base=upstream.url)) as provider:
        await provider.ask(count_request("g", "Hi"))
        assert upstream.last.json.keys() == {"contents"}
        await provider.ask(Request("count_tokens", ANTHROPIC_COUNT_TOKENS, {**said, "system": "Be brief."}))
    whole = upstream.last.json["generateContentRequest"]
    assert upstream.last.json.keys() == {"generateContentRequest"}
    assert whole["model"] == "models/gemini-3.5-flash"
    assert whole["systemInstruction"] == {"parts": [{"text": "Be brief."}]}


async def test_requests_in_a_request_name_the_vendors_model(upstream: ScriptedUpstream) -> None:
    """The vendor refuses a name that is not that of the path."""
    upstream.script("*", usage=(42, 0))
    content: Any = {"parts": [{"text": "Hi"}]}
    items = [{"model": "models/g", "content": content, "taskType": "CLUSTERING"}, {"content": content}]
    whole = {"model": "models/g", "contents": [content]}
    async with bench(plugin, deployment("gemini-embedding-001", api_base=upstream.url)) as provider:
        await provider.ask(Request("embedding", GEMINI_BATCH_EMBED, {"model": "g", "requests": items}))
        assert upstream.last.json["requests"] == [{**item, "model": "models/gemini-embedding-001"} for item in items]
        for name in ("generateContentRequest", "generate_content_request"):
            await provider.ask(Request("count_tokens", GEMINI_COUNT_TOKENS, {"model": "g", name: whole}))
            assert upstream.last.json == {name: {**whole, "model": "models/gemini-embedding-001"}}


async def test_vectors_are_coded_where_the_caller_wants_that(upstream: ScriptedUpstream) -> None:
    upstream.script("*", width=4)
    async with bench(plugin, deployment("gemini-embedding-001", api_base=upstream.url)) as provider:
        reply = await provider.ask(embeddings_request("g", "one", encoding_format="base64"))
    assert isinstance(reply, Reply)
    assert isinstance(reply.typed, EmbeddingsReply)
    assert isinstance(reply.typed.data[0].embedding, str)
    assert reply.usage is not None


async def test_errors_say_when_to_try_again_and_what_is_too_long(upstream: ScriptedUpstream) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12s"}]
    error = {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED", "details": details}
    too_long = "The input token count (9) exceeds the maximum number of tokens allowed (8)."
    upstream.script("*", status=429, json=[{"error": error}]).script("*", status=400, message=too_long)
    upstream.script("*", status=400, message="API key not valid. Please pass a valid API key.")
    async with bench(plugin, deployment(api_base=upstream.url)) as provider:
        with pytest.raises(RateLimitedError) as caught:
            await provider.chat(chat_request("g", stream=True))
        assert caught.value.retry_after == 12
        with pytest.raises(ContextWindowExceededError):
            await provider.chat(chat_request("g"))
        with pytest.raises(AuthenticationError):
            await provider.chat(chat_request("g"))


async def test_more_items_than_fit_are_asked_for_in_batches(upstream: ScriptedUpstream) -> None:
    upstream.script("*", width=2, usage=(5, 0))
    texts = [f"text {number}" for number in range(205)]
    async with bench(plugin, deployment("gemini-embedding-001", api_base=upstream.url)) as provider:
        reply = await provider.ask(embeddings_request("g", texts, encoding_format="base64"))
    assert [len(received.json["requests"]) for received in upstream.requests] == [100, 100, 5]
    assert isinstance(reply, Reply)
    assert isinstance(reply.typed, EmbeddingsReply)
    assert [vector.index for vector in reply.typed.data] == list(range(205))
    assert all(isinstance(vector.embedding, str) for vector in reply.typed.data)
    assert reply.usage is not None
    assert reply.usage.input == 15


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("gemini-2.5-flash", {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemini-3.5-flash", {"thinking_level": "LOW", "includeThoughts": True}),
    ],
)
async def test_a_level_is_a_budget_for_models_that_take_only_that(
    model: str, sent: dict[str, Any], upstream: ScriptedUpstream
) -> None:
    upstream.script("*", text="hi")
    thinking = {"thinking_level": "LOW", "includeThoughts": True}
    body = {"contents": [{"parts": [{"text": "Hi"}]}], "generation_config": {"thinking_config": thinking, "topK": 3}}
    async with bench(plugin, deployment(model, api_base=upstream.url)) as provider:
        await provider.ask(Request("chat", GEMINI_GENERATE, {"model": "g", **body}))
        assert provider.call is not None
        noted = [note.field for note in provider.call.fidelity.notes]
    assert upstream.last.json["generation_config"] == {"thinking_config": sent, "topK": 3}
    assert bool(noted) is (model == "gemini-2.5-flash")
