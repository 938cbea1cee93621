"""Images of earlier answers, for vendors whose assistant cannot have shown any: the user shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from nova_core.types.chat import ChatRequest, Image, Message
from nova_core.wire.openai_chat.notes import Leaving

SHOWN = "an image of an earlier answer is shown by the user"
UNSHOWN = "no user speaks after it, who could show it"


class Moving(Leaving, Protocol):
    """Whatever collects notes on what is left out, and on what is said nearly."""

    def approximated(self, field: str, detail: str) -> None:
        """Said nearly."""
        ...


def as_said(message: Message, path: str) -> Message:
    """The answer with the images that are parts of it already."""
    return message


def shown_by_user(typed: ChatRequest, notes: Moving, told: Callable[[Message, str], Message] = as_said) -> ChatRequest:
    """The conversation with the images of each answer, as it is `told`, at the end of what the user says next.

    Where no user speaks after it, an image is left out, and noted. Raises what `told` raises.
    """
    messages = list(typed.messages)
    for place, said in enumerate(typed.messages):
        if said.role != "assistant":
            continue
        message = told(said, f"messages[{place}]")
        images = tuple(part for part in message.parts if isinstance(part, Image))
        if not images:
            continue
        rest = tuple(part for part in message.parts if not isinstance(part, Image))
        messages[place] = replace(message, parts=rest)
        after = next((n for n in range(place + 1, len(messages)) if messages[n].role == "user"), None)
        for field in _fields(said, message, f"messages[{place}]"):
            if after is None:
                notes.hint(field, UNSHOWN)
            else:
                notes.approximated(field, SHOWN)
        if after is not None:
            messages[after] = replace(messages[after], parts=(*messages[after].parts, *images))
    return typed if messages == list(typed.messages) else replace(typed, messages=tuple(messages))


def _fields(said: Message, told: Message, path: str) -> list[str]:
    """Where the images of an answer stand: among its parts, or listed beside them."""
    own = len(said.parts)
    return [
        f"{path}.content[{number}]" if number < own else f"{path}.images[{number - own}]"
        for number, part in enumerate(told.parts)
        if isinstance(part, Image)
    ]
