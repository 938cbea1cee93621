"""Runs in an interpreter of its own: imports the modules it is given and prints, as JSON, what that did."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
import threading
import traceback

OURS = "nova_core"
WATCHED = {
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "os.fork",
    "os.mkdir",
    "os.remove",
}


def main(modules: list[str]) -> None:
    seen: list[str] = []
    importing = [""]

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        bytecode = writes and ".pyc" in str(arguments[0])
        if event in WATCHED or (writes and not bytecode):
            seen.append(f"{importing[0]}: {event} {arguments[:2]!r}")

    read_entry_points = importlib.metadata.entry_points

    def entry_points(**wanted: object) -> object:
        if any(OURS in frame.filename for frame in traceback.extract_stack()[:-1][-2:]):
            seen.append(f"{importing[0]}: reads entry points {wanted}")
        return read_entry_points(**wanted)  # type: ignore[arg-type]

    importlib.metadata.entry_points = entry_points  # type: ignore[assignment]
    sys.addaudithook(watch)
    for module in modules:
        importing[0] = module
        importlib.import_module(module)
        if threading.active_count() > 1:
            seen.append(f"{module}: starts threads {[thread.name for thread in threading.enumerate()]}")
            break
    print(json.dumps({"seen": seen, "modules": sorted(sys.modules)}))


if __name__ == "__main__":
    main(sys.argv[1:])
