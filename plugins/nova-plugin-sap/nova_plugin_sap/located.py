"""Where the orchestration service of a resource group runs, which the service instance is asked for once."""

# https://help.sap.com/docs/sap-ai-core/generative-ai/get-deployment-url-for-orchestration

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from nova_core.errors import NotFoundError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.enveloped import Enveloped

GROUP, DEPLOYMENT = "aicore_resource_group", "aicore_deployment_id"
DEFAULT_GROUP = "default"
INFERENCE = "/v2/inference/deployments/"
RUNNING = "/v2/lm/deployments?scenarioId=orchestration&status=RUNNING"
MOST = 1000


class Located(Enveloped):
    """A provider whose address is a deployment of the service: given, or found in the resource group."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], str] = {}

    def address(self, deployment: Deployment) -> str | None:
        """The address of the service; None before it was found."""
        base = deployment.api_base or ""
        if INFERENCE in base:
            return base
        if named := deployment.settings.get(DEPLOYMENT):
            return f"{instance(base)}{INFERENCE}{named}"
        return self._found.get((base, group_of(deployment)))

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the operation is served."""
        parts = urlsplit(self.address(deployment) or deployment.api_base or "")
        path = parts.path.rstrip("/")
        for known in self.paths.values():
            path = path.removesuffix(known)
        return urlunsplit((parts.scheme, parts.netloc, path + self.paths[operation], parts.query, ""))

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt, after the exchange that finds the service where it is not known yet."""
        ask = partial(super().provider_call, call, request, deployment)
        if self.address(deployment) is not None:
            return ask()
        headers = (*self.headers(deployment, call), *deployment.extra_headers.items())
        url = instance(deployment.api_base or "") + RUNNING
        dialect = self.dialect_for(request.operation, deployment)
        read_error = partial(self._read_error, deployment)
        return Exchange(UpstreamRequest(url, "GET", headers), dialect, partial(self._find, deployment, ask), read_error)

    def _find(self, deployment: Deployment, ask: Callable[[], Exchange], response: UpstreamResponse) -> Exchange:
        """Raises NotFoundError when the service does not run."""
        group = group_of(deployment)
        try:
            resources: list[Mapping[str, Any]] = msgspec.json.decode(response.body)["resources"]
            running = [each for each in resources if each.get("deploymentUrl")]
            latest = max(running, key=lambda each: str(each.get("createdAt") or ""), default=None)
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
            latest = None
        if latest is None:
            raise NotFoundError(f"no orchestration service runs in the resource group {group}")
        if len(self._found) >= MOST:
            self._found.clear()
        self._found[deployment.api_base or "", group] = str(latest["deploymentUrl"])
        return ask()


def instance(base: str) -> str:
    """The address of the service instance, without the version of its API."""
    return base.rstrip("/").removesuffix("/v2")


def group_of(deployment: Deployment) -> str:
    """The resource group that is asked."""
    return str(deployment.settings.get(GROUP) or DEFAULT_GROUP)
