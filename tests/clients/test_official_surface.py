"""What OpenAI's client asks for beside answers: counts of tokens, shorter conversations, and what a call costs."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI

from tests.clients.conftest import Setting

pytestmark = pytest.mark.slow
TURNS = [{"role": "user", "content": "Who wrote the first program?"}]
TOOL = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}, "strict": False}


@pytest.fixture
def client(setting: Setting) -> Iterator[OpenAI]:
    with OpenAI(base_url=setting.v1, api_key=setting.key, max_retries=0) as client:
        yield client


def test_openais_client_counts_what_a_response_would_be_asked_with(setting: Setting, client: OpenAI) -> None:
    setting.says({"usage": (42, 0)})
    for model, route in (("gpt", "/v1/responses/input_tokens"), ("claude", "/v1/messages/count_tokens")):
        counted = client.responses.input_tokens.count(
            model=model, input=TURNS, instructions="Be brief.", tools=[TOOL], text={"verbosity": "low"}
        )
        assert (counted.object, counted.input_tokens) == ("response.input_tokens", 42)
        assert setting.upstream.last.route == route
        assert b"look_up" in setting.sent
        assert b"Be brief." in setting.sent


def test_what_a_conversation_has_kept_is_counted_too(setting: Setting, client: OpenAI) -> None:
    setting.says({"text": "Ada Lovelace.", "usage": (5, 3)})
    first = client.responses.create(model="gpt", input=TURNS)
    client.responses.input_tokens.count(model="gpt", previous_response_id=first.id, input="When?")
    assert setting.upstream.last.json["previous_response_id"] == "resp_scripted"
    first = client.responses.create(model="claude", input=TURNS)
    client.responses.input_tokens.count(model="claude", previous_response_id=first.id, input="When?")
    assert b"Ada Lovelace." in setting.sent


def test_openais_client_compacts_a_conversation_where_the_provider_can(setting: Setting, client: OpenAI) -> None:
    setting.says({"usage": (120, 9)})
    compacted = client.responses.compact(model="gpt", input=TURNS, instructions="Keep the names.")
    assert (compacted.object, compacted.usage.input_tokens) == ("response.compaction", 120)
    assert compacted.id.startswith("resp_")
    assert compacted.id != "resp_scripted"
    assert setting.upstream.last.route == "/v1/responses/compact"
    assert setting.upstream.last.json == {"model": "gpt-4.1", "input": TURNS, "instructions": "Keep the names."}
    kept = [item.model_dump(exclude_none=True) for item in compacted.output]
    client.responses.create(model="gpt", input=[*kept, {"role": "user", "content": "And now?"}])
    assert setting.upstream.last.json["input"][0] == kept[0]
    with pytest.raises(openai.BadRequestError, match="anthropic does not serve compaction"):
        client.responses.compact(model="claude", input=TURNS)


@pytest.mark.parametrize(("tier", "cost"), [("flex", 1.75), ("default", 3.5)])
def test_the_tier_that_served_a_call_says_what_it_costs(
    setting: Setting, client: OpenAI, tier: str, cost: float
) -> None:
    usage = {"prompt_tokens": 6, "completion_tokens": 2, "total_tokens": 8}
    choice = {"index": 0, "message": {"role": "assistant", "content": "Ada."}, "finish_reason": "stop"}
    reply = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    setting.says({"json": {**reply, "service_tier": tier}})
    raw = client.chat.completions.with_raw_response.create(model="priced", messages=TURNS, service_tier="flex")
    assert setting.upstream.last.json["service_tier"] == "flex"
    assert raw.parse().service_tier == tier
    assert float(raw.headers["x-nova-response-cost"]) == cost


def test_what_speech_costs_is_said_with_it(setting: Setting, client: OpenAI) -> None:
    raw = client.audio.speech.with_raw_response.create(model="priced", input="Good morning", voice="alloy")
    assert raw.content
    assert float(raw.headers["x-nova-response-cost"]) == 6
