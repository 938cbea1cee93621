"""A Petals server: the HTTP side of a swarm, wherever it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.prompt_templates import check_template, template_for
from nova_core.wire.provider import DialectProvider, Lane, of_deployment
from nova_plugin_petals.generation import PetalsGenerate

FORM = ("Content-Type", "application/x-www-form-urlencoded")
PATH = "/api/v1/generate"


class Petals(DialectProvider):
    """`petals/{model}`: chats and completions over `/api/v1/generate`."""

    providers = ("petals",)
    api_base_env = ("PETALS_API_BASE",)
    api_key_env = ("PETALS_API_KEY",)
    key_required = False
    dialects: Mapping[Operation, Dialect] = {"chat": PetalsGenerate()}

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, and a template that can be read. Raises ConfigurationError."""
        check_template(deployment)
        return super().complete(deployment, environ)

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """Of a form; a key is for whoever stands before the server, which has none."""
        key = self.key(deployment)
        return [FORM, *([("Authorization", f"Bearer {key}")] if key else [])]

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The base, with as much of the path as it has not yet."""
        parts = urlsplit(deployment.api_base or "")
        base = parts.path.rstrip("/")
        for known in (PATH, "/api/v1", "/api"):
            base = base.removesuffix(known)
        return urlunsplit((parts.scheme, parts.netloc, base + PATH, parts.query, ""))

    def dialect_for(self, operation: Operation, deployment: Deployment) -> Dialect:
        """The dialect with the model's template. Raises BadRequestError for what is no text."""
        super().dialect_for(operation, deployment)
        return PetalsGenerate(template_for(deployment))

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The HTTP request with its form."""
        fields = {name: _field(value) for name, value in plain(request.without("stream").members).items()}
        return UpstreamRequest(lane.url, "POST", headers, urlencode(fields).encode(), streamed)


def _field(value: Any) -> str:
    """A value as a field of a form; what is true is 1."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(int(value) if isinstance(value, bool) else value).decode()
