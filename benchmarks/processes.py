"""Starts and stops processes that are pinned to a core."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.binaries import BUILT

GATEWAY_CORE = 1
LOAD_CORE = 0


@dataclass(frozen=True, slots=True)
class Launch:
    """A command, and the path that answers 200 when it is ready."""

    command: Sequence[str]
    ready: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 90.0


class StartError(Exception):
    """A server did not start; the text is the reason."""


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def pinned(command: Sequence[str], cores: Sequence[int]) -> list[str]:
    """The command, held to these cores."""
    return ["taskset", "-c", ",".join(map(str, cores)), *command]


@contextlib.contextmanager
def running(launch: Launch, port: int, log: Path, cores: Sequence[int]) -> Iterator[subprocess.Popen[bytes]]:
    """A started server, ready; ended with its children. Raises StartError."""
    environment = {**as_installed(), **launch.environment}
    with log.open("wb") as written:
        process = subprocess.Popen(
            pinned(launch.command, cores), stdout=written, stderr=written, env=environment, start_new_session=True
        )
    try:
        wait_ready(process, launch, port, log)
        yield process
    finally:
        end(process)


def as_installed() -> dict[str, str]:
    """The environment, in which Python keeps bytecode even where this shell's is told not to."""
    environment = dict(os.environ)
    if environment.pop("PYTHONDONTWRITEBYTECODE", None):
        environment["PYTHONPYCACHEPREFIX"] = str(BUILT / "bytecode")
    return environment


def wait_ready(process: subprocess.Popen[bytes], launch: Launch, port: int, log: Path) -> float:
    """Seconds until it was ready, from now. Raises StartError with the end of its log."""
    started = time.monotonic()
    while process.poll() is None and time.monotonic() - started < launch.seconds:
        if answers(port, launch.ready):
            return time.monotonic() - started
        time.sleep(0.005)
    said = log.read_text(errors="replace").strip().splitlines()[-3:]
    raise StartError(f"did not start: {' / '.join(said) or 'it said nothing'}")


def answers(port: int, path: str) -> bool:
    """Whether a GET is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to stop; after ten seconds it and its children are killed."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
