"""Instructor's typed answers."""

from __future__ import annotations

import pytest
from anthropic import Anthropic
from openai import OpenAI

from tests.clients.conftest import Setting
from tests.clients.said import AS_CALL, AS_JSON, HELLO, MODELS, Person

instructor = pytest.importorskip("instructor", reason="instructor is not installed")

pytestmark = pytest.mark.slow
ASKED = [{"role": "user", "content": "Who?"}]
ADA = {"name": "Ada", "age": 36}


@pytest.mark.parametrize("model", MODELS)
def test_answers_are_typed_through_tools_and_schemas(setting: Setting, model: str) -> None:
    with OpenAI(base_url=setting.v1, api_key=setting.key, max_retries=0) as client:
        for mode, script in ((instructor.Mode.TOOLS, AS_CALL), (instructor.Mode.JSON_SCHEMA, AS_JSON)):
            setting.says(script)
            typed = instructor.from_openai(client, mode=mode)
            found = typed.chat.completions.create(model=model, messages=ASKED, response_model=Person)
            assert found.model_dump() == ADA


@pytest.mark.parametrize("model", MODELS)
def test_partial_answers_are_streamed(setting: Setting, model: str) -> None:
    setting.says(AS_CALL)
    with OpenAI(base_url=setting.v1, api_key=setting.key, max_retries=0) as client:
        typed = instructor.from_openai(client)
        partial = list(typed.chat.completions.create_partial(model=model, messages=ASKED, response_model=Person))
    assert len(partial) > 1
    assert partial[-1].model_dump() == ADA


@pytest.mark.parametrize("model", MODELS)
def test_a_wrong_answer_is_asked_for_again(setting: Setting, model: str) -> None:
    setting.says({"tool_calls": [("Person", {"name": "Ada"})]}, AS_CALL)
    with OpenAI(base_url=setting.v1, api_key=setting.key, max_retries=0) as client:
        typed = instructor.from_openai(client)
        found = typed.chat.completions.create(model=model, messages=ASKED, response_model=Person, max_retries=2)
    assert (found.model_dump(), len(setting.upstream.requests)) == (ADA, 2)
    assert b"age" in setting.sent


@pytest.mark.parametrize("model", MODELS)
def test_answers_of_messages_are_typed_and_untyped_ones_pass(setting: Setting, model: str) -> None:
    with Anthropic(base_url=setting.url, api_key=setting.key, max_retries=0) as client:
        typed = instructor.from_anthropic(client)
        setting.says(AS_CALL)
        found = typed.messages.create(model=model, max_tokens=99, messages=ASKED, response_model=Person)
        assert found.model_dump() == ADA
        setting.says(HELLO)
        said = typed.messages.create(model=model, max_tokens=99, messages=ASKED, response_model=None)
    assert said.content[0].text == HELLO["text"]
