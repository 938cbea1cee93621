"""This gateway, with everything on that the goals ask for."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.processes import Launch
from benchmarks.servers.contender import KEY, Contender, Site
from nova_core._version import __version__

HOOKS = """\
from nova_core import hookimpl


class Watcher:
    @hookimpl
    def pre_call(self, call, request):
        return None

    @hookimpl
    def route_select(self, call, candidates, snapshot):
        return None

    @hookimpl
    def post_call(self, call, request, reply):
        return None

    @hookimpl
    def attempt_finished(self, call, attempt):
        return None

    @hookimpl
    def call_failed(self, call, error):
        return None

    @hookimpl
    def call_finished(self, record):
        return None


watcher = Watcher()
"""
DEPLOYMENT = (
    '  - {{model_name: {group}, params: {{model: {provider}/up, api_base: "http://127.0.0.1:{port}{path}", '
    "api_key: sk-upstream, timeout: 600, input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}}}}\n"
)
CONFIG = """\
model_list:
{deployments}nova_settings: {{callbacks: [watcher.watcher]}}
router_settings: {{num_retries: 2, timeout: 600}}
general_settings:
  master_key: sk-master-0123456789
  keys: [{{key: {key}, name: bench, models: ["gpt*", "claude*"]}}]
  log: {{access: true}}
"""


def deployments(site: Site, count: int) -> str:
    """Lines of the configuration: `gpt` over `count` deployments, and `claude` over one of the other dialect."""
    gpt = DEPLOYMENT.format(group="gpt", provider="custom_openai", port=site.upstream, path="/v1")
    return gpt * count + DEPLOYMENT.format(group="claude", provider="anthropic", port=site.upstream, path="")


def written(folder: Path, config: str) -> Path:
    """The file of this configuration, with the six hooks beside it."""
    (folder / "watcher.py").write_text(HOOKS)
    file = folder / "nova.yaml"
    file.write_text(config)
    return file


def serve(site: Site, config: str) -> Launch:
    """`nova serve` with this configuration, and the six hooks beside it."""
    file = written(site.folder, config)
    command = [sys.executable, "-P", "-m", "nova_core.cli", "serve", "--config", str(file), "--host", "127.0.0.1"]
    return Launch([*command, "--port", str(site.port), "--workers", str(site.workers)], ready="/health/readiness")


def launch(site: Site) -> Launch:
    return serve(site, CONFIG.format(deployments=deployments(site, 3), key=KEY))


NOVA = Contender(
    name="nova",
    what="this gateway: key, routing over three deployments, six hooks, deadlines, accounting, log and headers on",
    install=lambda: __version__,
    launch=launch,
    headers=lambda site: (f"authorization: Bearer {KEY}",),
    translates=True,
)


def checkout(folder: Path) -> Contender:
    """Another checkout of this gateway, to compare with."""
    path = os.pathsep.join(map(str, (folder, *sorted((folder / "plugins").glob("*")))))

    def launch_there(site: Site) -> Launch:
        return replace(launch(site), environment={"PYTHONPATH": path})

    return replace(NOVA, name="before", what=f"the checkout in {folder.name}", launch=launch_there)
