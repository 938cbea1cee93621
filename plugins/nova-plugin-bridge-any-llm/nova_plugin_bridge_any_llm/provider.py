"""The provider `any_llm`: `any_llm/PROVIDER/MODEL` is asked through an installed any-llm."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from nova_core.errors import BadGatewayError, BadRequestError, ConfigurationError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.capabilities import Capabilities
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request, Stream, plain
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.provider import Provider
from nova_core.wire.understood import capabilities_within, spoken
from nova_plugin_bridge_any_llm.answers import members_of, stream_of
from nova_plugin_bridge_any_llm.failures import as_gateway_errors

PACKAGE = "any_llm"
CHAT_MEMBERS = frozenset(
    {
        "model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "temperature",
        "top_p", "max_tokens", "max_completion_tokens", "response_format", "n", "stop", "presence_penalty",
        "frequency_penalty", "seed", "user", "logprobs", "top_logprobs", "logit_bias", "reasoning_effort",
        "service_tier", "prompt_cache_key",
    }
)  # fmt: skip
"""What `any_llm.acompletion` has parameters for (https://docs.mozilla.ai/any-llm/api/completion)."""
EMBEDDING_MEMBERS = frozenset({"model", "input", "dimensions", "encoding_format", "user"})


class AnyLLM(Provider):
    """A bridge: vendors' own clients move the bytes, not the gateway's connections."""

    providers = ("any_llm",)

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """As it is. Raises ConfigurationError without a provider in the model's name, or without any-llm."""
        if "*" in deployment.model:
            return deployment
        provider, slash, model = deployment.model.partition("/")
        if not (provider and slash and model):
            raise ConfigurationError(f"the model must be any_llm/PROVIDER/MODEL, not any_llm/{deployment.model}")
        if find_spec(PACKAGE) is None:
            raise ConfigurationError(
                "any-llm is not installed", hint=f"pip install 'any-llm-sdk[{provider}]', in the gateway's environment"
            )
        return deployment

    def operations(self, model: str) -> frozenset[str]:
        """What any-llm has for most vendors; one that lacks it says so."""
        return frozenset({"chat", "completion", "embedding"})

    def capabilities(self, deployment: Deployment) -> Capabilities:
        """What any-llm has parameters for; whether the vendor has is known when it is asked."""
        return capabilities_within(CHAT_MEMBERS)

    @hookimpl
    async def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Reply | Stream:
        """One answer. Raises UnsupportedParamsError, and what the vendor's client raises as the gateway's errors."""
        started = time.monotonic()
        try:
            with as_gateway_errors(deployment):
                if request.operation == "embedding":
                    return await self._embedded(call, request, deployment)
                if request.operation in ("chat", "completion"):
                    return await self._said(call, request, deployment)
        finally:
            call.upstream_seconds += time.monotonic() - started
        raise BadRequestError(f"the bridge does not serve {request.operation}", code="unsupported_operation")

    async def _said(self, call: Call, request: Request, deployment: Deployment) -> Reply | Stream:
        members = plain(spoken(request, OPENAI_CHAT, deployment, call, CHAT_MEMBERS).members)
        if members.get("stream"):
            members["stream_options"] = {"include_usage": True, **(members.get("stream_options") or {})}
        del members["model"]
        answer = await _package().acompletion(**members, **_where(deployment))
        if hasattr(answer, "__aiter__"):
            return stream_of(answer, deployment)
        return Reply("chat", OPENAI_CHAT, _checked(answer))

    async def _embedded(self, call: Call, request: Request, deployment: Deployment) -> Reply:
        members = plain(spoken(request, OPENAI_EMBEDDINGS, deployment, call, EMBEDDING_MEMBERS).members)
        inputs = members.pop("input")
        del members["model"]
        answer = members_of(await _package().aembedding(inputs=inputs, **members, **_where(deployment)))
        OPENAI_EMBEDDINGS.check_reply(answer)
        return Reply("embedding", OPENAI_EMBEDDINGS, answer)


def _package() -> Any:
    """any-llm, imported when the first call needs it: it brings several vendors' clients along."""
    return import_module(PACKAGE)


def _where(deployment: Deployment) -> dict[str, Any]:
    """Who is asked. Without a key any-llm looks for the vendor's own variable."""
    provider, _, model = deployment.model.partition("/")
    key = deployment.api_key.reveal() if deployment.api_key is not None else None
    asked = {"provider": provider, "model": model, "api_key": key, "api_base": deployment.api_base}
    headers = {"default_headers": dict(deployment.extra_headers)} if deployment.extra_headers else None
    return {name: value for name, value in {**asked, "client_args": headers}.items() if value}


def _checked(answer: Any) -> dict[str, Any]:
    if not hasattr(answer, "model_dump"):
        raise BadGatewayError(f"any-llm answered {type(answer).__name__}, which is no reply")
    members = members_of(answer)
    OPENAI_CHAT.check_reply(members)
    return members
