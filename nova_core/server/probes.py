"""Asks deployments whether they answer: one small call each, a few at a time, under a deadline."""

from __future__ import annotations

import asyncio
from typing import Any

from nova_core.errors import NovaError
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.summary import bare_address
from nova_core.server.access import Caller
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request, Stream
from nova_core.types.principal import Principal
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS

AT_ONCE = 8
DEADLINE_SECONDS = 30.0
PROMPT = "Say ok."
PROBER = Principal(id="health-check", name="health-check")
NOT_PROBED = frozenset({"image_generation", "audio_transcription", "audio_speech", "rerank", "realtime", "moderation"})


async def probe_all(gateway: Gateway, who: Caller, *, model: str | None, model_id: str | None) -> dict[str, Any]:
    """Deployments that answer and those that do not; `unchecked` are patterns and operations without a probe."""
    catalog = who.runtime.catalog
    chosen = [
        deployment
        for deployment in catalog.by_id.values()
        if who.principal.may_call(deployment.group)
        and model in (None, deployment.group)
        and model_id in (None, deployment.id)
    ]
    gate = asyncio.Semaphore(AT_ONCE)
    probed = [deployment for deployment in chosen if _can_be_probed(deployment)]
    problems = await asyncio.gather(*(_probe(gateway, who, deployment, gate) for deployment in probed))
    results = list(zip(probed, problems, strict=True))
    healthy = [_endpoint(deployment) for deployment, problem in results if problem is None]
    unhealthy = [{**_endpoint(deployment), "error": problem} for deployment, problem in results if problem is not None]
    return {
        "healthy_endpoints": healthy,
        "unhealthy_endpoints": unhealthy,
        "unchecked_endpoints": [_endpoint(deployment) for deployment in chosen if deployment not in probed],
        "healthy_count": len(healthy),
        "unhealthy_count": len(unhealthy),
    }


async def _probe(gateway: Gateway, who: Caller, deployment: Deployment, gate: asyncio.Semaphore) -> str | None:
    """What is wrong with the deployment; None when it answered."""
    reason = who.runtime.catalog.unserved.get(deployment.id)
    if reason is not None:
        return reason
    call = Call(
        _request(deployment),
        principal=PROBER,
        options=CallOptions(num_retries=0, disable_fallbacks=True, timeout=DEADLINE_SECONDS),
        tags=deployment.tags,
        route="/health",
    )
    async with gate:
        try:
            answer = await gateway.run_on(who.runtime, call)
        except NovaError as error:
            return f"{error.status} {error.code}: {error.message}"
    if isinstance(answer, Stream):
        await answer.aclose()
    return None


def _request(deployment: Deployment) -> Request:
    named: dict[str, Any] = {"model": deployment.id}
    match deployment.mode:
        case "embedding":
            return Request("embedding", OPENAI_EMBEDDINGS, {**named, "input": [PROMPT]})
        case "completion":
            return Request("completion", OPENAI_COMPLETIONS, {**named, "prompt": PROMPT, "max_tokens": 5})
    messages = [{"role": "user", "content": PROMPT}]
    return Request("chat", OPENAI_CHAT, {**named, "messages": messages, "max_tokens": 5})


def _can_be_probed(deployment: Deployment) -> bool:
    return "*" not in deployment.model and deployment.mode not in NOT_PROBED


def _endpoint(deployment: Deployment) -> dict[str, Any]:
    found: dict[str, Any] = {
        "model": f"{deployment.provider}/{deployment.model}",
        "model_name": deployment.group,
        "model_id": deployment.id,
    }
    if deployment.api_base:
        found["api_base"] = bare_address(deployment.api_base)
    return found
