"""The official clients work against the gateway, and raise the right class for every status of an upstream."""

from __future__ import annotations

import base64
import struct

import anthropic
import openai
import pytest

from nova_core.testing import ScriptedUpstream
from tests.server.live import HELLO, Live

OPENAI_CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    402: openai.APIStatusError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    413: openai.APIStatusError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    502: openai.InternalServerError,
    503: openai.InternalServerError,
    504: openai.InternalServerError,
    529: openai.InternalServerError,
}
ANTHROPIC_CLASSES = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    413: anthropic.RequestTooLargeError,
    422: anthropic.UnprocessableEntityError,
    429: anthropic.RateLimitError,
    500: anthropic.InternalServerError,
    503: anthropic.ServiceUnavailableError,
}


@pytest.mark.parametrize("status", OPENAI_CLASSES)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_openais_client_raises_the_class_of_the_upstreams_status(
    status: int, stream: bool, served: Live, upstream: ScriptedUpstream
) -> None:
    upstream.script("gpt", status=status, message="no luck today")
    async with served.openai() as client:
        with pytest.raises(OPENAI_CLASSES[status]) as caught:
            await client.chat.completions.create(model="gpt", messages=HELLO, stream=stream)
    assert caught.value.status_code == status
    assert "no luck today" in caught.value.message


@pytest.mark.parametrize("status", ANTHROPIC_CLASSES)
async def test_anthropics_client_raises_the_class_of_the_upstreams_status(
    status: int, served: Live, upstream: ScriptedUpstream
) -> None:
    upstream.script("gpt", status=status, message="no luck today")
    async with served.anthropic() as client:
        with pytest.raises(ANTHROPIC_CLASSES[status]) as caught:
            await client.messages.create(model="gpt", max_tokens=5, messages=HELLO)
    assert "no luck today" in str(caught.value)


async def test_a_string_code_and_retry_after_of_the_upstream_reach_the_caller(
    served: Live, upstream: ScriptedUpstream
) -> None:
    upstream.script("gpt", status=400, code="context_length_exceeded", message="too long")
    async with served.openai() as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model="gpt", messages=HELLO)
        assert caught.value.code == "context_length_exceeded"
        upstream.forget().script("gpt", status=429, headers={"retry-after": "7", "x-ratelimit-remaining-requests": "0"})
        with pytest.raises(openai.RateLimitError) as limited:
            await client.chat.completions.create(model="gpt", messages=HELLO)
    assert limited.value.response.headers["retry-after"] == "7"
    assert limited.value.response.headers["x-ratelimit-remaining-requests"] == "0"


async def test_chat_plain_and_streamed_with_openais_client(served: Live) -> None:
    async with served.openai() as client:
        whole = await client.chat.completions.create(model="echo", messages=HELLO)
        stream = await client.chat.completions.create(model="echo", messages=HELLO, stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    assert whole.choices[0].message.content == "hello"
    assert whole.model == "echo"
    assert "".join(pieces) == "hello"


async def test_completions_and_embeddings_with_openais_client(served: Live, upstream: ScriptedUpstream) -> None:
    async with served.openai() as client:
        completed = await client.completions.create(model="gpt", prompt="Once")
        numbers = await client.embeddings.create(model="emb", input=["a", "b"], encoding_format="float")
        default = await client.embeddings.create(model="emb", input=["a", "b"])
        raw = await client.embeddings.with_raw_response.create(model="emb", input=["a"], encoding_format="base64")
    assert completed.choices[0].text
    assert len(numbers.data) == 2
    assert default.data[1].embedding == pytest.approx(numbers.data[1].embedding, abs=1e-6)
    packed = base64.b64decode(raw.http_response.json()["data"][0]["embedding"])
    assert list(struct.unpack(f"<{len(packed) // 4}f", packed)) == pytest.approx(numbers.data[0].embedding, abs=1e-6)


async def test_messages_plain_streamed_and_counted_with_anthropics_client(served: Live) -> None:
    async with served.anthropic() as client:
        whole = await client.messages.create(model="echo", max_tokens=20, messages=HELLO)
        async with client.messages.stream(model="echo", max_tokens=20, messages=HELLO) as stream:
            text = "".join([piece async for piece in stream.text_stream])
        counted = await client.messages.count_tokens(model="echo", messages=HELLO)
    assert whole.content[0].text == "hello"
    assert text == "hello"
    assert counted.input_tokens > 0


@pytest.mark.parametrize("prefix", ["/v1", "", "/openai/v1", "/openai"])
async def test_call_routes_answer_under_every_prefix(prefix: str, served: Live) -> None:
    async with served.http() as http:
        for path, body in (
            ("/chat/completions", {"messages": HELLO}),
            ("/completions", {"prompt": "hello"}),
            ("/messages", {"messages": HELLO, "max_tokens": 5}),
            ("/messages/count_tokens", {"messages": HELLO}),
        ):
            response = await http.post(f"{prefix}{path}", json={"model": "echo", **body})
            assert response.status_code == 200, (path, response.text)


@pytest.mark.parametrize("style", ["/openai/deployments/echo", "/engines/echo", "/v1/engines/echo"])
async def test_the_model_may_stand_in_the_path_and_goes_before_the_bodys(style: str, served: Live) -> None:
    async with served.http() as http:
        response = await http.post(
            f"{style}/chat/completions?api-version=2024-06-01", json={"model": "nobody", "messages": HELLO}
        )
        counted = await http.post(f"{style}/messages/count_tokens", json={"messages": HELLO})
    assert response.json()["model"] == "echo"
    assert counted.json()["input_tokens"] > 0


async def test_azures_client_finds_its_deployment(served: Live) -> None:
    client = openai.AsyncAzureOpenAI(azure_endpoint=served.url, api_key="any", api_version="2024-06-01", max_retries=0)
    async with client:
        answer = await client.chat.completions.create(model="echo", messages=HELLO)
        response = await client.responses.create(model="echo", input="hello")
        again = await client.responses.retrieve(response.id)
        listed = [model.id async for model in client.models.list()]
    assert answer.choices[0].message.content == "hello"
    assert again.output_text == "hello"
    assert "echo" in listed
