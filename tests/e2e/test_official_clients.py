"""A real server process with a key, and the official synchronous clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from anthropic import Anthropic
from openai import AuthenticationError, OpenAI

from nova_core.testing import ScriptedUpstream
from tests.server.process import ServerProcess

pytestmark = pytest.mark.slow

KEY = "sk-the-master-key"
HELLO = [{"role": "user", "content": "hello there"}]


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def server(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    config = f"""
model_list:
  - model_name: echo
    litellm_params: {{model: echo/echo}}
  - model_name: vectors
    litellm_params: {{model: echo/embed}}
    model_info: {{mode: embedding}}
  - model_name: gpt
    litellm_params: {{model: openai/gpt, api_base: {upstream.url}/v1, api_key: upstream-key}}
router_settings: {{num_retries: 0}}
general_settings: {{master_key: {KEY}, log: {{access: false}}}}
"""
    with ServerProcess(tmp_path_factory.mktemp("server"), config, host="127.0.0.1") as started:
        yield started


def test_openais_client_chats_streams_and_embeds(server: ServerProcess) -> None:
    with OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as client:
        whole = client.chat.completions.create(model="echo", messages=HELLO)
        stream = client.chat.completions.create(
            model="echo", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        numbers = client.embeddings.create(model="vectors", input=["a", "b"], encoding_format="float")
        default = client.embeddings.create(model="vectors", input=["a", "b"])
        names = [card.id for card in client.models.list()]
    assert whole.choices[0].message.content == "hello there"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "hello there"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 2
    assert default.data[0].embedding == pytest.approx(numbers.data[0].embedding, abs=1e-6)
    assert names == ["echo", "vectors", "gpt"]


def test_anthropics_client_talks_to_the_same_models(server: ServerProcess) -> None:
    with Anthropic(base_url=server.url, api_key=KEY, max_retries=0) as client:
        whole = client.messages.create(model="echo", max_tokens=20, messages=HELLO)
        with client.messages.stream(model="gpt", max_tokens=20, messages=HELLO) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
    assert whole.content[0].text == "hello there"
    assert text == "Hello from gpt."
    assert final.stop_reason == "end_turn"


def test_a_wrong_key_is_an_authentication_error(server: ServerProcess) -> None:
    client = OpenAI(base_url=f"{server.url}/v1", api_key="wrong", max_retries=0)
    with client, pytest.raises(AuthenticationError) as caught:
        client.models.list()
    assert caught.value.body == {
        "message": "The API key is not valid here.", "type": "auth_error", "param": None, "code": "401",
    }  # fmt: skip


def test_both_clients_show_the_call_id_as_the_requests_id(server: ServerProcess) -> None:
    with OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(model="echo", messages=HELLO)
        assert raw.parse()._request_id == raw.headers["x-nova-call-id"]
    with Anthropic(base_url=server.url, api_key=KEY, max_retries=0) as claude:
        answer = claude.messages.with_raw_response.create(model="echo", max_tokens=9, messages=HELLO)
        assert answer.parse()._request_id == answer.headers["x-nova-call-id"]
