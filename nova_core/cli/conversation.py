"""Turns of a conversation: what was said so far, answers as they stream, and the prompt that asks for more."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nova_core.cli.failures import say, tell
from nova_core.cli.output import has_colours, is_terminal
from nova_core.cli.session import Session
from nova_core.errors import NovaError
from nova_core.gateway.objects import Answer

PROMPT = "> "
DIM, PLAIN = "\x1b[2m", "\x1b[0m"
EXPECTED_FINISHES = (None, "stop")


class Conversation:
    """Messages so far, with whom. A turn that fails or is interrupted leaves no trace."""

    def __init__(self, session: Session, model: str, system: str | None, parameters: Mapping[str, Any]) -> None:
        self.model = model
        self.system = system
        self.finish: str | None = None
        self._session = session
        self._parameters = parameters
        self._turns: list[dict[str, str]] = []

    @property
    def place(self) -> str:
        """Where the calls go."""
        return self._session.label

    def stream(self, text: str) -> Iterator[Answer]:
        """Ask, and give the chunks of the answer as they come. Raises NovaError."""
        pieces: list[str] = []
        self.finish = None
        for chunk in self._session.stream(self._body(text)):
            pieces.append(chunk.text)
            for choice in chunk["choices"]:
                self.finish = choice.finish_reason or self.finish
            yield chunk
        self._turns += [{"role": "user", "content": text}, {"role": "assistant", "content": "".join(pieces)}]

    def whole(self, text: str) -> Answer:
        """Ask, and wait for the whole reply. Raises NovaError."""
        return self._session.chat(self._body(text))

    def forget(self) -> None:
        """Begin anew; what the model is told first stays."""
        self._turns.clear()

    def _body(self, text: str) -> dict[str, Any]:
        told = [{"role": "system", "content": self.system}] if self.system else []
        messages = [*told, *self._turns, {"role": "user", "content": text}]
        return {"model": self.model, "messages": messages, **self._parameters}


def ask(conversation: Conversation, question: str) -> None:
    """Write the answer to stdout as it streams; thinking is shown on terminals only. Raises NovaError."""
    dim, plain = (DIM, PLAIN) if has_colours() else ("", "")
    thinking = written = False
    try:
        for chunk in conversation.stream(question):
            thought = _thought(chunk) if is_terminal() else ""
            if bool(thought) != thinking and (thought or chunk.text):
                thinking = bool(thought)
                _write(dim if thinking else f"{plain}\n")
            _write(thought or chunk.text)
            written = written or bool(thought or chunk.text)
    finally:
        _write((plain if thinking else "") + ("\n" if written else ""))
    if conversation.finish not in EXPECTED_FINISHES:
        say(f"(the answer ended early: {conversation.finish})")


def converse(conversation: Conversation) -> None:
    """Ask for a line, answer it, again; until `/exit` or the end of input. Ctrl-C stops an answer, or leaves."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (gives input() a history and editing keys)
    say(f"{conversation.model} at {conversation.place}. /exit or Ctrl-D to leave, /help for more.")
    while True:
        try:
            line = input(PROMPT).strip()
        except EOFError:
            say("")
            return
        name, _, rest = line.partition(" ")
        if name in ("/exit", "/quit"):
            return
        if name.startswith("/"):
            COMMANDS.get(name, _help)(conversation, rest.strip())
        elif line:
            _answer(conversation, line)


def _answer(conversation: Conversation, line: str) -> None:
    try:
        ask(conversation, line)
    except KeyboardInterrupt:
        say("(stopped)")
    except NovaError as error:
        tell(error)


def _clear(conversation: Conversation, rest: str) -> None:
    conversation.forget()
    say("(forgotten)")


def _system(conversation: Conversation, rest: str) -> None:
    conversation.system = rest or None
    say("(the model is told this first)" if rest else "(the model is told nothing first)")


def _model(conversation: Conversation, rest: str) -> None:
    conversation.model = rest or conversation.model
    say(f"({conversation.model})")


def _help(conversation: Conversation, rest: str) -> None:
    say("/clear  forget what was said\n/system TEXT  what the model is told first\n/model NAME  another model\n/exit")


COMMANDS: Mapping[str, Callable[[Conversation, str], None]] = {"/clear": _clear, "/system": _system, "/model": _model}


def _thought(chunk: Answer) -> str:
    choices = chunk.model_dump().get("choices") or [{}]
    return str((choices[0].get("delta") or {}).get("reasoning_content") or "")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
