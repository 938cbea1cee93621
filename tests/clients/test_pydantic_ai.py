"""Pydantic AI's agents."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.conftest import Setting
from tests.clients.said import AS_JSON, CALLS, HELLO, MODELS, USAGE, Person, get_time, get_weather

WHY = "Pydantic AI is not installed"
pydantic_ai = pytest.importorskip("pydantic_ai", reason=WHY)
on_openai = pytest.importorskip("pydantic_ai.models.openai", reason=WHY)
on_anthropic = pytest.importorskip("pydantic_ai.models.anthropic", reason=WHY)

pytestmark = pytest.mark.slow
BY_API = [(api, model) for api in ("completions", "responses", "messages") for model in MODELS]


def agent(setting: Setting, api: str, model: str, **options: Any) -> Any:
    """An agent that calls one of the server's APIs."""
    from pydantic_ai.providers.anthropic import AnthropicProvider
    from pydantic_ai.providers.openai import OpenAIProvider

    if api == "messages":
        asked = on_anthropic.AnthropicModel(
            model, provider=AnthropicProvider(base_url=setting.url, api_key=setting.key)
        )
    else:
        kind = on_openai.OpenAIResponsesModel if api == "responses" else on_openai.OpenAIChatModel
        asked = kind(model, provider=OpenAIProvider(base_url=setting.v1, api_key=setting.key))
    return pydantic_ai.Agent(asked, **options)


@pytest.mark.parametrize(("api", "model"), BY_API)
async def test_it_chats_and_streams_with_usage(setting: Setting, api: str, model: str) -> None:
    setting.says(HELLO)
    asked = agent(setting, api, model)
    whole = await asked.run("Hi")
    assert (whole.output, whole.usage.input_tokens, whole.usage.output_tokens) == (HELLO["text"], *USAGE)
    async with asked.run_stream("Hi") as streamed:
        texts = [text async for text in streamed.stream_text(delta=True, debounce_by=None)]
    assert len(texts) > 2
    assert "".join(texts) == HELLO["text"]
    assert (streamed.usage.input_tokens, streamed.usage.output_tokens) == USAGE


@pytest.mark.parametrize(("api", "model"), BY_API)
async def test_its_tools_are_called_in_parallel_and_answered(setting: Setting, api: str, model: str) -> None:
    setting.says(CALLS, HELLO)
    ran = await agent(setting, api, model, tools=[get_weather, get_time]).run("Weather and time?")
    assert (ran.output, ran.usage.requests, ran.usage.tool_calls) == (HELLO["text"], 2, 2)
    for result in (b"minus seven degrees in Oslo", b"a quarter past nine in CET"):
        assert result in setting.sent


@pytest.mark.parametrize(("api", "model"), BY_API)
async def test_its_output_is_parsed(setting: Setting, api: str, model: str) -> None:
    setting.says({"tool_calls": [("final_result", {"name": "Ada", "age": 36})]})
    assert (await agent(setting, api, model, output_type=Person).run("Who?")).output == Person(name="Ada", age=36)
    if api == "messages":
        return  # the library knows the names of models that it asks for a schema there
    setting.says(AS_JSON)
    native = agent(setting, api, model, output_type=pydantic_ai.NativeOutput(Person))
    assert (await native.run("Who?")).output == Person(name="Ada", age=36)
