"""A real server process and the official clients: rerank, moderation, images and speech."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Iterator
from pathlib import Path

import cohere
import pytest
from cohere.core import ApiError
from openai import BadRequestError, OpenAI

from nova_core.testing import ScriptedUpstream
from nova_core.testing.upstream_media import wav
from tests.server.process import ServerProcess

pytestmark = pytest.mark.slow

KEY = "sk-the-master-key"
DOCUMENTS = ["green grass", "a red tomato", "red"]


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def server(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    at = f"api_base: {upstream.url}/v1, api_key: upstream-key"
    config = f"""
model_list:
  - model_name: gpt
    litellm_params: {{model: openai/up, {at}}}
  - model_name: reranker
    litellm_params: {{model: hosted_vllm/up, {at}}}
  - model_name: nova-reranker
    litellm_params: {{model: remodlai/up, api_base: {upstream.url}/v2/rerank}}
  - model_name: echo-*
    litellm_params: {{model: echo/*}}
router_settings: {{num_retries: 0}}
general_settings: {{master_key: {KEY}, log: {{access: false}}}}
"""
    with ServerProcess(tmp_path_factory.mktemp("server"), config, host="127.0.0.1") as started:
        yield started


@pytest.fixture
def openai(server: ServerProcess) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def test_coheres_client_reranks_with_every_kind_of_upstream(server: ServerProcess, upstream: ScriptedUpstream) -> None:
    client = cohere.ClientV2(api_key=KEY, base_url=server.url)
    for model in ("reranker", "nova-reranker", "echo-rerank"):
        reply = client.rerank(model=model, query="red tomato", documents=DOCUMENTS, top_n=2)
        assert [result.index for result in reply.results] == [1, 2]
        assert reply.results[0].relevance_score == 1.0
        assert reply.id
        if model == "nova-reranker":
            assert reply.meta is not None
            assert reply.meta.billed_units is not None
            assert reply.meta.billed_units.search_units == 1
            assert upstream.last.route == "/v2/rerank"
    with pytest.raises(ApiError) as caught:
        client.rerank(model="reranker", query="red", documents=[])
    assert caught.value.status_code == 400
    assert caught.value.body["message"] == "`documents` must not be empty"


def test_coheres_older_client_gets_the_documents(server: ServerProcess) -> None:
    client = cohere.Client(api_key=KEY, base_url=server.url)
    reply = client.rerank(model="reranker", query="red tomato", documents=DOCUMENTS, return_documents=True)
    assert reply.results[0].document is not None
    assert reply.results[0].document.text == "a red tomato"


def test_openais_client_moderates(openai: OpenAI) -> None:
    reply = openai.moderations.create(model="gpt", input=["violence", "flowers"])
    assert [result.flagged for result in reply.results] == [True, False]
    assert reply.results[0].categories.violence
    assert openai.moderations.create(model="echo-moderation", input="kill").results[0].flagged


def test_openais_client_makes_images(openai: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.forget().script("up", usage=(11, 7))
    whole = openai.images.generate(model="gpt", prompt="a lighthouse", n=2, size="1024x1024")
    assert whole.data is not None
    assert len(whole.data) == 2
    assert whole.usage is not None
    assert whole.usage.total_tokens == 18
    events = list(openai.images.generate(model="gpt", prompt="a lighthouse", stream=True, partial_images=2))
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    drawn = openai.images.generate(model="echo-image", prompt="a lighthouse", size="64x48").data
    assert drawn is not None
    assert base64.b64decode(drawn[0].b64_json or "").startswith(b"\x89PNG")
    with pytest.raises(BadRequestError, match="prompt"):
        openai.images.generate(model="gpt", prompt=" ")


def test_openais_client_speaks(openai: OpenAI, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    upstream.forget()
    whole = openai.audio.speech.create(model="gpt", input="hello there", voice="alloy", response_format="wav")
    assert whole.content == wav()
    with openai.audio.speech.with_streaming_response.create(
        model="echo-speech", input="hello there", voice="alloy", response_format="wav"
    ) as reply:
        reply.stream_to_file(tmp_path / "said.wav")
    with wave.open(io.BytesIO((tmp_path / "said.wav").read_bytes())) as said:
        assert said.getnframes() / said.getframerate() == pytest.approx(0.2, abs=0.01)
    with openai.audio.speech.with_streaming_response.create(
        model="gpt", input="hello", voice="alloy", stream_format="sse"
    ) as events:
        lines = [line for line in events.iter_lines() if line]
    assert '"speech.audio.done"' in lines[-1]
