"""`nova serve` as a process, and the other commands talking to it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.request

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
general_settings:
  master_key: os.environ/TEST_MASTER_KEY
"""
READY_WITHIN = 30.0


class Served:
    """A running `nova serve` at `url`."""

    def __init__(self, nova, *words: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = nova.folder / "serve.log"
        with self._log.open("w") as log:
            command = [*COMMAND, "serve", "--host", "127.0.0.1", "--port", str(port), *words]
            self.process = subprocess.Popen(command, cwd=nova.folder, env=nova.environment, stdout=log, stderr=log)
        self._wait_until_ready()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/health/readiness", timeout=2).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        pytest.fail(f"not ready: {self.log[-4000:]}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def serve(nova):
    running = []

    def start(*words: str) -> Served:
        running.append(Served(nova, *words))
        return running[-1]

    yield start
    for each in running:
        each.close()


def test_the_commands_talk_to_a_running_gateway_with_its_key(nova, serve):
    nova.write("nova.yaml", CONFIG)
    nova.variables["TEST_MASTER_KEY"] = "sk-test-1"
    there = serve()
    place = {"NOVA_URL": there.url, "NOVA_API_KEY": "sk-test-1"}
    assert nova("chat", "parrot", "hello there", env=place).out == "hello there\n"
    assert nova("chat", "--url", f"{there.url}/v1/", "--key", "sk-test-1", fed="hello").out == "hello\n"
    assert json.loads(nova("chat", "parrot", "hi", "--json", env=place).out)["model"] == "parrot"
    assert {row["name"] for row in json.loads(nova("models", "--json", env=place).out)} == {"vectors", "parrot"}
    vector = json.loads(nova("embed", "vectors", "one", "--dimensions", "5", env=place).out)
    assert len(vector) == 5

    refused = nova("chat", "parrot", "hello", env={**place, "NOVA_API_KEY": "sk-wrong"})
    assert refused.code == 1
    assert "401" in refused.err
    assert "--key" in refused.err
    assert "sk-wrong" not in refused.err
    unknown = nova("chat", "parot", "hello", env=place)
    assert unknown.code == 1
    assert "parot" in unknown.err
    for prompt, said in (("!error 429 slow down", "slow down"), ("!break after 1\none two three", "break")):
        failed = nova("chat", "parrot", prompt, env=place)
        assert (failed.code, "Traceback" in failed.err) == (1, False)
        assert said in failed.err
    assert there.stop() == 0


def test_a_model_is_served_without_a_file(nova, serve):
    nova.write("nova.yaml", "model_list: [not, used]\n")
    there = serve("--model", "echo/echo", "--log-level", "debug")
    assert nova("chat", "--url", there.url, "echo/echo", "hello").out == "hello\n"
    assert there.stop() == 0


def test_nothing_to_serve_is_wrong_usage_and_names_init(nova):
    ran = nova("serve")
    assert ran.code == 2
    assert "nova init" in ran.err
    assert nova("serve", "--config", "a.yaml", "--model", "echo/echo").code == 2


def test_a_configuration_that_cannot_be_used_is_reported_with_file_and_line(nova):
    nova.write("nova.yaml", "model_list:\n  - model_name: parrot\n")
    ran = nova("serve", "--port", "0")
    assert ran.code == 1
    assert "nova.yaml:2: error:" in ran.err
    assert "Traceback" not in ran.err


def test_a_port_that_is_taken_is_one_readable_error(nova):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = nova("serve", "--model", "echo/echo", "--port", taken.getsockname()[1])
    assert ran.code == 1
    assert "cannot listen" in ran.err
    assert "Traceback" not in ran.err
