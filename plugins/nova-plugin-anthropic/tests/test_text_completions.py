"""Anthropic's Text Completions API: two voices in one prompt, and where the text goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, ServiceUnavailableError, StreamBrokenError, UnsupportedParamsError
from nova_core.testing.provider_bench import chat_request, completion_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.events import Finish, Frame, StreamStart, TextDelta
from nova_core.types.facts import ModelFacts
from nova_core.types.message import Reply, Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.translate import translate_reply
from nova_plugin_anthropic import text_completions

SAID = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": [{"type": "text", "text": "And"}, {"type": "text", "text": "bye"}]},
]
TOLD = "Be brief.\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: And\nbye\n\nAssistant:"


def asked(request: Request, **fields: Any) -> Exchange:
    given = Deployment("d", "public", "anthropic_text", "claude-2.1", **fields)
    where = text_completions.complete(given, {"ANTHROPIC_API_KEY": "sk-ant-api03-x"})
    exchange: Exchange = text_completions.provider_call(Call(request), request, where)
    return exchange


def sent(request: Request, **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(asked(request, **fields).request.content)
    return body


def test_a_conversation_is_one_prompt_of_two_voices():
    exchange = asked(chat_request("public", SAID, temperature=1.5, top_p=0.9, stop="END", user="u-1", stream=True))
    assert exchange.request.url == "https://api.anthropic.com/v1/complete"
    assert dict(exchange.request.headers)["x-api-key"] == "sk-ant-api03-x"
    assert dict(exchange.request.headers)["anthropic-version"] == "2023-06-01"
    assert json.loads(exchange.request.content) == {
        "model": "claude-2.1",
        "prompt": TOLD,
        "max_tokens_to_sample": 100,
        "temperature": 1,
        "top_p": 0.9,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u-1"},
        "stream": True,
    }


def test_callers_of_messages_are_told_the_same_and_may_begin_the_answer():
    body = {"model": "public", "max_tokens": 9, "system": "Be brief.", "top_k": 5, "messages": SAID[1:]}
    body["messages"] = [*SAID[1:], {"role": "assistant", "content": "Good"}]
    said = sent(Request("chat", ANTHROPIC_MESSAGES, body))
    assert said["prompt"] == f"{TOLD} Good"
    assert (said["top_k"], said["max_tokens_to_sample"]) == (5, 9)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Hi", "\n\nHuman: Hi\n\nAssistant:"),
        ("Be brief.\n\nHuman: Hi\n\nAssistant: I", "Be brief.\n\nHuman: Hi\n\nAssistant: I"),
    ],
    ids=["a question", "whole"],
)
def test_a_prompt_that_has_both_voices_is_sent_as_it_is(prompt: str, expected: str):
    assert sent(completion_request("public", prompt))["prompt"] == expected


def test_a_prompt_quoted_in_a_chat_is_a_question():
    assert sent(chat_request("public", TOLD))["prompt"] == f"\n\nHuman: {TOLD}\n\nAssistant:"


def test_the_operator_says_the_template_the_limit_and_where():
    roles = {"user": {"pre_message": "Q: ", "post_message": "\n"}}
    settings = {"roles": roles, "final_prompt_value": "A:"}
    request = chat_request("public").without("max_tokens")
    facts = ModelFacts(max_output_tokens=77)
    exchange = asked(request, settings=settings, facts=facts, api_base="https://old.example/x/v1/complete")
    body = json.loads(exchange.request.content)
    assert (body["prompt"], body["max_tokens_to_sample"]) == ("Q: Hi there\nA:", 77)
    assert exchange.request.url == "https://old.example/x/v1/complete"


@pytest.mark.parametrize("name", ["n", "seed", "frequency_penalty", "logprobs"])
def test_what_the_api_has_no_word_for_is_refused_by_name(name: str):
    with pytest.raises(UnsupportedParamsError, match=f"`{name}`"):
        asked(chat_request("public", **{name: 2 if name != "logprobs" else True}))


@pytest.mark.parametrize(
    ("end", "finish"),
    [
        ({"stop_reason": "stop_sequence", "stop": "\n\nHuman:"}, ("stop", None)),
        ({"stop_reason": "stop_sequence", "stop": "END"}, ("stop", "END")),
        ({"stop_reason": "max_tokens", "stop": None}, ("length", None)),
    ],
)
def test_an_answer_says_where_it_ends(end: dict[str, Any], finish: tuple[str, str | None]):
    answer = {"type": "completion", "completion": " Hello", "log_id": "l-1", "model": "claude-2.1", **end}
    exchange = asked(chat_request("public"))
    reply = exchange.read(UpstreamResponse(200, {}, json.dumps(answer).encode()))
    assert isinstance(reply, Reply)
    choice = reply.typed.choices[0]
    assert (choice.finish, choice.stop_sequence) == finish
    assert (reply.typed.id, reply.typed.text, reply.usage) == ("l-1", " Hello", None)
    told = translate_reply(reply, ANTHROPIC_MESSAGES)
    assert told.get("stop_sequence") == finish[1]
    decoder = exchange.dialect.decoder()
    assert decoder.decode(Frame(json.dumps(answer).encode(), "completion")) == (
        StreamStart("l-1", "claude-2.1"),
        TextDelta(0, 0, " Hello"),
        Finish(0, finish[0], None, finish[1]),
    )
    assert decoder.end() == ()


def test_an_answer_that_is_none_is_an_error():
    with pytest.raises(BadGatewayError, match="no such prompt"):
        asked(chat_request("public")).read(UpstreamResponse(200, {}, b'{"error": {"message": "no such prompt"}}'))
    for data, error in (
        (b'{"error": {"type": "overloaded_error", "message": "Overloaded"}}', ServiceUnavailableError),
        (b'{"type": "completion"}', StreamBrokenError),
    ):
        with pytest.raises(error):
            asked(chat_request("public")).dialect.decoder().decode(Frame(data))
