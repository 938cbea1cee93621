"""A real `nova serve` process on a free port, for end-to-end tests."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

READY_SECONDS = 30.0
STOP_SECONDS = 15.0
READY_PATH = "/health/readiness"
SERVE = (sys.executable, "-c", "from nova_core.cli import main; main()", "serve")


class ServerProcess:
    """One server process. `base_url` has no path, `logs` is all it has written, `process` the process itself."""

    def __init__(self, command: Sequence[str], port: int, log_file: Path, env: Mapping[str, str] | None = None) -> None:
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}"
        self._log_file = log_file
        with log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [*command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            )

    @classmethod
    def serving(
        cls,
        config: str | Mapping[str, Any],
        folder: Path,
        *,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> Self:
        """Start `nova serve` with this configuration, written below `folder`, and wait until it is ready."""
        port = free_port()
        file = folder / f"nova-{port}.yaml"
        # JSON is YAML, so that no YAML writer is needed.
        file.write_bytes(config.encode() if isinstance(config, str) else msgspec.json.encode(config))
        command = (*SERVE, "--config", str(file), "--host", "127.0.0.1", "--port", str(port), *args)
        server = cls(command, port, folder / f"nova-{port}.log", env)
        server.wait_until_ready()
        return server

    @property
    def logs(self) -> str:
        """Standard output and standard error so far."""
        return self._log_file.read_text(encoding="utf-8", errors="replace")

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait for readiness. Raises RuntimeError with the logs when the process ends or takes too long."""
        end = time.monotonic() + seconds
        while not self._ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.logs}")
            if time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"the server was not ready within {seconds:g} s:\n{self.logs}")
            time.sleep(0.05)

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """Ask it to end, wait, and answer its exit code. Kills it after `seconds`."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.wait(seconds)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", READY_PATH)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
