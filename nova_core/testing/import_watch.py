"""Imports modules in an interpreter of their own, and tells what that did besides."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Sequence
from functools import cache
from typing import Any

OURS = "nova_core"
SECONDS = 60
WATCHED = {
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.sendto",
    "sqlite3.connect",
    "subprocess.Popen",
    "os.system",
    "os.posix_spawn",
    "os.fork",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "time.sleep",  # told by Python 3.13 and later
}
READING = {"open", "os.listdir", "os.scandir"}
"""What modules are found and read with, too: it counts where the module itself does it."""


def of_module(module: str) -> bool:
    """Whether the first on the stack that is not of the standard library is of the module's package."""
    for frame, _ in traceback.walk_stack(sys._getframe(2)):
        name = frame.f_globals.get("__name__", "")
        package = name.partition(".")[0]
        if "importlib._bootstrap" in name or "_frozen_importlib" in name:
            return False
        if package not in sys.stdlib_module_names:
            return bool(package == module.partition(".")[0])
    return False


def watch(modules: Sequence[str]) -> dict[str, list[str]]:
    """Import `modules` here; what was done meanwhile, and all modules that are loaded now."""
    seen: list[str] = []
    importing = [""]

    def watched(event: str, arguments: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        bytecode = writes and ".pyc" in str(arguments[0])
        if event in WATCHED or (writes and not bytecode) or (event in READING and of_module(importing[0])):
            seen.append(f"{importing[0]}: {event} {arguments[:2]!r}")

    read_entry_points: Any = importlib.metadata.entry_points

    def entry_points(**wanted: object) -> object:
        if any(OURS in frame.filename for frame in traceback.extract_stack()[:-1][-2:]):
            seen.append(f"{importing[0]}: reads entry points {wanted}")
        return read_entry_points(**wanted)

    importlib.metadata.entry_points = entry_points  # type: ignore[assignment]
    sys.addaudithook(watched)
    for module in modules:
        importing[0] = module
        importlib.import_module(module)
        if threading.active_count() > 1:
            seen.append(f"{module}: starts threads {[thread.name for thread in threading.enumerate()]}")
            break
    return {"seen": seen, "modules": sorted(sys.modules)}


@cache
def watched_import(*modules: str, path: str = "") -> dict[str, list[str]]:
    """`watch` in another interpreter, whose path begins with `path`. Raises ImportError when one cannot be imported."""
    around = os.pathsep.join(filter(None, (path, *sys.path)))
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": around}
    # Run as a file: as a module it would load this package before it can watch.
    command = [sys.executable, __file__, *modules]
    ran = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=SECONDS, check=False)
    if ran.returncode != 0:
        raise ImportError(ran.stderr.strip() or f"{' '.join(modules)} cannot be imported")
    found: dict[str, list[str]] = json.loads(ran.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file: its modules would hide others of their names
    sys.stdout.write("\n" + json.dumps(watch(sys.argv[1:])) + "\n")
