"""LangChain's chat models."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.conftest import Setting
from tests.clients.said import AS_CALL, AS_JSON, CALLS, HELLO, MODELS, USAGE, Person, get_time, get_weather

WHY = "LangChain is not installed"
langchain_openai = pytest.importorskip("langchain_openai", reason=WHY)
langchain_anthropic = pytest.importorskip("langchain_anthropic", reason=WHY)

pytestmark = pytest.mark.slow
BY_API = [(api, model) for api in ("completions", "responses", "messages") for model in MODELS]


def chat(setting: Setting, api: str, model: str) -> Any:
    """A chat model that calls one of the server's APIs."""
    if api == "messages":
        return langchain_anthropic.ChatAnthropic(
            model=model, base_url=setting.url, api_key=setting.key, max_retries=0, max_tokens=99
        )
    return langchain_openai.ChatOpenAI(
        model=model,
        base_url=setting.v1,
        api_key=setting.key,
        max_retries=0,
        stream_usage=True,
        use_responses_api=api == "responses",
    )


@pytest.mark.parametrize(("api", "model"), BY_API)
def test_it_chats_and_streams_with_usage(setting: Setting, api: str, model: str) -> None:
    setting.says(HELLO)
    asked = chat(setting, api, model)
    whole = asked.invoke("Hi")
    chunks = list(asked.stream("Hi"))
    streamed = sum(chunks[1:], chunks[0])
    assert len(chunks) > 2
    assert whole.text == streamed.text == HELLO["text"]
    assert whole.usage_metadata["input_tokens"] == USAGE[0]
    assert whole.usage_metadata["output_tokens"] == streamed.usage_metadata["output_tokens"] == USAGE[1]
    if (api, model) != ("messages", "claude"):  # passed through; this upstream says it at the start, which is not read
        assert streamed.usage_metadata["input_tokens"] == USAGE[0]


@pytest.mark.parametrize(("api", "model"), BY_API)
def test_its_tools_are_called_in_parallel_and_answered(setting: Setting, api: str, model: str) -> None:
    setting.says(CALLS, CALLS, HELLO)
    asked = chat(setting, api, model).bind_tools([get_weather, get_time])
    called = asked.invoke("Weather and time?")
    chunks = list(asked.stream("Weather and time?"))
    wanted = [("get_weather", {"city": "Oslo"}), ("get_time", {"zone": "CET"})]
    for answer in (called, sum(chunks[1:], chunks[0])):
        assert [(call["name"], call["args"]) for call in answer.tool_calls] == wanted
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": f"the answer of {call['name']}"}
        for call in called.tool_calls
    ]
    last = asked.invoke([{"role": "user", "content": "Weather and time?"}, called, *results])
    assert last.text == HELLO["text"]
    assert all(f"the answer of {name}".encode() in setting.sent for name, _ in wanted)


@pytest.mark.parametrize(("api", "model"), BY_API)
def test_its_structured_output_is_parsed(setting: Setting, api: str, model: str) -> None:
    setting.says(AS_CALL if api == "messages" else AS_JSON)
    assert chat(setting, api, model).with_structured_output(Person).invoke("Who?") == Person(name="Ada", age=36)
    setting.says(AS_CALL)
    by_call = chat(setting, api, model).with_structured_output(Person, method="function_calling")
    assert by_call.invoke("Who?") == Person(name="Ada", age=36)
