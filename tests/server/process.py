"""A server in a process of its own, as an operator runs it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

START = """
import sys
from pathlib import Path
from nova_core.server.process import ServeOptions, serve
options = {options!r}
for name in ("config", "ssl_certfile", "ssl_keyfile"):
    if name in options:
        options[name] = Path(options[name])
raise SystemExit(serve(ServeOptions(**options)))
"""


class ServerProcess:
    """Starts on a free port, waits until it is ready, and is stopped at the end of the `with` block."""

    def __init__(self, folder: Path, config: str | None = None, *, env: dict[str, str] | None = None, **options: Any):
        self.folder = folder
        self.config = folder / "config.yaml"
        if config is not None:
            self.config.write_text(config)
            options["config"] = str(self.config)
        self._options = {"port": 0, **options}
        self._env = env or {}
        self._out = folder / "out.txt"
        self._err = folder / "err.txt"

    def __enter__(self) -> Self:
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START.format(options=self._options)],
                cwd=self.folder, env={**os.environ, **self._env}, stdout=out, stderr=err,
            )  # fmt: skip
        self.until(lambda: "nova is ready" in self.out or self.process.poll() is not None, 60)
        assert self.process.poll() is None, self.err
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
            raise

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    @property
    def url(self) -> str:
        found = re.search(r"ready on (https?://\S+)", self.out)
        assert found, self.out
        return found[1]

    @property
    def workers(self) -> list[psutil.Process]:
        return [child for child in psutil.Process(self.process.pid).children() if child.is_running()]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def http(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=15, **options)

    def client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=15, **options)

    def until(self, condition: Any, seconds: float = 15.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"it never became so\n{self.out}\n{self.err}"
            time.sleep(0.02)


def run_until_exit(folder: Path, config: str | None = None, **options: Any) -> tuple[int, str]:
    """The exit code and standard error of a server that cannot start."""
    if config is not None:
        (folder / "config.yaml").write_text(config)
        options["config"] = str(folder / "config.yaml")
    finished = subprocess.run(
        [sys.executable, "-c", START.format(options={"port": 0, **options})],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return finished.returncode, finished.stderr
