"""Servers for the pages: one process per configuration, started when a page first needs it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from nova_core.testing.server_process import ServerProcess, free_port
from tests.docs.pages import ROOT
from tests.docs.running import environment

SERVE = (sys.executable, "-c", "from nova_core.cli import main; main()", "serve")


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """`serving("examples/echo.yaml")` is the address of a server with that configuration."""
    running: dict[str, ServerProcess] = {}
    folder = tmp_path_factory.mktemp("servers")

    def address(config: str) -> str:
        if config not in running:
            port = free_port()
            command = (*SERVE, "--config", str(ROOT / config), "--host", "127.0.0.1", "--port", str(port))
            # The servers of the pages are open, although their readers are told to set a master key elsewhere.
            env = {**environment(), "NOVA_MASTER_KEY": ""}
            server = ServerProcess(command, port, folder / f"{port}.log", env)
            server.wait_until_ready()
            running[config] = server
        return running[config].base_url

    yield address
    for server in running.values():
        server.stop()
