"""What the official clients do beyond sending a request: parsed answers and streams put together."""

from __future__ import annotations

import openai
import pytest
from anthropic import Anthropic, beta_tool
from openai import OpenAI

from tests.clients.conftest import Setting
from tests.clients.said import AS_JSON, CALLS, HELLO, MODELS, USAGE, Person, get_time, get_weather

pytestmark = pytest.mark.slow
ASKED = [{"role": "user", "content": "Who?"}]


@pytest.mark.parametrize("model", MODELS)
def test_openais_client_parses_answers_and_arguments(setting: Setting, model: str) -> None:
    with OpenAI(base_url=setting.v1, api_key=setting.key, max_retries=0) as client:
        setting.says(AS_JSON)
        parsed = client.chat.completions.parse(model=model, messages=ASKED, response_format=Person)
        assert parsed.choices[0].message.parsed == Person(name="Ada", age=36)
        assert b'"additionalProperties":false' in setting.sent
        setting.says({"tool_calls": [("Person", {"name": "Ada", "age": 36})]})
        tools = [openai.pydantic_function_tool(Person)]
        called = client.chat.completions.parse(model=model, messages=ASKED, tools=tools).choices[0].message.tool_calls
    assert called is not None
    assert called[0].function.parsed_arguments == Person(name="Ada", age=36)


@pytest.mark.parametrize("model", MODELS)
def test_openais_client_puts_streams_together(setting: Setting, model: str) -> None:
    setting.says(AS_JSON)
    with OpenAI(base_url=setting.v1, api_key=setting.key, max_retries=0) as client:
        with client.chat.completions.stream(
            model=model, messages=ASKED, response_format=Person, stream_options={"include_usage": True}
        ) as stream:
            kinds = {event.type for event in stream}
            whole = stream.get_final_completion()
        with client.responses.stream(model=model, input="Who?", text_format=Person) as stream:
            response = stream.until_done().get_final_response()
    assert {"content.delta", "content.done"} <= kinds
    assert whole.choices[0].message.parsed == response.output_parsed == Person(name="Ada", age=36)
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == USAGE


@pytest.mark.parametrize("model", MODELS)
def test_anthropics_client_parses_answers_and_puts_streams_together(setting: Setting, model: str) -> None:
    with Anthropic(base_url=setting.url, api_key=setting.key, max_retries=0) as client:
        setting.says(AS_JSON)
        parsed = client.messages.parse(model=model, max_tokens=99, messages=ASKED, output_format=Person)
        assert parsed.parsed_output == Person(name="Ada", age=36)
        setting.says(HELLO, CALLS)
        with client.messages.stream(model=model, max_tokens=99, messages=ASKED) as stream:
            assert "".join(stream.text_stream) == HELLO["text"]
        with client.messages.stream(model=model, max_tokens=99, messages=ASKED) as stream:
            whole = stream.get_final_message()
    assert [block.name for block in whole.content if block.type == "tool_use"] == ["get_weather", "get_time"]
    assert (whole.stop_reason, whole.usage.input_tokens) == ("tool_use", USAGE[0])


@pytest.mark.parametrize("model", [*MODELS, "lenient"])
@pytest.mark.parametrize("stream", [False, True])
def test_anthropics_client_runs_tools_whoever_holds_the_conversation(
    setting: Setting, model: str, stream: bool
) -> None:
    """It asks the vendor to hold the conversation, and says all of it to a provider that does not."""
    setting.says(CALLS, HELLO)
    tools = [beta_tool(get_weather), beta_tool(get_time)]
    with Anthropic(base_url=setting.url, api_key=setting.key, max_retries=0) as client:
        runner = client.beta.messages.tool_runner(
            model=model, max_tokens=99, messages=ASKED, tools=tools, stream=stream
        )
        last = runner.until_done()
    assert last.content[0].text == HELLO["text"]
    assert b"minus seven degrees in Oslo" in setting.sent
    assert b"Who?" in setting.sent or model == "claude"
