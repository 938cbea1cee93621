"""Reads the configuration anew while calls run: validated first, swapped whole, or not at all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from nova_core.config.loader import LoadedConfig
from nova_core.errors import ConfigurationError
from nova_core.gateway.check import startup_notes
from nova_core.gateway.gateway import Gateway
from nova_core.server.startup import ServeOptions, load_config, runtime_of

logger = logging.getLogger("nova.server")

POLL_SECONDS = 1.0


class Reloader:
    """Reloads one gateway, one reload at a time."""

    def __init__(self, gateway: Gateway, options: ServeOptions) -> None:
        self._gateway = gateway
        self._options = options
        self._lock = asyncio.Lock()

    async def __call__(self) -> list[str]:
        """Read the file and swap it in; answers the notes. Raises ConfigurationError, then nothing has changed."""
        async with self._lock:
            loaded = await asyncio.to_thread(load_config, self._options)
            return await self._swap(loaded)

    async def use(self, loaded: LoadedConfig) -> list[str]:
        """Swap in a configuration that was read elsewhere. Raises ConfigurationError."""
        async with self._lock:
            return await self._swap(loaded)

    async def _swap(self, loaded: LoadedConfig) -> list[str]:
        runtime = await asyncio.to_thread(runtime_of, loaded, self._options)
        try:
            await self._gateway.reload(runtime)
        except ConfigurationError:
            raise
        except Exception as error:
            logger.exception("a plugin could not start with the new configuration")
            raise ConfigurationError(f"a plugin could not start: {type(error).__name__}") from error
        notes = startup_notes(runtime)
        logger.info("configuration reloaded: %d model groups", len(runtime.catalog.groups))
        for note in notes:
            logger.warning("%s", note)
        return notes


async def reload_and_log(reload: Callable[[], Awaitable[list[str]]]) -> None:
    """Reload because a signal or a changed file asks for it; there is nobody to answer but the log."""
    try:
        await reload()
    except ConfigurationError as error:
        logger.error("the configuration was not reloaded, the one in use stays:\n%s", error.message)


async def watch_files(files: Callable[[], Iterable[Path]], changed: Callable[[], Awaitable[None]]) -> None:
    """Call `changed` whenever one of the files (asked for each time) was written, and has settled."""
    seen = await asyncio.to_thread(_stamps, files())
    while True:
        await asyncio.sleep(POLL_SECONDS)
        now = await asyncio.to_thread(_stamps, files())
        if now == seen:
            continue
        await asyncio.sleep(POLL_SECONDS / 4)
        settled = await asyncio.to_thread(_stamps, files())
        if settled != now:
            continue
        seen = settled
        await changed()
        seen = await asyncio.to_thread(_stamps, files()) if set(map(str, files())) != set(seen) else seen


def _stamps(files: Iterable[Path]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for path in files:
        try:
            status = path.stat()
        except OSError:
            continue
        found[str(path)] = (status.st_mtime_ns, status.st_size)
    return found
