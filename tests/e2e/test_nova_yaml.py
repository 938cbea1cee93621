"""A Nova user's own YAML, unchanged, served by a real process in front of a scripted Nova server."""

from __future__ import annotations

from pathlib import Path

import openai
import pytest

from nova_core.testing.plugin import StartServer
from nova_core.testing.server_process import ServerProcess
from nova_core.testing.upstream import ScriptedUpstream

YAML = Path(__file__).parents[2] / "examples" / "nova-embeddings.yaml"
RETRIEVAL, MATCHING, CODE = "nova-embeddings-retrieval", "nova-embeddings-v1-text-matching", "nova-embeddings-code"
TASKS = {
    "retrieval": RETRIEVAL,
    "retrieval.query": RETRIEVAL,
    "retrieval.passage": RETRIEVAL,
    "text-matching": MATCHING,
    "code": CODE,
    "code.query": CODE,
    "code.passage": CODE,
}
CODE_DEPLOYMENT = """\
  - model_name: nova-embeddings-v1
    litellm_params:
      model: remodlai/nova-embeddings-code
      api_base: os.environ/REMODLAI_API_BASE
      tags: ["code", "code.query", "code.passage"]
    model_info: {mode: embedding, id: nova-embeddings-code}
"""
IDS = {RETRIEVAL: "nova-embeddings-retrieval", MATCHING: "nova-embeddings-text-matching", CODE: "nova-embeddings-code"}


@pytest.fixture
def nova(server: StartServer, threaded_upstream: ScriptedUpstream) -> ServerProcess:
    text = YAML.read_text().replace("litellm_settings:", CODE_DEPLOYMENT + "litellm_settings:", 1)
    return server(text, env={"REMODLAI_API_BASE": f"{threaded_upstream.url}/v1"})


@pytest.fixture
def client(nova: ServerProcess) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{nova.base_url}/v1", api_key="sk-1234", max_retries=0)


def test_each_task_reaches_its_adapter_and_the_header_names_it(
    client: openai.OpenAI, threaded_upstream: ScriptedUpstream
) -> None:
    for task, model in TASKS.items():
        raw = client.embeddings.with_raw_response.create(
            model="nova-embeddings-v1", input=["a text"], encoding_format="float", extra_body={"task": task}
        )
        sent = threaded_upstream.last
        assert (sent.path, sent.json) == (
            "/v1/embeddings",
            {"model": model, "input": ["a text"], "encoding_format": "float", "task": task},
        )
        assert raw.headers["x-nova-model-id"] == IDS[model]
        assert raw.headers["x-nova-embedding-space"].startswith(model)
        assert raw.parse().model == "nova-embeddings-v1"
    assert threaded_upstream.asked == list(TASKS.values())


def test_the_file_of_the_reference_serves_its_four_tasks_and_refuses_the_others(
    server: StartServer, threaded_upstream: ScriptedUpstream
) -> None:
    nova = server(YAML.read_text(), env={"REMODLAI_API_BASE": f"{threaded_upstream.url}/v1"})
    client = openai.OpenAI(base_url=f"{nova.base_url}/v1", api_key="sk-1234", max_retries=0)
    for task in ("retrieval", "retrieval.query", "retrieval.passage", "text-matching"):
        client.embeddings.create(model="nova-embeddings-v1", input="x", extra_body={"task": task})
    assert threaded_upstream.asked == [RETRIEVAL] * 3 + [MATCHING]
    with pytest.raises(openai.BadRequestError, match=r"retrieval\.query"):
        client.embeddings.create(model="nova-embeddings-v1", input="x", extra_body={"task": "code"})


def test_no_key_is_sent_to_a_server_that_needs_none(client: openai.OpenAI, threaded_upstream: ScriptedUpstream) -> None:
    client.embeddings.create(model="nova-embeddings-v1", input="x", extra_body={"task": "code"})
    assert threaded_upstream.last.header("authorization") is None


def test_a_batch_of_mixed_tasks_is_split_served_and_merged_in_order(
    client: openai.OpenAI, threaded_upstream: ScriptedUpstream
) -> None:
    tasks = ["code", "text-matching", "code.query", "retrieval"]
    items = [{"text": f"text {number}", "task": task} for number, task in enumerate(tasks)]
    body = {"model": "nova-embeddings-v1", "encoding_format": "float"}
    reply = client.embeddings.create(input=items, **body)  # type: ignore[call-overload]
    assert [vector.index for vector in reply.data] == [0, 1, 2, 3]
    assert sorted(threaded_upstream.asked) == sorted([RETRIEVAL, MATCHING, CODE])
    # Each vector is the one that the adapter gives for that text alone, and usage is one total.
    single_usage = 0
    for number, item in enumerate(items):
        alone = client.embeddings.create(input=[item], **body)  # type: ignore[call-overload]
        assert alone.data[0].embedding == reply.data[number].embedding
        single_usage += alone.usage.total_tokens
    assert reply.usage.total_tokens == single_usage


def test_the_wildcard_reaches_the_same_name_upstream(
    client: openai.OpenAI, threaded_upstream: ScriptedUpstream
) -> None:
    reply = client.chat.completions.create(
        model="remodlai/nova-chat-9b", messages=[{"role": "user", "content": "hello"}]
    )
    assert threaded_upstream.last.json["model"] == "nova-chat-9b"
    assert reply.model == "remodlai/nova-chat-9b"


def test_a_misspelt_task_is_refused_with_the_tasks_that_are_served(
    client: openai.OpenAI, threaded_upstream: ScriptedUpstream
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="nova-embeddings-v1", input="x", extra_body={"task": "retreival.query"})
    message = str(caught.value)
    assert "retrieval.query" in message and "text-matching" in message and caught.value.param == "task"
    assert threaded_upstream.asked == []


def test_without_a_task_nothing_is_guessed(client: openai.OpenAI, threaded_upstream: ScriptedUpstream) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="nova-embeddings-v1", input="x")
    assert "text-matching" in str(caught.value)
    assert threaded_upstream.asked == []


def test_the_wrong_key_is_refused(nova: ServerProcess) -> None:
    stranger = openai.OpenAI(base_url=f"{nova.base_url}/v1", api_key="sk-wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as caught:
        stranger.models.list()
    assert caught.value.type == "auth_error"
    assert "sk-wrong" not in nova.logs
