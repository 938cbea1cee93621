"""Which adapters the servers of embedding deployments hold, read from their metrics now and then."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Iterator

from nova_core.errors import NovaError
from nova_core.types.deployment import Deployment
from nova_core.types.plugin import GatewayView

logger = logging.getLogger("nova.router-affinity")

AT_ONCE = 4
DEADLINE_SECONDS = 5.0
LISTS = re.compile(r'[{,]\s*(?:running|loaded)_lora_adapters="([^"]*)"')
"""Labels with names, as vLLM has them in `vllm:lora_requests_info`."""
ONE = re.compile(
    r'^[a-zA-Z_:]*(?:lora|adapter)[a-zA-Z_:]*loaded[a-zA-Z_:]*\{[^}]*\b(?:lora_name|adapter)="([^"]*)"[^}]*\}\s+(\S+)'
)
"""A gauge for each adapter: `lora_adapter_loaded{adapter="x"} 1`."""


def loaded_adapters(metrics: str) -> frozenset[str]:
    """The adapters that a server's metrics (Prometheus text format) report as loaded."""
    return frozenset(name for line in metrics.splitlines() for name in _of_line(line) if name)


def _of_line(line: str) -> Iterator[str]:
    if line.startswith("#"):
        return
    for names in LISTS.findall(line):
        yield from (name.strip() for name in names.split(","))
    one = ONE.match(line)
    if one and one[2] not in ("0", "0.0"):
        yield one[1]


def metrics_address(deployment: Deployment) -> str | None:
    """Where its server's metrics are: `model_info.metrics_url`, else `/metrics` beside the API."""
    given = deployment.info.get("metrics_url")
    if isinstance(given, str):
        return given
    if not deployment.api_base:
        return None
    base = deployment.api_base.rstrip("/")
    return f"{base.removesuffix('/v1')}/metrics"


def names_of(deployment: Deployment) -> frozenset[str]:
    """The names by which a server may report the adapter of a deployment."""
    given = deployment.settings.get("adapter") or deployment.defaults.get("adapter")
    names = {deployment.model, deployment.model.rpartition("/")[2]}
    return frozenset(names | {given} if isinstance(given, str) else names)


class Adapters:
    """Asks every `seconds` the servers of these deployments. `loaded` are the ids of those with their adapter there."""

    def __init__(self, gateway: GatewayView, deployments: Iterable[Deployment], seconds: float) -> None:
        self._gateway = gateway
        self._servers: dict[str, list[Deployment]] = {}
        for each in deployments:
            address = metrics_address(each)
            if address is not None:
                self._servers.setdefault(address, []).append(each)
        self._seconds = seconds
        self._silent: set[str] = set()
        self.loaded: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Until cancelled."""
        while self._servers:
            gate = asyncio.Semaphore(AT_ONCE)
            found = await asyncio.gather(*(self._ask(gate, address) for address in self._servers))
            self.loaded = frozenset(id for ids in found for id in ids)
            await asyncio.sleep(self._seconds)

    async def _ask(self, gate: asyncio.Semaphore, address: str) -> list[str]:
        """The ids of a server's deployments whose adapter is loaded; none when it does not say."""
        async with gate:
            try:
                answer = await self._gateway.fetch(address, seconds=DEADLINE_SECONDS)
            except NovaError as error:
                self._note_silence(address, error.message)
                return []
        if answer.status != 200:
            self._note_silence(address, f"status {answer.status}")
            return []
        self._silent.discard(address)
        there = loaded_adapters(answer.body.decode("utf-8", "replace"))
        return [each.id for each in self._servers[address] if names_of(each) & there]

    def _note_silence(self, address: str, why: str) -> None:
        if address not in self._silent:
            self._silent.add(address)
            names = ", ".join(each.id for each in self._servers[address])
            logger.warning("the metrics of %s cannot be read, so its adapters are not known: %s", names, why)
