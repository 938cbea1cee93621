"""Asks one deployment whether it answers: the smallest call of its operation, under a deadline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nova_core.errors import NovaError
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.principal import Principal
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.openai_moderations import OPENAI_MODERATIONS

DEADLINE_SECONDS = 30.0
MAX_TOKENS = 5
PROMPT = "Say ok."
PROBER = Principal(id="health-check", name="health-check")
NOT_PROBED = frozenset({"image_generation", "audio_transcription", "audio_speech", "realtime"})
"""Modes whose smallest call costs too much to be made just to see."""
NO_CACHE = {"no-cache": True, "no-store": True}

Run = Callable[[Call], Awaitable[Reply | Stream]]


def can_be_probed(deployment: Deployment) -> bool:
    """Whether there is a probe for it: a pattern needs `model_info.health_check_model`."""
    if deployment.mode in NOT_PROBED:
        return False
    return "*" not in deployment.model or isinstance(deployment.info.get("health_check_model"), str)


def probe_call(deployment: Deployment, request: Request, seconds: float) -> Call:
    """A call of the gateway's own that asks this deployment alone, past every cache."""
    return Call(
        request,
        principal=PROBER,
        options=CallOptions(num_retries=0, disable_fallbacks=True, timeout=seconds, cache=NO_CACHE),
        tags=deployment.tags,
        route="/health",
    )


async def probe(run: Run, deployment: Deployment, *, seconds: float = DEADLINE_SECONDS) -> NovaError | None:
    """What is wrong with the deployment; None when it answered.

    `model_info` may set `health_check_timeout` and, for chats and completions, `health_check_max_tokens`.
    """
    own = deployment.info.get("health_check_timeout")
    try:
        answer = await run(probe_call(deployment, _request(deployment), float(own) if own else seconds))
    except NovaError as error:
        return error
    if isinstance(answer, Stream):
        await answer.aclose()
    return None


def said(error: NovaError) -> str:
    """An error as a finding's text."""
    return f"{error.status} {error.code}: {error.message}"


def target(deployment: Deployment) -> str:
    """The name that leads to this deployment."""
    named = deployment.info.get("health_check_model")
    return str(named) if "*" in deployment.model and named else deployment.id


def _request(deployment: Deployment) -> Request:
    named: dict[str, Any] = {"model": target(deployment)}
    most = deployment.info.get("health_check_max_tokens") or MAX_TOKENS
    match deployment.mode:
        case "embedding":
            return Request("embedding", OPENAI_EMBEDDINGS, {**named, "input": [PROMPT]})
        case "completion":
            return Request("completion", OPENAI_COMPLETIONS, {**named, "prompt": PROMPT, "max_tokens": most})
        case "rerank":
            return Request("rerank", JINA_RERANK, {**named, "query": PROMPT, "documents": [PROMPT]})
        case "moderation":
            return Request("moderation", OPENAI_MODERATIONS, {**named, "input": PROMPT})
    messages = [{"role": "user", "content": PROMPT}]
    return Request("chat", OPENAI_CHAT, {**named, "messages": messages, "max_tokens": most})
