"""The health of deployments as `/health` tells it: what background checks found, else asked now, a few at a time."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

from nova_core.gateway.gateway import Gateway
from nova_core.gateway.summary import bare_address
from nova_core.server.access import Caller
from nova_core.types.deployment import Deployment
from nova_core.wire.probing import can_be_probed, probe, said

AT_ONCE = 8


async def probe_all(gateway: Gateway, who: Caller, *, model: str | None, model_id: str | None) -> dict[str, Any]:
    """Deployments that answer and those that do not; `unchecked` are patterns and operations without a probe."""
    general = who.runtime.settings.general
    chosen = [
        deployment
        for deployment in who.runtime.catalog.by_id.values()
        if who.principal.may_call(deployment.group)
        and model in (None, deployment.group)
        and model_id in (None, deployment.id)
        and not (general.health_check_skip_disabled_background_models and is_left_alone(deployment))
    ]
    gate = asyncio.Semaphore(AT_ONCE)
    looked = await asyncio.gather(*(_looked(gateway, who, deployment, gate) for deployment in chosen))
    healthy: list[dict[str, Any]] = []
    unhealthy: list[dict[str, Any]] = []
    unchecked: list[dict[str, Any]] = []
    for endpoint in looked:
        if "error" in endpoint:
            unhealthy.append(endpoint if general.health_check_details else _bare(endpoint))
        else:
            (unchecked if endpoint.pop("unchecked", False) else healthy).append(endpoint)
    return {
        "healthy_endpoints": healthy,
        "unhealthy_endpoints": unhealthy,
        "unchecked_endpoints": unchecked,
        "healthy_count": len(healthy),
        "unhealthy_count": len(unhealthy),
    }


def is_left_alone(deployment: Deployment) -> bool:
    """Whether it is not to be checked in the background."""
    return deployment.info.get("disable_background_health_check") is True


async def _looked(gateway: Gateway, who: Caller, deployment: Deployment, gate: asyncio.Semaphore) -> dict[str, Any]:
    """A deployment with its `error`, if it has one, or `unchecked`."""
    endpoint = _endpoint(deployment)
    reason = who.runtime.catalog.unserved.get(deployment.id)
    findings = gateway.health.findings(deployment.id).values()
    problems = [f"{finding.by}: {finding.problem}" for finding in findings if finding.problem]
    if reason is not None or problems:
        return {**endpoint, "error": reason or "; ".join(problems)}
    if gateway.health.is_watched and findings:
        return {**endpoint, "checked_seconds_ago": round(time.monotonic() - min(each.at for each in findings), 1)}
    if not can_be_probed(deployment):
        return {**endpoint, "unchecked": True}
    async with gate:
        error = await probe(partial(gateway.run_on, who.runtime), deployment)
    return endpoint if error is None else {**endpoint, "error": said(error)}


def _bare(endpoint: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in endpoint.items() if name != "error"}


def _endpoint(deployment: Deployment) -> dict[str, Any]:
    found: dict[str, Any] = {
        "model": f"{deployment.provider}/{deployment.model}",
        "model_name": deployment.group,
        "model_id": deployment.id,
    }
    if deployment.api_base:
        found["api_base"] = bare_address(deployment.api_base)
    return found
