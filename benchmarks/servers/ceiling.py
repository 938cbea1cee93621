"""The minimal asyncio proxy beside this folder, as a contender."""

from __future__ import annotations

import platform
import sys

from benchmarks.binaries import ROOT
from benchmarks.processes import Launch
from benchmarks.servers.contender import KEY, Contender, Site


def launch(site: Site) -> Launch:
    command = [sys.executable, "-m", "benchmarks.prototype", str(site.port), str(site.upstream), KEY]
    return Launch(command, ready="/health", environment={"PYTHONPATH": str(ROOT)})


PROTOTYPE = Contender(
    name="prototype",
    what="what Python can do at best: two asyncio protocols on httptools, next to no features",
    install=lambda: f"python {platform.python_version()}",
    launch=launch,
    headers=lambda site: (f"authorization: Bearer {KEY}",),
)
