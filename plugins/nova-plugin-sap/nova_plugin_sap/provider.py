"""SAP AI Core: models of many vendors behind the orchestration service."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import Exchange
from nova_core.wire.enveloped import Body
from nova_core.wire.granted import Grant, Granted
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.plain_vectors import in_asked_coding
from nova_core.wire.provider import Lane
from nova_plugin_sap.access import ServiceKey, key_in, key_of
from nova_plugin_sap.located import DEPLOYMENT, GROUP, Located, group_of
from nova_plugin_sap.orchestration import Opener, opened, rendered, rendered_embeddings

VARIABLES: Mapping[str, str] = {
    "aicore_client_id": "AICORE_CLIENT_ID",
    "aicore_client_secret": "AICORE_CLIENT_SECRET",
    "aicore_auth_url": "AICORE_AUTH_URL",
    GROUP: "AICORE_RESOURCE_GROUP",
    DEPLOYMENT: "AICORE_DEPLOYMENT_ID",
}
"""Settings of a deployment, and the environment variables that stand in for them."""


class Sap(Granted, Located):
    """`sap/{model}`. The key is a service key (a JSON document) or a token."""

    providers = ("sap",)
    api_base_env = ("AICORE_BASE_URL",)
    api_key_env = ("AICORE_SERVICE_KEY",)
    settings_keys = (*Located.settings_keys, *VARIABLES)
    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_CHAT, "embedding": OPENAI_EMBEDDINGS}
    enveloped = frozenset({"chat", "embedding"})
    paths: Mapping[Operation, str] = {"chat": "/v2/completion", "embedding": "/v2/embeddings"}
    hints = frozenset({"store", "metadata", "service_tier", "prompt_cache_key", "safety_identifier"})
    keeps_cache_control = True

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        Located.__init__(self)
        Granted.__init__(self, clock)

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, resource group and credentials. Raises ConfigurationError without an address."""
        found = {name: environ[said].strip() for name, said in VARIABLES.items() if environ.get(said, "").strip()}
        settings = {**found, **{name: value for name, value in deployment.settings.items() if value is not None}}
        given = deployment.api_key.reveal() if deployment.api_key is not None else environ.get("AICORE_SERVICE_KEY", "")
        key = key_in(given) if given else None
        base = deployment.api_base or environ.get("AICORE_BASE_URL", "").strip() or (key.api if key else None)
        return super().complete(replace(deployment, api_base=base, settings=settings), environ)

    def grant(self, deployment: Deployment) -> Grant | None:
        """The service key; None where there is a token."""
        return self._service_key(deployment)

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The token, and the resource group."""
        return [*super().headers(deployment, call), ("AI-Resource-Group", group_of(deployment))]

    def review(self, request: Request) -> Fidelity:
        """What has no place in the envelope."""
        found = super().review(request)
        return found + Fidelity(tuple(_embedding(request))) if request.dialect.operation == "embedding" else found

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """The configuration of the modules."""
        members = plain(request.members)
        if request.dialect.operation == "embedding":
            return rendered_embeddings(members)
        return rendered(members, streamed=streamed)

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """What the modules made, in the end."""
        return opened(answer)

    def opener(self, seed: str) -> Opener:
        """What reads one stream."""
        return Opener()

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; vectors are sent on in base64 where the caller wants that."""
        exchange = super().provider_call(call, request, deployment)
        return in_asked_coding(request, exchange) if request.operation == "embedding" else exchange

    def _service_key(self, deployment: Deployment) -> ServiceKey | None:
        key = deployment.api_key.reveal() if deployment.api_key is not None else ""
        return key_in(key) if key else key_of(deployment.settings)


def _embedding(request: Request) -> Iterator[FieldNote]:
    if request.get("return_multivector"):
        yield FieldNote("return_multivector", Fate.LOST, "vectors are pooled")
    if request.get("user") is not None:
        yield FieldNote("user", Fate.HINT)
