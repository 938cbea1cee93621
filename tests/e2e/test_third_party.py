"""Somebody else's plugin, in its own folder and pip-installed beside the core, works without touching the core."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import openai
import pytest

from nova_core.testing.plugin import StartServer

PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-nova"
version = "1.0"
dependencies = ["nova-core>=0.1,<0.2"]

[project.entry-points."nova.providers"]
acme = "acme_nova:Acme"

[project.entry-points."nova.plugins"]
acme-polite = "acme_nova:Polite"
"""

PLUGIN = '''\
"""Acme's provider and a hook that insists on good manners."""

from nova_core import RejectedError, Reply, hookimpl


class Acme:
    @hookimpl
    def provider_call(self, call, request, deployment):
        said = request.get("messages")[-1]["content"]
        message = {"role": "assistant", "content": f"acme heard: {said}"}
        return Reply("chat", request.dialect, {
            "id": call.id, "object": "chat.completion", "created": int(call.created), "model": deployment.model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        })


class Polite:
    @hookimpl
    def pre_call(self, request):
        if "please" not in str(request.get("messages")):
            raise RejectedError("say please")
'''

CONFIG = """\
model_list:
  - model_name: anvil
    params: {model: acme/anvil-1}
plugins: [acme-polite]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of its own on the path, into which pip installed the plugin."""
    project = tmp_path_factory.mktemp("acme")
    (project / "acme_nova").mkdir()
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "acme_nova" / "__init__.py").write_text(PLUGIN)
    site = tmp_path_factory.mktemp("site")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(site),
    ]
    subprocess.run([*pip, str(project)], check=True)
    return site


def test_provider_and_hook_of_a_third_party_work(server: StartServer, site: Path) -> None:
    nova = server(CONFIG, env={"PYTHONPATH": str(site)})
    client = openai.OpenAI(base_url=f"{nova.base_url}/v1", api_key="none", max_retries=0)
    reply = client.chat.completions.create(model="anvil", messages=[{"role": "user", "content": "an anvil, please"}])
    assert reply.choices[0].message.content == "acme heard: an anvil, please"
    assert reply.model == "anvil"
    stream = client.chat.completions.create(
        model="anvil", messages=[{"role": "user", "content": "please"}], stream=True
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == "acme heard: please"
    with pytest.raises(openai.BadRequestError, match="say please"):
        client.chat.completions.create(model="anvil", messages=[{"role": "user", "content": "anvil!"}])


def test_the_plugin_is_listed_with_its_distribution(site: Path) -> None:
    command = [sys.executable, "-m", "nova_core.cli", "plugins"]
    environ = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200"}
    listing = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    assert "acme-nova" in listing and "acme-polite" in listing
