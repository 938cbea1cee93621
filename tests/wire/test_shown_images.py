"""Images of earlier answers on their way to models whose assistant shows none, and images in answers of Messages."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nova_core.types.chat import ChatReply, Choice, Message, Opaque, Text
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate
from nova_core.types.message import Request
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.anthropic_messages.shown import review_shown, shown_again
from nova_core.wire.gemini import GEMINI_GENERATE
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from nova_core.wire.translate import translate_request

SOURCE = {"type": "base64", "media_type": "image/png", "data": "aW1n"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n"}}
ASKED, AGAIN = {"role": "user", "content": "Draw"}, {"role": "user", "content": "Again"}
CHAT: dict[str, Any] = {"messages": [ASKED, {"role": "assistant", "content": "Here", "images": [IMAGE]}, AGAIN]}
RESPONSES: dict[str, Any] = {
    "input": [ASKED, {"type": "image_generation_call", "id": "i", "status": "completed", "result": "aW1n"}, AGAIN]
}
GEMINI: dict[str, Any] = {
    "contents": [
        {"role": "user", "parts": [{"text": "Draw"}]},
        {"role": "model", "parts": [{"text": "Here"}, {"inlineData": {"mimeType": "image/png", "data": "aW1n"}}]},
        {"role": "user", "parts": [{"text": "Again"}]},
    ]
}


@pytest.mark.parametrize(
    ("dialect", "members", "field"),
    [
        (OPENAI_CHAT, CHAT, "messages[1].images[0]"),
        (OPENAI_RESPONSES, RESPONSES, "input[1]"),
        (GEMINI_GENERATE, GEMINI, "contents[1].parts[1]"),
    ],
)
def test_the_user_shows_claude_what_was_drawn(dialect: Dialect, members: dict[str, Any], field: str) -> None:
    request = Request("chat", dialect, {"model": "m", **members})
    said, found = translate_request(request, ANTHROPIC_MESSAGES)
    turns = said.members["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[2]["content"] == [{"type": "text", "text": "Again"}, {"type": "image", "source": SOURCE}]
    assert (found.of(Fate.APPROXIMATED)[0], found.dropped) == (field, ())


def test_where_no_user_speaks_again_the_image_is_left_out_by_name() -> None:
    request = Request("chat", OPENAI_CHAT, {"model": "m", "messages": CHAT["messages"][:2]})
    said, found = translate_request(request, ANTHROPIC_MESSAGES)
    assert said.members["messages"][1]["content"] == [{"type": "text", "text": "Here"}]
    assert (found.dropped, found.lost) == (("messages[1].images[0]",), ())


def test_a_picture_in_an_answer_is_a_block_and_comes_back_as_what_it_was() -> None:
    drawn = Opaque("gemini", {"inlineData": {"mimeType": "image/png", "data": "aW1n"}})
    beside = {"openai_chat": {"images": [IMAGE, {"image_url": 1}]}}
    reply = ChatReply("x", "m", (Choice(0, Message("assistant", (Text("Here"), drawn), extra=beside), "stop"),))
    content = ANTHROPIC_MESSAGES.render_reply(reply)["content"]
    assert content == [{"type": "text", "text": "Here"}, *[{"type": "image", "source": SOURCE}] * 2]
    assert ANTHROPIC_MESSAGES.reply_fidelity(reply).dropped == ("choices[0].message.images[1]",)
    turns = [ASKED, {"role": "assistant", "content": content}, AGAIN]
    request = Request("chat", ANTHROPIC_MESSAGES, {"model": "m", "max_tokens": 9, "messages": turns})
    back, _ = translate_request(request, GEMINI_GENERATE)
    assert back.members["contents"][1]["parts"][1] == {"inlineData": {"mimeType": "image/png", "data": "aW1n"}}


@pytest.mark.parametrize("dialect", [OPENAI_CHAT, OPENAI_RESPONSES], ids=lambda dialect: dialect.name)
def test_images_among_the_parts_of_an_answer_are_the_users_in_openais_formats(dialect: Dialect) -> None:
    said, found = translate_request(Request("chat", GEMINI_GENERATE, {"model": "m", **GEMINI}), dialect)
    turns = said.members.get("messages") or said.members["input"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert "aW1n" in str(turns[2]) and "aW1n" not in str(turns[1])
    assert found.of(Fate.APPROXIMATED) == ("contents[1].parts[1]",)


@pytest.mark.parametrize("content", [b'"Again"', b'[{"type":"text","text":"Again"}]'], ids=["text", "blocks"])
def test_what_another_model_drew_goes_to_claude_as_the_users(content: bytes) -> None:
    drawn = msgspec.json.encode([{"type": "text", "text": "Here"}, {"type": "image", "source": SOURCE}])
    turns = b'[{"role":"user","content":"Draw"},{"role":"assistant","content":%b},{"role":"user","content":%b}]'
    plain = Request("chat", ANTHROPIC_MESSAGES, {"model": "m", "messages": msgspec.Raw(turns % (b'"Ho"', content))})
    assert shown_again(plain) is plain
    request = plain.with_members({"messages": msgspec.Raw(turns % (drawn, content))})
    assert [(note.field, note.fate) for note in review_shown(request)] == [
        ("messages[1].content[1]", Fate.APPROXIMATED)
    ]
    _, answer, last = shown_again(request).get("messages")
    assert answer["content"] == [{"type": "text", "text": "Here"}]
    assert last["content"] == [{"type": "text", "text": "Again"}, {"type": "image", "source": SOURCE}]


def test_a_picture_that_ends_a_conversation_with_claude_is_left_out_by_name() -> None:
    turns = msgspec.json.encode([ASKED, {"role": "assistant", "content": [{"type": "image", "source": SOURCE}]}])
    request = Request("chat", ANTHROPIC_MESSAGES, {"model": "m", "messages": msgspec.Raw(turns)})
    assert [(note.field, note.fate) for note in review_shown(request)] == [("messages[1].content[0]", Fate.HINT)]
    assert shown_again(request).get("messages")[1]["content"] == [{"type": "text", "text": "(an image)"}]
