"""LlamaIndex's model of servers that speak OpenAI's API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.conftest import Setting
from tests.clients.said import AS_CALL, AS_JSON, CALLS, HELLO, MODELS, USAGE, Person, get_time, get_weather

openai_like = pytest.importorskip("llama_index.llms.openai_like", reason="LlamaIndex is not installed")
llms = pytest.importorskip("llama_index.core.llms")
tools = pytest.importorskip("llama_index.core.tools")

pytestmark = pytest.mark.slow


def chat(setting: Setting, model: str, **options: Any) -> Any:
    """A model that is called through chat completions."""
    return openai_like.OpenAILike(
        model=model, api_base=setting.v1, api_key=setting.key, is_chat_model=True, max_retries=0,
        is_function_calling_model=True, **options,
    )  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_it_chats_and_streams(setting: Setting, model: str) -> None:
    setting.says(HELLO)
    asked = chat(setting, model)
    question = [llms.ChatMessage(role="user", content="Hi")]
    whole = asked.chat(question)
    chunks = list(asked.stream_chat(question))
    assert whole.message.content == chunks[-1].message.content == HELLO["text"]
    assert "".join(chunk.delta or "" for chunk in chunks) == HELLO["text"]
    assert (whole.raw.usage.prompt_tokens, whole.raw.usage.completion_tokens) == USAGE


@pytest.mark.parametrize("model", MODELS)
def test_its_tools_are_called_in_parallel_plain_and_streamed(setting: Setting, model: str) -> None:
    setting.says(CALLS)
    asked = chat(setting, model)
    known = [tools.FunctionTool.from_defaults(get_weather), tools.FunctionTool.from_defaults(get_time)]
    options: dict[str, Any] = {"user_msg": "Weather and time?", "allow_parallel_tool_calls": True}
    whole = asked.chat_with_tools(known, **options)
    *_, last = asked.stream_chat_with_tools(known, **options)
    for answer in (whole, last):
        calls = asked.get_tool_calls_from_response(answer)
        assert [(call.tool_name, call.tool_kwargs) for call in calls] == [
            ("get_weather", {"city": "Oslo"}),
            ("get_time", {"zone": "CET"}),
        ]


@pytest.mark.parametrize("model", MODELS)
def test_its_structured_output_is_parsed(setting: Setting, model: str) -> None:
    for options, script in (({}, AS_CALL), ({"should_use_structured_outputs": True}, AS_JSON)):
        setting.says(script)
        typed = chat(setting, model, **options).as_structured_llm(Person)
        assert typed.complete("Who?").raw == Person(name="Ada", age=36)
