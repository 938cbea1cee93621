"""Waits for what must become so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never became so"
        await asyncio.sleep(0.01)


async def expect_soon(expected: Any, ask: Callable[[], Awaitable[Any]], seconds: float = 10.0) -> None:
    """Ask until the answer is the expected one."""
    end = time.monotonic() + seconds
    while (answer := await ask()) != expected:
        assert time.monotonic() < end, f"it stayed {answer!r}, not {expected!r}"
        await asyncio.sleep(0.01)
