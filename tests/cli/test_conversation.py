"""`nova chat` as a conversation, typed into a real terminal."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time

import pytest

pty = pytest.importorskip("pty", reason="conversations are tested in a pseudo-terminal")

from tests.cli.conftest import COMMAND  # noqa: E402

SECONDS = 30.0


class Terminal:
    """A pseudo-terminal with `nova chat` in it; `shown` is all that it has printed."""

    def __init__(self, nova, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, "chat", "--in-process", *words],
            cwd=nova.folder,
            env={**nova.environment, "TERM": "dumb"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def see(self, text: str) -> str:
        """Wait until `text` is printed; what was printed up to there is taken away and given."""
        deadline = time.monotonic() + SECONDS
        while text not in self.shown and time.monotonic() < deadline:
            if select.select([self._ours], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self._ours, 4096).decode(errors="replace")
                except OSError:
                    break
        before, found, self.shown = self.shown.partition(text)
        assert found, f"{text!r} was not printed, but {before!r}"
        return before

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def ended(self) -> int:
        return self.process.wait(SECONDS)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)


@pytest.fixture
def terminal(nova):
    opened = []

    def start(*words: str) -> Terminal:
        opened.append(Terminal(nova, *words))
        opened[-1].see("> ")
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_lines_are_answered_until_exit(terminal):
    chat = terminal("echo/echo")
    chat.type("hello there\n")
    chat.see("hello there\r\nhello there\r\n> ")
    chat.type("/nonsense\n")
    chat.see("/clear")
    chat.see("> ")
    chat.type("/exit\n")
    assert chat.ended() == 0


def test_the_end_of_input_ends_the_conversation(terminal):
    chat = terminal("echo/echo")
    chat.type("\x04")
    assert chat.ended() == 0


def test_an_error_is_told_and_the_conversation_goes_on(terminal):
    chat = terminal("echo/echo")
    chat.type("!error 429 slow down\n")
    chat.see("error: slow down")
    chat.see("> ")
    chat.type("again\n")
    assert "error" not in chat.see("again\r\nagain\r\n> ")


def test_an_interrupt_stops_the_answer_and_the_next_one_leaves_with_130(terminal):
    chat = terminal("echo/echo")
    chat.type("/model echo/echo+pause-2s\n")
    chat.see("> ")
    chat.type("first second third\n")
    chat.see("third\r\nfirst")
    chat.interrupt()
    chat.see("(stopped)")
    chat.see("> ")
    time.sleep(0.5)  # the prompt is printed a moment before it listens
    chat.interrupt()
    assert chat.ended() == 130


def test_earlier_turns_are_sent_along_until_they_are_forgotten(nova):
    sent = []

    class Place:
        label = "a recorder"

        def stream(self, body):
            from nova_core.gateway.objects import Answer

            sent.append(body)
            yield Answer({"choices": [{"index": 0, "delta": {"content": "yes"}, "finish_reason": "stop"}]})

    from nova_core.cli.conversation import Conversation

    talk = Conversation(Place(), "parrot", "be brief", {"temperature": 0.5})
    for text in ("one", "two"):
        assert "".join(chunk.text for chunk in talk.stream(text)) == "yes"
    talk.forget()
    list(talk.stream("three"))
    assert [[message["content"] for message in body["messages"]] for body in sent] == [
        ["be brief", "one"],
        ["be brief", "one", "yes", "two"],
        ["be brief", "three"],
    ]
    assert {(body["model"], body["temperature"]) for body in sent} == {("parrot", 0.5)}
