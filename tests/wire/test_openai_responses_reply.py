"""Whole responses: what a vendor says is read, said again as it was, and said of other vendors' answers."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.responses import Response
from openai.types.responses.response_output_item import ImageGenerationCall

from nova_core.errors import BadGatewayError, InternalServerError, NovaError, RateLimitedError
from nova_core.types.chat import (
    ChatReply,
    Choice,
    Citation,
    Message,
    Opaque,
    Part,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from nova_core.types.fidelity import Fate
from nova_core.types.message import Reply
from nova_core.types.usage import Usage
from nova_core.wire.gemini import GEMINI_GENERATE
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_responses import NAME, OPENAI_RESPONSES, Asked, OpenAIResponses
from nova_core.wire.openai_responses.reply import losses
from nova_core.wire.translate import translate_reply

Json = dict[str, Any]
CITED: Json = {"type": "url_citation", "start_index": 0, "end_index": 2, "title": "T", "url": "https://example.org"}
TOKEN: Json = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}
OUTPUT: list[Json] = [
    {
        "id": "rs_1", "type": "reasoning", "encrypted_content": "gAAAA",
        "summary": [{"type": "summary_text", "text": "One."}, {"type": "summary_text", "text": "Two."}],
    },
    {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}},
    {
        "id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "phase": "commentary",
        "content": [{"type": "output_text", "text": "Hi", "annotations": [CITED], "logprobs": [TOKEN]}],
    },
    {
        "id": "msg_2", "type": "message", "role": "assistant", "status": "completed",
        "content": [{"type": "refusal", "refusal": "No."}],
    },
    {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"},
    {"id": "ctc_1", "type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "free", "status": "completed"},
]  # fmt: skip
WHOLE: Json = {
    "id": "resp_1", "object": "response", "created_at": 1700000000, "completed_at": 1700000009, "model": "gpt",
    "status": "completed", "error": None, "incomplete_details": None, "output": OUTPUT, "service_tier": "default",
    "parallel_tool_calls": False, "tools": [{"type": "web_search"}], "tool_choice": "auto", "metadata": {"a": "b"},
    "temperature": 0.3, "vendor_field": {"kept": True},
    "usage": {
        "input_tokens": 30, "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 5},
        "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 39,
    },
}  # fmt: skip


def parsed(**changes: Any) -> ChatReply:
    typed = OPENAI_RESPONSES.parse_reply({**WHOLE, **changes})
    assert isinstance(typed, ChatReply)
    return typed


def said(*parts: Part, finish: Any = "stop", **choice: Any) -> Json:
    reply = ChatReply("x", "m", (Choice(0, Message("assistant", parts), finish, **choice),), usage=Usage(3, output=2))
    members = OPENAI_RESPONSES.render_reply(reply)
    Response.model_validate(members)
    return members


def test_a_response_is_read() -> None:
    reply = parsed()
    thought, search, text, refusal, call, custom = reply.choices[0].message.parts
    assert isinstance(thought, Thinking)
    assert (thought.text, thought.signature) == ("One.\n\nTwo.", None)
    assert search == Opaque(NAME, OUTPUT[1])
    assert isinstance(text, Text)
    assert text.citations == (Citation(NAME, CITED, url="https://example.org", title="T", start=0, end=2),)
    assert isinstance(refusal, Refusal)
    assert isinstance(call, ToolCall)
    assert isinstance(custom, ToolCall)
    assert custom.custom
    assert reply.choices[0].finish == "tool_calls"
    assert reply.choices[0].logprobs == {"content": [TOKEN], "refusal": None}
    assert reply.usage == Usage(input=15, cache_read=10, cache_write_5m=5, output=5, reasoning=4)
    assert (reply.id, reply.model, reply.created, reply.service_tier) == ("resp_1", "gpt", 1700000000, "default")


def test_a_response_whose_typed_view_was_looked_at_is_said_again_as_it_was() -> None:
    again = OpenAIResponses(clock=lambda: 1700000009.0).render_reply(parsed())
    assert {name: again[name] for name in WHOLE} == WHOLE


@pytest.mark.parametrize(
    ("changes", "finish"),
    [
        ({"output": OUTPUT[2:3]}, "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "incomplete", "incomplete_details": None}, "pause"),
        ({"status": "queued", "output": []}, None),
        ({"status": "in_progress", "output": []}, None),
    ],
)
def test_the_status_is_the_finish(changes: Json, finish: str | None) -> None:
    assert parsed(**changes).choices[0].finish == finish


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
        ("refusal", "incomplete", "content_filter"),
        ("pause", "incomplete", None),
    ],
)
def test_the_finish_is_the_status(finish: str, status: str, reason: str | None) -> None:
    members = said(Text("Hi"), finish=finish)
    assert members["status"] == status
    assert members["output"][0]["status"] == status
    details = members["incomplete_details"]
    assert (details or {}).get("reason") == reason


def test_a_refusal_that_was_said_is_a_complete_answer() -> None:
    assert said(Refusal("No."), finish="refusal")["status"] == "completed"


def test_an_answer_of_another_provider_is_said_in_items() -> None:
    cited = Citation("anthropic_messages", {}, url="https://example.org", title="T")
    members = said(
        Thinking("Hm.", "c2ln"), RedactedThinking("cmVk"), Text("Hi", citations=(cited,)), Text(""), Text(" there"),
        ToolCall("c1", "f", "{}"), ToolCall("c2", "g", "free", custom=True), Text("Bye"), finish="tool_calls",
    )  # fmt: skip
    kinds = ["reasoning", "reasoning", "message", "function_call", "custom_tool_call", "message"]
    assert [item["type"] for item in members["output"]] == kinds
    thought, redacted, message, *_ = members["output"]
    assert thought["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert redacted["summary"] == []
    assert [part["text"] for part in message["content"]] == ["Hi", " there"]
    assert message["content"][0]["annotations"] == [{**CITED, "end_index": 2}]
    assert members["usage"]["total_tokens"] == 5


def test_the_reply_repeats_its_request() -> None:
    asked = Asked({"temperature": 0.2, "tools": None, "metadata": {"a": "b"}}, previous="resp_0")
    members = OpenAIResponses(asked).render_reply(ChatReply("x", "m", ()))
    assert (members["temperature"], members["tools"], members["metadata"]) == (0.2, [], {"a": "b"})
    assert (members["previous_response_id"], members["tool_choice"], members["top_p"]) == ("resp_0", "auto", None)
    assert members["output"] == []


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        ({"code": "server_error", "message": "oops"}, InternalServerError, 500),
        ({"code": "rate_limit_exceeded", "message": "slow"}, RateLimitedError, 429),
        ({"code": "invalid_image", "message": "what"}, NovaError, 400),
        ("no object", BadGatewayError, 502),
    ],
)
def test_a_response_that_failed_is_its_error(error: Any, kind: type[NovaError], status: int) -> None:
    with pytest.raises(kind) as caught:
        OPENAI_RESPONSES.check_reply({**WHOLE, "status": "failed", "error": error})
    assert caught.value.status == status


def test_what_cannot_be_said_is_named() -> None:
    parts = (
        Opaque("anthropic_messages", {"type": "server_tool_use"}),
        Text("Hi", citations=(Citation("anthropic_messages", {"type": "char_location"}),)),
    )
    choice = Choice(0, Message("assistant", parts), "pause", stop_sequence="END")
    reply = ChatReply("x", "m", (choice, Choice(1, Message("assistant", ()), "stop")), fingerprint="f")
    found = losses(reply)
    assert found.lost == ("choices", "choices[0].message.parts[0]", "choices[0].message.parts[1].citations[0]")
    assert found.of(Fate.HINT) == ("system_fingerprint", "choices[0].stop_sequence")


def test_a_caller_of_chat_hears_what_chat_can_say() -> None:
    reply = translate_reply(Reply("chat", OPENAI_RESPONSES, WHOLE), OPENAI_CHAT)
    (choice,) = reply.members["choices"]
    message = choice["message"]
    assert (message["content"], message["refusal"]) == ("Hi", "No.")
    assert message["reasoning_content"] == "One.\n\nTwo."
    assert message["annotations"][0]["url_citation"]["url"] == "https://example.org"
    assert [call["id"] for call in message["tool_calls"]] == ["c1", "c2"]
    assert choice["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("dialect", ["gemini", "openai_chat"])
def test_a_picture_that_another_provider_drew_is_an_item(dialect: str) -> None:
    image = {"inlineData": {"mimeType": "image/webp", "data": "aW1n"}}
    listed = {"images": [{"type": "image_url", "image_url": {"url": "data:image/webp;base64,aW1n"}}]}
    message = Message("assistant", (Text("Here"), Opaque("gemini", image)))
    if dialect == "openai_chat":
        message = Message("assistant", (Text("Here"),), extra={"openai_chat": listed})
    reply = ChatReply("x", "m", (Choice(0, message, "stop"),))
    text, drawn = OPENAI_RESPONSES.render_reply(reply)["output"]
    assert text["type"] == "message"
    assert ImageGenerationCall.model_validate(drawn).result == "aW1n"
    assert (drawn["type"], drawn["output_format"]) == ("image_generation_call", "webp")
    assert losses(reply).dropped == ()


def test_a_picture_that_is_elsewhere_is_named_as_lost() -> None:
    listed = {"images": [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]}
    message = Message("assistant", (Text("Here"),), extra={"openai_chat": listed})
    reply = ChatReply("x", "m", (Choice(0, message, "stop"),))
    assert [item["type"] for item in OPENAI_RESPONSES.render_reply(reply)["output"]] == ["message"]
    assert losses(reply).lost == ("choices[0].message.images[0]",)


def test_a_picture_of_an_earlier_answer_goes_back_to_a_model_that_sees_it() -> None:
    call = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "aW1n"}
    said = [{"role": "user", "content": "Draw"}, call, {"role": "user", "content": "Again"}]
    rendered, found = GEMINI_GENERATE.render_request(OPENAI_RESPONSES.parse_request({"model": "m", "input": said}))
    assert rendered["contents"][1] == {
        "role": "model",
        "parts": [{"inlineData": {"mimeType": "image/png", "data": "aW1n"}}],
    }
    assert found.dropped == ()
    _, found = OPENAI_CHAT.render_request(OPENAI_RESPONSES.parse_request({"model": "m", "input": said}))
    assert found.of(Fate.HINT) == ("messages[1].content[0]",)
    assert found.lost == ()
