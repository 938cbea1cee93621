"""Agents that are asked in plain text: what they take of a chat, and how a conversation is told to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Request
from nova_core.wire.enveloped import ANSWER_FORMS, HINTS, MESSAGE, SAMPLING, TOOLS, Enveloped, text_of, unsaid

SPEAKERS: Mapping[str, str] = {"system": "System", "developer": "System", "assistant": "Assistant", "tool": "Tool"}
"""How those who speak are called in a transcript."""


class TextAgent(Enveloped):
    """An agent or flow behind an API: its own model, tools and sampling are not for callers to choose.

    `session` is the member that names a conversation which the agent remembers; with it only what was said since the
    agent's last answer is sent.
    """

    session: str = ""
    key_required = False
    unsupported = SAMPLING | TOOLS | ANSWER_FORMS | {"reasoning_effort", "thinking"}
    hints = HINTS | {"max_tokens", "max_completion_tokens"}

    def review(self, request: Request) -> Fidelity:
        """What an agent cannot be told."""
        found = super().review(request)
        return found + Fidelity((*unsaid(request, "the agent reads text"), *_tools(request), *self.retelling(request)))

    def words(self, request: Request) -> str:
        """What is said to the agent: one message as it is, several as a transcript."""
        messages = self.new_messages(request)
        if len(messages) == 1:
            return text_of(messages[0].get("content"))
        return "\n\n".join(f"{_speaker(message)}: {text_of(message.get('content'))}" for message in messages)

    def new_messages(self, request: Request) -> list[Mapping[str, Any]]:
        """The messages that the agent does not know yet."""
        messages = [each for each in request.get("messages") or () if isinstance(each, Mapping)]
        if not self.remembers(request):
            return messages
        spoken = [place for place, each in enumerate(messages) if each.get("role") == "assistant"]
        return messages[spoken[-1] + 1 :] if spoken else messages

    def remembers(self, request: Request) -> bool:
        """Whether the request goes on with a conversation that the agent has kept."""
        return bool(self.session and request.get(self.session))

    def retelling(self, request: Request) -> Iterator[FieldNote]:
        """What becomes of a conversation, where it is not told message by message."""
        messages = request.get("messages")
        if isinstance(messages, list) and len(messages) > 1:
            known = self.remembers(request)
            why = "the agent remembers what was said before" if known else "said as one transcript"
            yield FieldNote("messages", Fate.MAPPED if known else Fate.APPROXIMATED, why)


def _tools(request: Request) -> Iterator[FieldNote]:
    messages = request.get("messages")
    for place, message in enumerate(messages if isinstance(messages, list) else ()):
        for name in sorted(MESSAGE - {"role", "content"}):
            if message.get(name):
                yield FieldNote(f"messages[{place}].{name}", Fate.HINT, "what tools answered is told as text")


def _speaker(message: Mapping[str, Any]) -> str:
    return SPEAKERS.get(str(message.get("role")), "User")
