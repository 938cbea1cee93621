"""Predibase: base models of a tenant's deployments, and the adapters that they load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nova_core.errors import ConfigurationError
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_compatible import OPENAI_DIALECTS, OpenAICompatible
from nova_core.wire.provider import Lane
from nova_plugin_predibase.addresses import OWN, address, deployment_and_adapter

ADAPTER = "adapter_id"
TENANTS = ("predibase_tenant_id", "tenant_id")
VARIABLE = "PREDIBASE_TENANT_ID"


class Predibase(OpenAICompatible):
    """`predibase/{deployment}`, or `predibase/{deployment}:{repository}/{version}` for one of its adapters."""

    providers = ("predibase",)
    base_url = OWN
    api_base_env = ("PREDIBASE_API_BASE",)
    api_key_env = ("PREDIBASE_API_KEY", "PREDIBASE_API_TOKEN")
    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_CHAT, "completion": OPENAI_DIALECTS["completion"]}
    unsupported = frozenset({"n", "logit_bias"})
    hints = frozenset({"store", "metadata", "user", "prompt_cache_key", "service_tier"})
    settings_keys = (*OpenAICompatible.settings_keys, *TENANTS, ADAPTER)

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, key and tenant. Raises ConfigurationError when the vendor's own address is asked for no tenant."""
        complete = super().complete(deployment, environ)
        tenant = _tenant(complete) or environ.get(VARIABLE, "").strip()
        if not tenant and complete.api_base == OWN:
            raise ConfigurationError(
                f"provider {deployment.provider} needs `{TENANTS[0]}` of {deployment.model}, the environment variable "
                f"{VARIABLE}, or an `api_base`"
            )
        return replace(complete, settings={**complete.settings, TENANTS[0]: tenant or None})

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the deployment serves the operation; a base may name it already."""
        return address(deployment.api_base or OWN, _tenant(deployment), deployment.model, self.paths[operation])

    def to_upstream(self, request: Request) -> Request:
        """Schemas of answers as the vendor's servers take them, and `max_tokens` under its older name."""
        request = super().to_upstream(request)
        if "max_completion_tokens" in request.members:
            limit = request.members["max_completion_tokens"]
            request = request.without("max_completion_tokens").with_members({"max_tokens": limit})
        wanted = request.get("response_format")
        schema = wanted.get("json_schema") if isinstance(wanted, Mapping) else None
        if not isinstance(schema, Mapping) or "schema" not in schema:
            return request
        return request.with_members({"response_format": {"type": "json_object", "schema": schema["schema"]}})

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The HTTP request. The deployment stands in its address, its adapter where others name a model."""
        named: Any = request.get(ADAPTER) or lane.deployment.settings.get(ADAPTER)
        adapter = named or deployment_and_adapter(lane.deployment.model)[1]
        request = request.without(ADAPTER).with_members({"model": adapter})
        return super().outgoing(lane, request, headers, streamed)


def _tenant(deployment: Deployment) -> str:
    return next((str(value) for name in TENANTS if (value := deployment.settings.get(name))), "")
