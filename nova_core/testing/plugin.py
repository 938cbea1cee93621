"""The pytest plugin that nova-core ships: fixtures `upstream`, `gateway`, `threaded_upstream` and `server`.

pytest loads this in every project that has nova-core installed, so it imports nothing of the gateway until a
fixture is used. The async fixtures need pytest-asyncio with `asyncio_mode = "auto"`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from nova_core.testing.caller import GatewayFactory
    from nova_core.testing.server_process import ServerProcess
    from nova_core.testing.upstream import ScriptedUpstream

KITS = ("", "_accounts", "_answers", "_facts", "_framing", "_operations", "_upstream")
pytest.register_assert_rewrite(*(f"nova_core.testing.conformance{kit}" for kit in KITS))

StartServer = Callable[..., "ServerProcess"]


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    """A scripted upstream in the test's own event loop."""
    from nova_core.testing.upstream import ScriptedUpstream

    async with ScriptedUpstream() as scripted:
        yield scripted


@pytest.fixture
def threaded_upstream() -> Iterator[ScriptedUpstream]:
    """A scripted upstream in a thread of its own, for tests that block or talk to a server process."""
    from nova_core.testing.upstream import ScriptedUpstream

    with ScriptedUpstream() as scripted:
        yield scripted


@pytest.fixture
async def gateway(upstream: ScriptedUpstream) -> AsyncIterator[GatewayFactory]:
    """Starts gateways: `await gateway(config)`, or straight `await gateway.chat("gpt")`. See `GatewayFactory`."""
    from nova_core.testing.caller import GatewayFactory

    async with GatewayFactory(upstream) as factory:
        yield factory


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts `nova serve` processes: `server(config)`, a configuration as YAML text or mapping; see `ServerProcess`.

    `args` are more arguments of the command, `env` more environment. All are stopped when the test ends.
    """
    from nova_core.testing.server_process import ServerProcess

    started: list[ServerProcess] = []

    def start(
        config: str | Mapping[str, Any], *, args: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> ServerProcess:
        started.append(ServerProcess.serving(config, tmp_path, args=args, env=env))
        return started[-1]

    yield start
    for each in started:
        each.stop()
