"""Conversations as one prompt, for models that take no messages and answer text alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from nova_core.types.chat import (
    ChatRequest,
    File,
    Image,
    Message,
    Opaque,
    Part,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
)
from nova_core.wire.drop_policy import is_default
from nova_core.wire.foreign_notes import ForeignNotes

INSTRUCTING: Final = ("system", "developer")
SPEAKERS: Final = {"assistant": "Assistant", "user": "User"}
LOST: Final = ("n", "logit_bias", "logprobs", "top_logprobs", "parallel_tool_calls")
HINTS: Final = ("user", "metadata", "prompt_cache_key", "store", "service_tier")
TEXT_ONLY: Final = frozenset(
    {*LOST, *HINTS, "tools", "tool_choice", "response_format", "modalities", "include_usage", "cache"}
)
"""Fields that `note_text_only` goes through."""
OPENAI: Final = frozenset({"openai_chat", "openai_completions", "openai_responses"})
KNOWN: Final = frozenset(
    {
        "audio", "prediction", "web_search_options", "functions", "function_call", "safety_identifier", "best_of",
        "prompt_cache_retention", "echo", "suffix", "stream_options", "prompt", "input", "instructions", "include",
        "background", "conversation", "previous_response_id", "truncation", "max_tool_calls", "logprobs", "store",
        "metadata", "text", "reasoning", "context_management", "prompt_cache_options",
    }
)  # fmt: skip
"""Members of OpenAI's requests that models of this kind have no word for."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Instructions, what was said by whom (`user` or `assistant`), and images in the order in which they were shown."""

    system: str
    turns: tuple[tuple[str, str], ...]
    images: tuple[Image, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """Instructions, what the model is to go on from, and images in the order in which they were shown."""

    system: str
    text: str
    images: tuple[Image, ...]


def as_turns(messages: tuple[Message, ...], notes: ForeignNotes) -> Turns:
    """The texts of a conversation, with notes on what they cannot say."""
    said, images = [], []
    for place, message in enumerate(messages):
        path = f"messages[{place}]"
        notes.foreign(message.extra, path)
        if message.name is not None:
            notes.hint(f"{path}.name")
        if message.cache is not None:
            notes.hint(f"{path}.cache_control")
        pieces = [_said(part, f"{path}.content[{number}]", notes) for number, part in enumerate(message.parts)]
        images += [part for part in message.parts if isinstance(part, Image)]
        said.append((message.role, "\n".join(piece for piece in pieces if piece)))
    system = "\n\n".join(text for role, text in said if role in INSTRUCTING and text)
    turns = [("assistant" if role == "assistant" else "user", text) for role, text in said if role not in INSTRUCTING]
    return Turns(system, tuple(turns), tuple(images))


def as_prompt(messages: tuple[Message, ...], notes: ForeignNotes) -> Prompt:
    """The prompt, with notes on what it cannot say.

    One question is said as it is; several turns are a transcript that ends where the assistant is to speak.
    """
    told = as_turns(messages, notes)
    if len(told.turns) == 1 and told.turns[0][0] == "user":
        return Prompt(told.system, told.turns[0][1], told.images)
    notes.approximated("messages", "said as a transcript")
    transcript = "\n\n".join(f"{SPEAKERS[role]}: {text}" for role, text in told.turns)
    return Prompt(told.system, f"{transcript}\n\n{SPEAKERS['assistant']}:", told.images)


def _said(part: Part, path: str, notes: ForeignNotes) -> str:
    match part:
        case Text() | Refusal():
            notes.foreign(part.extra, path)
            if isinstance(part, Text) and part.cache is not None:
                notes.hint(f"{path}.cache_control")
            return part.text
        case Image():
            notes.foreign(part.extra, path)
            if part.detail is not None:
                notes.hint(f"{path}.image_url.detail")
        case File() if part.source.text is not None:
            notes.approximated(path, "a text document is sent as text")
            return part.source.text
        case Thinking() | RedactedThinking():
            notes.hint(path, "thoughts of earlier answers are not replayed")
        case Opaque():
            notes.lost(path, f"a part that only {part.dialect} knows")
        case _:
            notes.lost(path, "a prompt holds text and images only")
    return ""


def own_inputs(typed: ChatRequest, notes: ForeignNotes) -> dict[str, Any]:
    """Members that callers of OpenAI's formats add, for models whose inputs nobody else knows; the rest is noted."""
    said: dict[str, Any] = {}
    for dialect, members in typed.extra.items():
        own = {name: value for name, value in members.items() if dialect in OPENAI and name not in KNOWN}
        said |= own
        notes.foreign({dialect: {name: value for name, value in members.items() if name not in own}})
    return said


def note_text_only(typed: ChatRequest, notes: ForeignNotes) -> None:
    """Note what models cannot be told that go on from a prompt: tools, forms of answers, and hints of all kinds."""
    for name in LOST:
        if (value := getattr(typed, name)) is not None:
            (notes.hint if is_default(name, value) else notes.lost)(name)
    for name in HINTS:
        if getattr(typed, name) is not None:
            notes.hint(name)
    if typed.tools:
        notes.lost("tools", "the model calls no tools")
    if typed.tool_choice is not None:
        (notes.lost if typed.tools else notes.hint)("tool_choice")
    if typed.response_format is not None and typed.response_format.kind != "text":
        notes.lost("response_format", "answers are text")
    if typed.modalities and typed.modalities != ("text",):
        notes.lost("modalities", "answers are text")
    if typed.include_usage is not None:
        notes.hint("stream_options", "usage is streamed as far as it is known")
    if typed.cache is not None:
        notes.hint("cache_control")
