"""Health of the deployments, by asking them."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Depends

from nova_core.server.access import Caller, key_needed
from nova_core.server.probes import probe_all
from nova_core.server.serving import Serving


def health_routes(serving: Serving) -> APIRouter:
    """`/health`; the health of the process itself is told by `PlainRoutes`."""
    router = APIRouter(tags=["health"])
    busy = asyncio.Lock()
    caller = Depends(key_needed(serving))

    async def deployments(
        model: str | None = None, model_id: str | None = None, who: Caller = caller
    ) -> dict[str, Any]:
        """Ask every deployment (or those of `model`, or `model_id`) for very little, and say which answered."""
        async with busy:
            return await probe_all(serving.gateway, who, model=model, model_id=model_id)

    router.add_api_route("/health", deployments)
    return router
