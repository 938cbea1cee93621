"""`nova chat` and `nova embed` in this process, against a real provider that needs no network."""

from __future__ import annotations

import base64
import json
import signal
import struct
import subprocess

import pytest

from tests.cli.conftest import COMMAND

CONFIG = """\
model_list:
  - model_name: vectors
    params: {model: echo/embed}
    model_info: {mode: embedding}
  - model_name: parrot
    params: {model: echo/echo}
    model_info: {mode: chat}
"""


def test_a_prompt_is_answered_once(nova):
    ran = nova("chat", "--in-process", "echo/echo", "hello there")
    assert (ran.code, ran.out, ran.err) == (0, "hello there\n", "")


def test_what_is_piped_in_is_asked(nova):
    assert nova("chat", "--in-process", "echo/echo", fed="from a pipe\n").out == "from a pipe\n"


def test_what_is_piped_in_follows_the_prompt(nova):
    assert nova("chat", "--in-process", "echo/echo", "Sum up:", fed="one\ntwo\n").out == "Sum up:\n\none\ntwo\n"


def test_the_reply_can_be_had_as_json(nova):
    reply = json.loads(nova("chat", "--in-process", "echo/echo", "hello", "--json").out)
    assert reply["choices"][0]["message"]["content"] == "hello"
    assert reply["usage"]["total_tokens"] == 2


def test_an_answer_that_was_cut_short_says_so(nova):
    ran = nova("chat", "--in-process", "echo/echo", "one two three", "--max-tokens", 2)
    assert ran.out.split() == ["one", "two"]
    assert "length" in ran.err


def test_without_a_name_the_first_chat_model_of_the_configuration_answers(nova):
    nova.write("mine.yaml", CONFIG)
    assert nova("chat", "--config", "mine.yaml", fed="hello").out == "hello\n"


def test_a_name_that_the_configuration_does_not_have_is_one_readable_error(nova):
    nova.write("mine.yaml", CONFIG)
    ran = nova("chat", "--config", "mine.yaml", "parot", "hello")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: ")
    assert "parot" in ran.err
    assert "Traceback" not in ran.err


def test_a_provider_that_is_not_installed_is_named_with_the_pip_line(nova):
    ran = nova("chat", "--in-process", "nosuchvendor/large", "hello")
    assert ran.code == 1
    assert "pip install nova-plugin-nosuchvendor" in ran.err


@pytest.mark.parametrize(
    ("prompt", "said"), [("!error 429 slow down", "slow down"), ("!break after 1\none two three", "break")]
)
def test_an_answer_that_fails_is_exit_code_1(nova, prompt, said):
    ran = nova("chat", "--in-process", "echo/echo", prompt)
    assert ran.code == 1
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_nothing_to_ask_and_nobody_to_ask_are_wrong_usage(nova):
    assert nova("chat", "--in-process", "echo/echo").code == 2
    nobody = nova("chat", "--in-process", fed="hello")
    assert nobody.code == 2
    assert "echo/echo" in nobody.err


def test_an_interrupt_ends_the_call_cleanly_with_130(nova):
    command = [*COMMAND, "chat", "--in-process", "echo/echo+pause-20s", "first second"]
    running = subprocess.Popen(
        command, cwd=nova.folder, env=nova.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout.read(5) == "first"
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "Traceback" not in said


def test_a_gateway_that_does_not_answer_is_named(nova):
    ran = nova("chat", "--url", "http://127.0.0.1:9", "any", "hello")
    assert ran.code == 1
    assert "no gateway answers at http://127.0.0.1:9" in ran.err
    assert "nova serve" in ran.err


def test_texts_become_one_vector_a_line(nova):
    ran = nova("embed", "--in-process", "echo/embed", "one", "two", "--dimensions", 4)
    vectors = [json.loads(line) for line in ran.out.splitlines()]
    assert [len(vector) for vector in vectors] == [4, 4]
    assert vectors[0] != vectors[1]


def test_lines_that_are_piped_in_become_vectors(nova):
    given = nova("embed", "--in-process", "echo/embed", "one", "two")
    piped = nova("embed", "--in-process", "echo/embed", fed="one\n\ntwo\n")
    assert piped.out == given.out != ""


def test_base64_holds_the_same_numbers(nova):
    plain = json.loads(nova("embed", "--in-process", "echo/embed", "one").out)
    coded = base64.b64decode(nova("embed", "--in-process", "echo/embed", "one", "--format", "base64").out)
    assert list(struct.unpack(f"<{len(plain)}f", coded)) == pytest.approx(plain)


def test_a_whole_embeddings_reply_can_be_had_as_json(nova):
    nova.write("mine.yaml", CONFIG)
    reply = json.loads(nova("embed", "--config", "mine.yaml", "vectors", "one", "--json").out)
    assert (reply["model"], len(reply["data"])) == ("vectors", 1)


def test_no_text_to_embed_is_wrong_usage(nova):
    assert nova("embed", "--in-process", "echo/embed").code == 2
