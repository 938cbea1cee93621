"""How long `nova simulate` takes for 5,000 recorded calls, and whether it names exactly those that would move."""

from __future__ import annotations

import argparse
import asyncio
import copy
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import yaml

from nova_core.config.check import read_settings
from nova_core.config.loader import load
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.recorder import Recorder, lines_of
from nova_core.gateway.recording import RecordedCall
from nova_core.gateway.runtime import build_runtime

CALLS = 5_000
SECONDS_BUDGET = 10.0
TAGS = (["eu"], ["us"], None)


def configuration() -> dict[str, Any]:
    """Six deployments of one model: two for each tag, and two for calls without one."""
    models = [
        {
            "model_name": "gpt",
            "params": {
                "model": f"echo/{place}",
                "tags": [tag],
                "weight": 1,
                "input_cost_per_token": 1e-6,
                "output_cost_per_token": 2e-6,
            },
        }
        for place, tag in enumerate(("eu", "eu", "us", "asia", "default", "default"))
    ]
    return {"model_list": models, "router_settings": {"enable_tag_filtering": True}}


def changed(before: dict[str, Any]) -> dict[str, Any]:
    """A weight, a tag and a price that differ: the first `eu` is asked last, `us` moves, one `default` costs more."""
    after = copy.deepcopy(before)
    params = [model["params"] for model in after["model_list"]]
    params[0]["weight"] = 0
    params[2]["tags"], params[3]["tags"] = ["asia"], ["us"]
    params[4]["input_cost_per_token"] = 5e-6
    return after


async def record(config: Path, folder: Path, calls: int) -> None:
    """Make calls and record them."""
    gateway = Gateway(build_runtime(read_settings(load(config))))
    recorder = Recorder(folder)
    gateway.watchers.append(recorder.finished)
    async with gateway:
        for number in range(calls):
            await gateway.chat("gpt", f"How is the weather in street {number}?", tags=TAGS[number % len(TAGS)])
    recorder.close()


def expected(config: Path, folder: Path) -> dict[str, set[str]]:
    """The calls that must be named, from what was recorded of each alone."""
    ids = [each.id for each in build_runtime(read_settings(load(config))).catalog.groups["gpt"]]
    found: dict[str, set[str]] = {"target": set(), "cost": set()}
    for line in lines_of(folder):
        if isinstance(line, RecordedCall):
            if line.deployment in (ids[0], ids[2]):
                found["target"].add(line.id)
            elif line.deployment == ids[4]:
                found["cost"].add(line.id)
    return found


def main() -> int:
    """Record, simulate in a process of its own, compare; 1 when it was too slow or named others."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=CALLS)
    calls = options.parse_args().calls
    with tempfile.TemporaryDirectory() as name:
        before, after, folder = Path(name, "before.yaml"), Path(name, "after.yaml"), Path(name, "recorded")
        before.write_text(yaml.safe_dump(configuration()))
        after.write_text(yaml.safe_dump(changed(configuration())))
        asyncio.run(record(before, folder, calls))
        command = ["simulate", "--config", str(after), "--recorded", str(folder), "--json"]
        began = time.perf_counter()
        ran = subprocess.run([sys.executable, "-m", "nova_core.cli", *command], capture_output=True, check=True)
        seconds = time.perf_counter() - began
        changes = msgspec.json.decode(ran.stdout)["changes"]
        named = {kind: {each["id"] for each in changes if kind in each["kinds"]} for kind in ("target", "cost")}
        exact = named == expected(before, folder)
    moved = ", ".join(f"{len(ids)} {kind}" for kind, ids in named.items())
    print(f"{calls} calls simulated in {seconds:.2f} s (budget {SECONDS_BUDGET:g} s); named: {moved}; exact: {exact}")
    return 0 if exact and seconds <= SECONDS_BUDGET else 1


if __name__ == "__main__":
    raise SystemExit(main())
