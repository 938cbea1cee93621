"""What the application serves."""

from __future__ import annotations

from argparse import Namespace
from typing import Any


async def init_app_state(
    engine_client: Any, state: Any, args: Namespace, supported_tasks: tuple[str, ...] | None = None
) -> None:
    state.engine_client = engine_client
    state.args = args
