"""Conversations as one prompt: what is said, how, and what is noted."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.types.chat import ChatRequest
from nova_core.types.fidelity import Fate
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from nova_core.wire.prompts import Prompt, as_prompt, note_text_only, own_inputs

PIXEL = {"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "low"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def told(*messages: dict[str, Any]) -> tuple[Prompt, ForeignNotes]:
    typed = OPENAI_CHAT.parse_request({"model": "m", "messages": list(messages)})
    assert isinstance(typed, ChatRequest)
    notes = ForeignNotes(own=False, dialect="prompts")
    return as_prompt(typed.messages, notes), notes


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def test_one_question_is_said_as_it_is() -> None:
    prompt, notes = told(said("system", "Be brief."), said("developer", "Be kind."), said("user", "Hi"))
    assert (prompt.system, prompt.text) == ("Be brief.\n\nBe kind.", "Hi")
    assert notes.fidelity().notes == ()


def test_several_turns_are_a_transcript_that_ends_with_the_assistants_turn() -> None:
    prompt, notes = told(said("user", "Hi"), said("assistant", "Ho"), said("user", "And?"))
    assert prompt.text == "User: Hi\n\nAssistant: Ho\n\nUser: And?\n\nAssistant:"
    assert [(note.field, note.fate) for note in notes.fidelity().notes] == [("messages", Fate.APPROXIMATED)]


def test_images_are_kept_apart_and_calls_of_tools_are_lost() -> None:
    content = [{"type": "text", "text": "What?"}, PIXEL]
    prompt, notes = told(said("user", content, name="ann"), said("assistant", None, tool_calls=[CALL]))
    assert [image.source.url for image in prompt.images] == ["https://x.example/a.png"]
    assert notes.fidelity().lost == ("messages[1].content[0]",)
    assert notes.fidelity().of(Fate.HINT) == ("messages[0].name", "messages[0].content[1].image_url.detail")


@pytest.mark.parametrize(
    ("members", "lost", "hints"),
    [
        ({"n": 2, "user": "u"}, ("n",), ("user",)),
        ({"n": 1, "logprobs": False, "tool_choice": "auto"}, (), ("n", "logprobs", "tool_choice")),
        ({"response_format": {"type": "text"}, "modalities": ["text"]}, (), ()),
        ({"response_format": {"type": "json_object"}, "modalities": ["audio"]}, ("response_format", "modalities"), ()),
        ({"prediction": {"type": "content"}, "web_search_options": {"a": 1}}, ("web_search_options",), ("prediction",)),
    ],
)
def test_what_a_model_of_texts_cannot_be_told_is_noted(
    members: dict[str, Any], lost: tuple[str, ...], hints: tuple[str, ...]
) -> None:
    typed = OPENAI_CHAT.parse_request({"model": "m", "messages": [said("user", "Hi")], **members})
    assert isinstance(typed, ChatRequest)
    notes = ForeignNotes(own=False, dialect="prompts")
    note_text_only(typed, notes)
    assert own_inputs(typed, notes) == {}
    assert (set(notes.fidelity().lost), set(notes.fidelity().of(Fate.HINT))) == (set(lost), set(hints))


def test_members_that_nobody_else_knows_are_inputs_of_the_model() -> None:
    typed = OPENAI_CHAT.parse_request({"model": "m", "messages": [said("user", "Hi")], "min_tokens": 3})
    assert isinstance(typed, ChatRequest)
    assert own_inputs(typed, ForeignNotes(own=False, dialect="prompts")) == {"min_tokens": 3}


def test_what_the_gateway_does_for_callers_of_responses_is_no_input_of_the_model() -> None:
    said = {"model": "m", "input": "Hi", "store": False, "metadata": {"a": "b"}, "include": [], "min_tokens": 3}
    typed = OPENAI_RESPONSES.parse_request(said)
    assert isinstance(typed, ChatRequest)
    assert own_inputs(typed, ForeignNotes(own=False, dialect="prompts")) == {"min_tokens": 3}
