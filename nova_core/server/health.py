"""Health: of the process without asking anyone, and of the deployments by asking them."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Response

from nova_core._version import __version__
from nova_core.server.access import Caller, key_needed
from nova_core.server.probes import probe_all
from nova_core.server.serving import Serving


def health_routes(serving: Serving) -> APIRouter:
    """`/health`, `/health/liveliness` (also `/health/liveness`) and `/health/readiness`."""
    router = APIRouter(tags=["health"])
    busy = asyncio.Lock()
    caller = Depends(key_needed(serving))

    async def alive(response: Response) -> str:
        """This process runs; 503 when it is about to stop."""
        response.status_code = 503 if serving.draining else 200
        return "I'm alive!" if not serving.draining else "draining"

    async def ready(response: Response) -> dict[str, Any]:
        """This process takes calls; 503 when it is about to stop. Says nothing about deployments."""
        response.status_code = 503 if serving.draining else 200
        status = "draining" if serving.draining else "healthy"
        return {"status": status, "db": "Not connected", "version": __version__}

    async def deployments(
        model: str | None = None, model_id: str | None = None, who: Caller = caller
    ) -> dict[str, Any]:
        """Ask every deployment (or those of `model`, or `model_id`) for very little, and say which answered."""
        async with busy:
            return await probe_all(serving.gateway, who, model=model, model_id=model_id)

    for path in ("/health/liveliness", "/health/liveness"):
        router.add_api_route(path, alive)
        router.add_api_route(path, alive, methods=["HEAD"], include_in_schema=False)
    router.add_api_route("/health/readiness", ready)
    router.add_api_route("/health/readiness", ready, methods=["HEAD"], include_in_schema=False)
    router.add_api_route("/health", deployments)
    return router
