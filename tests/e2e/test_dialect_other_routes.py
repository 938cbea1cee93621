"""Completions, counting and the library against both kinds of upstream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest

import nova_core
from tests.e2e.conftest import Cell, config
from tests.e2e.dialects import Json, anthropic_answer, openai_answer
from tests.e2e.test_dialect_matrix import ANSWERS, HI

pytestmark = pytest.mark.slow

CHAT = {"gpt": openai_answer({"content": "four"}), "claude": anthropic_answer({"type": "text", "text": "four"})}
COMPLETION: Json = {
    "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "davinci",
    "choices": [
        {"text": "2+2=4", "index": 0, "finish_reason": "stop",
         "logprobs": {"tokens": ["4"], "token_logprobs": [-0.5], "top_logprobs": [{"4": -0.5}], "text_offset": [0]}},
        {"text": "3+3=6", "index": 1, "finish_reason": "length", "logprobs": None},
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}  # fmt: skip
COMPLETION_STREAM = [
    b'data: {"id":"cmpl-1","object":"text_completion","model":"d","choices":[{"text":"fo","index":0,"logprobs":null,'
    b'"finish_reason":null}]}\n\n',
    b'data: {"id":"cmpl-1","object":"text_completion","model":"d","choices":[{"text":"ur","index":0,"logprobs":null,'
    b'"finish_reason":"stop"}]}\n\n',
    b"data: [DONE]\n\n",
]


@pytest.mark.parametrize("prompt", ["2+2=", ["2+2="]])
@pytest.mark.parametrize("upstream", ["gpt", "claude"])
def test_a_prompt_is_served_by_a_chat_model_through_its_vendors_completions_or_its_chat(
    cell: Cell, upstream: str, prompt: Any
) -> None:
    if upstream == "gpt":
        cell.says(json=COMPLETION)
    else:
        cell.says(**CHAT["claude"])
    found = cell.openai.completions.create(model=upstream, prompt=prompt, max_tokens=5, stop="x")
    assert (found.object, found.model) == ("text_completion", upstream)
    if upstream == "gpt":
        assert cell.upstream.last.route == "/v1/completions"
        assert cell.sent == {"model": "gpt-4.1", "prompt": prompt, "max_tokens": 5, "stop": "x"}
    else:
        assert cell.upstream.last.route == "/v1/messages"
        assert cell.sent["messages"] == [{"role": "user", "content": [{"type": "text", "text": "2+2="}]}]
        assert (found.choices[0].text, found.choices[0].finish_reason) == ("four", "stop")
        assert found.usage is not None
        assert found.usage.total_tokens == 18


@pytest.mark.parametrize("upstream", ["text", "claude"])
def test_completions_stream(cell: Cell, upstream: str) -> None:
    cell.says(**CHAT["claude"] if upstream == "claude" else {"sse": COMPLETION_STREAM})
    chunks = list(cell.openai.completions.create(model=upstream, prompt="2+2=", stream=True))
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == "four"
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
    assert {chunk.model for chunk in chunks} == {upstream}


def test_completions_pass_what_only_they_have(cell: Cell) -> None:
    cell.says(json=COMPLETION)
    found = cell.openai.completions.create(
        model="text", prompt=["2+2=", "3+3="], echo=True, logprobs=1, best_of=2, suffix="!"
    )
    asked = {"prompt": ["2+2=", "3+3="], "echo": True, "logprobs": 1, "best_of": 2, "suffix": "!"}
    assert cell.sent == {"model": "davinci-002", **asked}
    assert found.choices[0].logprobs is not None
    assert found.choices[0].logprobs.tokens == ["4"]
    assert [choice.text for choice in found.choices] == ["2+2=4", "3+3=6"]


@pytest.mark.parametrize(
    ("field", "value"), [("echo", True), ("logprobs", 1), ("best_of", 2), ("suffix", "!"), ("prompt", ["a", "b"])]
)
def test_a_chat_model_refuses_what_only_completions_have(cell: Cell, field: str, value: Any) -> None:
    cell.says(**CHAT["claude"])
    asked: dict[str, Any] = {"prompt": "2+2=", field: value}
    with pytest.raises(openai.BadRequestError) as caught:
        cell.openai.completions.create(model="claude", **asked)
    assert caught.value.param == field
    assert cell.upstream.requests == []


def test_a_chat_is_served_by_a_completions_model_as_a_prompt(cell: Cell) -> None:
    cell.says(json={**COMPLETION, "choices": COMPLETION["choices"][:1]})
    messages: list[Any] = [{"role": "system", "content": "Add."}, {"role": "user", "content": "2+2="}]
    found = cell.openai.chat.completions.create(model="text", messages=messages)
    assert cell.sent == {"model": "davinci-002", "prompt": "Add.\n\n2+2="}
    assert found.choices[0].message.content == "2+2=4"


def test_a_vendor_that_counts_tokens_is_asked(cell: Cell) -> None:
    cell.says(json={"input_tokens": 123, "new": 1.0})
    found = cell.anthropic.messages.count_tokens(model="claude", messages=HI, system="Be brief.")
    assert found.input_tokens == 123
    assert cell.upstream.last.route == "/v1/messages/count_tokens"
    assert cell.sent == {"model": "claude-sonnet-4-5", "messages": HI, "system": "Be brief."}


def test_for_other_vendors_tokens_are_counted_here(cell: Cell) -> None:
    short = cell.anthropic.messages.count_tokens(model="gpt", messages=HI).input_tokens
    longer: list[Any] = [{"role": "user", "content": "Hi " * 50}]
    assert 0 < short < 20 < cell.anthropic.messages.count_tokens(model="gpt", messages=longer).input_tokens
    assert cell.upstream.requests == []


def test_the_token_counter_counts_a_chat_and_a_prompt(cell: Cell) -> None:
    chat = cell.post("/utils/token_counter", {"model": "gpt", "messages": HI}).json()
    prompt = cell.post("/utils/token_counter", {"model": "claude", "prompt": "one two three"}).json()
    assert (chat["total_tokens"], chat["request_model"], chat["model_used"]) == (8, "gpt", "gpt-4.1")
    assert (prompt["total_tokens"], prompt["model_used"]) == (3, "claude-sonnet-4-5")
    refused = cell.post("/utils/token_counter", {"model": "gpt"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "messages")


@pytest.fixture
def gateway_file(cell: Cell, tmp_path: Path) -> Path:
    return written(tmp_path, config(cell.upstream.url))


def written(folder: Path, settings: Json) -> Path:
    """A configuration file with these settings."""
    file = folder / "nova.yaml"
    file.write_bytes(msgspec.json.encode(settings))
    return file


@pytest.mark.parametrize("answer", ["text", "parallel tool calls", "thinking", "cut", "refusal"])
@pytest.mark.parametrize("upstream", ["gpt", "claude"])
async def test_the_library_sees_what_openais_client_sees(
    cell: Cell, gateway_file: Path, answer: str, upstream: str
) -> None:
    cell.says(**ANSWERS[answer][upstream])
    served = cell.openai.chat.completions.create(model=upstream, messages=HI).model_dump(exclude_none=True)
    async with nova_core.Gateway.from_config(gateway_file) as gateway:
        own: Any = await gateway.completion(upstream, HI)
        stream: Any = await gateway.completion(upstream, HI, stream=True)
        chunks = [chunk async for chunk in stream]
    message = own.model_dump()["choices"][0]["message"]
    assert {name: value for name, value in message.items() if value is not None} == served["choices"][0]["message"]
    assert own.choices[0].finish_reason == served["choices"][0]["finish_reason"]
    texts = [choice.delta.get("content") or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(texts) == (message.get("content") or "")


@pytest.mark.parametrize("upstream", ["gpt", "claude"])
async def test_the_librarys_errors_say_who_failed(cell: Cell, gateway_file: Path, upstream: str) -> None:
    cell.says(status=429, message="slow down", headers={"retry-after": "7"})
    provider = {"gpt": "openai", "claude": "anthropic"}[upstream]
    async with nova_core.Gateway.from_config(gateway_file) as gateway:
        with pytest.raises(nova_core.RateLimitedError) as caught:
            await gateway.completion(upstream, HI)
    error = caught.value
    assert (error.status, error.provider, error.retry_after) == (429, provider, 7.0)
    assert error.deployment_id


@pytest.mark.parametrize("upstream", ["gpt", "claude"])
async def test_a_stream_that_breaks_raises_in_the_library(cell: Cell, gateway_file: Path, upstream: str) -> None:
    cell.says(sse=CHAT[upstream]["sse"][:3])
    async with nova_core.Gateway.from_config(gateway_file) as gateway:
        stream: Any = await gateway.completion(upstream, HI, stream=True)
        with pytest.raises(nova_core.StreamBrokenError):
            [chunk async for chunk in stream]


def test_the_library_translates_without_a_gateway_too(cell: Cell) -> None:
    cell.says(**CHAT["claude"])
    answer: Any = nova_core.completion(
        model="anthropic/claude-x", messages=HI, api_base=cell.upstream.url, api_key="k", drop_params=True, n=2
    )
    assert answer.text == "four"
    assert answer.headers["dropped-params"] == "n"


@pytest.mark.parametrize("asked", [None, {"include_usage": True}, {"include_usage": False}])
@pytest.mark.parametrize("metered", [True, False])
async def test_the_usage_of_every_stream_is_counted_where_the_operator_wants_it(
    cell: Cell, tmp_path: Path, metered: bool, asked: Any
) -> None:
    """Counted, and shown to those callers alone who asked for it."""
    cell.says(text="four", usage=(11, 7))
    settings = config(cell.upstream.url)
    settings["general_settings"]["always_include_stream_usage"] = metered
    records: list[Any] = []
    async with nova_core.Gateway.from_config(written(tmp_path, settings)) as gateway:
        gateway.watchers.append(records.append)
        stream: Any = await gateway.completion("gpt", HI, stream=True, stream_options=asked)
        chunks = [chunk.model_dump() async for chunk in stream]
    wanted = asked == {"include_usage": True}
    assert any(chunk.get("usage") for chunk in chunks) == wanted
    assert all(chunk["choices"] for chunk in chunks) != wanted
    usage = records[0].usage
    counted = (usage.input_total, usage.output_total) if usage is not None else None
    assert counted == ((11, 7) if metered or wanted else None)
