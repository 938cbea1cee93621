"""The wheels alone, in an empty environment outside the repository, serve the Nova YAML."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.dists.scripted_nova import ScriptedNova, scripted_nova

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = sorted(file.parent for file in (ROOT / "plugins").glob("*/pyproject.toml"))
READY_WITHIN = 30.0
# What pip and build do for each distribution in two processes of its own.
BUILD_ALL = """
import os, sys
from hatchling.build import build_wheel

for folder in sys.argv[2:]:
    os.chdir(folder)
    build_wheel(sys.argv[1])
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*command: object, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    finished = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd, env=env)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel of the core and of every plugin, by distribution name."""
    folder = tmp_path_factory.mktemp("wheels")
    run(sys.executable, "-c", BUILD_ALL, folder, ROOT, *PLUGINS, cwd=folder)
    return {wheel.name.split("-")[0].replace("_", "-"): wheel for wheel in folder.glob("*.whl")}


@pytest.fixture(scope="module")
def environment(
    wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, outside_environment: Mapping[str, str]
) -> Path:
    """An empty environment with `pip install nova-core nova-plugin-embeddings` done in it."""
    folder = tmp_path_factory.mktemp("outside")
    # The names are bound to the wheels just built, so that no index can answer for them.
    bound = folder / "constraints.txt"
    bound.write_text("".join(f"{name} @ {wheel.as_uri()}\n" for name, wheel in wheels.items()))
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv/bin/python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-qq", "--no-compile", "-c", bound]
    run(*install, "nova-core", "nova-plugin-embeddings", cwd=folder, env=outside_environment)
    return folder


@pytest.fixture
def nova() -> Iterator[ScriptedNova]:
    with scripted_nova() as server:
        yield server


@pytest.fixture
def gateway(environment: Path, nova: ScriptedNova) -> Iterator[str]:
    """The address of `nova serve`, started in the empty environment with the Nova YAML."""
    shutil.copy(Path(__file__).with_name("nova.yaml"), environment / "nova.yaml")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {"PATH": os.environ["PATH"], "HOME": str(environment), "LANG": "C.UTF-8"}
    variables |= {"REMODLAI_API_BASE": nova.address, "REMODLAI_API_KEY": "upstream-key"}
    log = environment / "serve.log"
    command = [environment / "venv/bin/nova", "serve", "--config", "nova.yaml", "--host", "127.0.0.1"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port)], cwd=environment, env=variables, stdout=output, stderr=output
        )
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


def wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/health/readiness", timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"not ready: {log.read_text()[-4000:]}")


def embed(address: str, **body: object) -> tuple[dict[str, str], dict[str, object]]:
    headers = {"Content-Type": "application/json", "Authorization": "Bearer sk-1234"}
    request = urllib.request.Request(f"{address}/v1/embeddings", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as reply:
        return {name.lower(): value for name, value in reply.headers.items()}, json.load(reply)


def test_every_distribution_builds_a_wheel_with_the_version_of_the_core(wheels):
    assert set(wheels) == {"nova-core", *(folder.name for folder in PLUGINS)}
    assert {wheel.name.split("-")[1] for wheel in wheels.values()} == {wheels["nova-core"].name.split("-")[1]}


def test_a_wheel_holds_its_package_and_no_tests(wheels):
    for name, wheel in wheels.items():
        tops = {entry.split("/")[0] for entry in zipfile.ZipFile(wheel).namelist()}
        assert {top for top in tops if not top.endswith(".dist-info")} == {name.replace("-", "_")}


def test_a_plugin_also_builds_from_its_source_distribution(wheels, tmp_path):
    source = ROOT / "plugins/nova-plugin-echo"
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, source, cwd=tmp_path)
    assert {path.name for path in tmp_path.glob("*.whl")} == {wheels["nova-plugin-echo"].name}


def test_the_environment_runs_what_was_installed_and_not_the_repository(environment):
    show = "import nova_core, nova_plugin_embeddings as p; print(nova_core.__file__); print(p.__file__)"
    places = run(environment / "venv/bin/python", "-c", show, cwd=environment).split()
    assert len(places) == 2
    assert all(Path(place).is_relative_to(environment / "venv") for place in places)


def test_a_task_reaches_its_adapter_through_the_installed_gateway(gateway, nova):
    headers, reply = embed(gateway, model="nova-embeddings-v1", input=["what is a gateway"], task="retrieval.query")
    assert [(path, body["model"], body["task"]) for path, body in nova.asked] == [
        ("/v1/embeddings", "nova-embeddings-retrieval", "retrieval.query")
    ]
    assert reply["data"][0]["embedding"] == [0.5, -0.25, 0.0]
    assert headers["x-nova-model-id"] == "nova-embeddings-retrieval"


def test_a_wrong_key_is_refused_before_the_upstream_is_asked(gateway, nova):
    headers = {"Content-Type": "application/json", "Authorization": "Bearer sk-other"}
    body = json.dumps({"model": "nova-embeddings-v1", "input": "x", "task": "retrieval"}).encode()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{gateway}/v1/embeddings", body, headers), timeout=30)
    assert refused.value.code == 401
    assert nova.asked == []
