"""The legacy completions format, and its typed view as a chat of one message."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import Completion

from nova_core.errors import BadGatewayError, BadRequestError, NovaError, StreamBrokenError
from nova_core.types.chat import (
    ChatReply,
    ChatRequest,
    Choice,
    Image,
    Message,
    Reasoning,
    Source,
    Text,
    Thinking,
    Tool,
)
from nova_core.types.events import Event, Frame
from nova_core.types.fidelity import Fate
from nova_core.types.message import Reply, Request
from nova_core.wire.assemble import assemble, disassemble
from nova_core.wire.body import parse_members
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.sse import SseParser
from tests.wire import strategies as said

NAME = "openai_completions"
finishes = st.sampled_from(["stop", "length", "content_filter"])
logprobs = st.none() | st.just({"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": None, "text_offset": [0]})
replies = st.builds(
    ChatReply,
    id=said.names,
    model=said.names,
    choices=st.lists(st.tuples(said.words, finishes, logprobs), min_size=1, max_size=3).map(
        lambda items: tuple(
            Choice(index, Message("assistant", (Text(text),)), finish, logprobs=found)
            for index, (text, finish, found) in enumerate(items)
        )
    ),
    usage=st.none() | said.usages,
    created=said.counts,
)


def parse(prompt: Any, **members: Any) -> ChatRequest:
    found = OPENAI_COMPLETIONS.parse_request({"model": "m", "prompt": prompt, **members})
    assert isinstance(found, ChatRequest)
    return found


def test_one_prompt_is_one_user_message() -> None:
    expected = (Message("user", (Text("Say"),)),)
    assert parse("Say").messages == expected
    assert parse(["Say"]).messages == expected


@pytest.mark.parametrize("prompt", ["Say", [1, 2, 3], [[1, 2], [3]]])
def test_what_came_in_goes_out_again(prompt: Any) -> None:
    members = {
        "model": "m", "prompt": prompt, "max_tokens": 5, "temperature": 0.5, "stop": ["a"], "suffix": "s",
        "echo": True, "best_of": 2, "logprobs": 3, "min_p": 0.1, "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    rendered, fidelity = OPENAI_COMPLETIONS.render_request(OPENAI_COMPLETIONS.parse_request(members))
    assert rendered == members
    assert not fidelity.notes


def test_several_prompts_pass_through_and_are_refused_as_one_chat() -> None:
    members = parse_members(b'{"model":"m","prompt":["a","b"]}')
    OPENAI_COMPLETIONS.check_request(members)
    request = Request("completion", OPENAI_COMPLETIONS, members)
    assert request.encode() == b'{"model":"m","prompt":["a","b"]}'
    with pytest.raises(BadRequestError, match="several prompts") as caught:
        _ = request.chat
    assert caught.value.param == "prompt"


@pytest.mark.parametrize("body", [b'{"model":"m"}', b'{"model":"m","prompt":null}', b'{"model":"m","prompt":7}'])
def test_a_prompt_is_required(body: bytes) -> None:
    with pytest.raises(BadRequestError) as caught:
        OPENAI_COMPLETIONS.check_request(parse_members(body))
    assert caught.value.param == "prompt"
    with pytest.raises(BadRequestError):
        OPENAI_COMPLETIONS.parse_request(json.loads(body))


def test_a_completion_can_be_asked_of_a_chat_model_and_what_chat_lacks_is_named() -> None:
    members, fidelity = OPENAI_CHAT.render_request(parse("Say", suffix="end", echo=False, best_of=1, max_tokens=3))
    assert members == {"model": "m", "messages": [{"role": "user", "content": "Say"}], "max_tokens": 3}
    assert fidelity.lost == ("suffix",)
    _, tokens = OPENAI_CHAT.render_request(parse([1, 2]))
    assert "prompt" in tokens.lost


def test_a_chat_of_one_question_can_be_asked_as_a_completion() -> None:
    system, user = Message("system", (Text("Be brief."),)), Message("user", (Text("Why?"),))
    members, fidelity = OPENAI_COMPLETIONS.render_request(ChatRequest("m", (user,)))
    assert (members["prompt"], fidelity.notes) == ("Why?", ())
    members, fidelity = OPENAI_COMPLETIONS.render_request(ChatRequest("m", (system, user)))
    assert members["prompt"] == "Be brief.\n\nWhy?"
    assert fidelity.of(Fate.APPROXIMATED) == ("messages",)


@pytest.mark.parametrize(
    ("request_", "lost"),
    [
        (ChatRequest("m", (Message("user", (Text("a"),)), Message("assistant", (Text("b"),)))), "messages"),
        (ChatRequest("m", (Message("user", (Image(Source(url="u")),)),)), "messages"),
        (ChatRequest("m", (Message("user", (Text("a"),)),), tools=(Tool("f"),)), "tools"),
        (ChatRequest("m", (Message("user", (Text("a"),)),), reasoning=Reasoning("low")), "reasoning_effort"),
    ],
)
def test_what_a_prompt_cannot_say_is_lost_by_name(request_: ChatRequest, lost: str) -> None:
    assert lost in OPENAI_COMPLETIONS.render_request(request_)[1].lost


@given(replies)
@settings(max_examples=50, deadline=None)
def test_a_reply_is_read_back_the_same_and_the_official_client_understands_it(reply: ChatReply) -> None:
    body = msgspec.json.encode(OPENAI_COMPLETIONS.render_reply(reply))
    assert OPENAI_COMPLETIONS.parse_reply(msgspec.json.decode(body)) == reply
    completion = Completion.model_validate_json(body)
    assert [choice.text for choice in completion.choices] == [choice.message.text for choice in reply.choices]


@given(replies, st.lists(st.integers(0, 2000), max_size=6))
@settings(max_examples=50, deadline=None)
def test_a_streamed_reply_is_put_together_to_the_same_reply(reply: ChatReply, cuts: list[int]) -> None:
    encoder = OPENAI_COMPLETIONS.encoder(model=reply.model, include_usage=True)
    body = b"".join([*map(encoder.encode, disassemble(reply)), encoder.end()])
    places = sorted({0, *(min(cut, len(body)) for cut in cuts), len(body)})
    parser, decoder, relay = SseParser(), OPENAI_COMPLETIONS.decoder(), OPENAI_COMPLETIONS.relay(model="public")
    frames = [frame for a, b in pairwise(places) for frame in parser.feed(body[a:b])]
    events: list[Event] = [event for frame in frames for event in decoder.decode(frame)]
    assert assemble([*events, *decoder.end()]) == reply
    sent = [relay.relay(frame) for frame in frames]
    assert {json.loads(frame.data)["model"] for frame in SseParser().feed(b"".join(sent[:-1]))} == {"public"}
    assert (sent[-1], relay.end(), relay.usage) == (b"data: [DONE]\n\n", b"", reply.usage)


def test_a_chat_answer_is_said_as_text() -> None:
    answer = Message("assistant", (Thinking("hm"), Text("Because.")))
    reply = Reply("completion", OPENAI_COMPLETIONS, typed=ChatReply("", "m", (Choice(0, answer, "refusal"),)))
    assert reply.members["choices"] == [
        {"text": "Because.", "index": 0, "logprobs": None, "finish_reason": "content_filter"}
    ]
    assert reply.members["object"] == "text_completion"


def test_errors_garbage_and_truncation_are_raised() -> None:
    decoder = OPENAI_COMPLETIONS.decoder()
    decoder.decode(Frame(b'{"id":"i","choices":[{"text":"a","index":0}]}'))
    with pytest.raises(NovaError, match="boom"):
        decoder.decode(Frame(b'{"error":{"message":"boom"}}'))
    with pytest.raises(StreamBrokenError):
        decoder.end()
    with pytest.raises(BadGatewayError):
        OPENAI_COMPLETIONS.parse_reply({"choices": [{"index": 0}]})
    encoder = OPENAI_COMPLETIONS.encoder(model="m", include_usage=False)
    assert b"[DONE]" not in encoder.fail(StreamBrokenError("gone"))
