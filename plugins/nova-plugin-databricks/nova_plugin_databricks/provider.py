"""Databricks: Claude in its own API, every other model through chat completions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.mended_answers import mended_exchange
from nova_core.wire.messages_models import MessagesEndpoint
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_compatible import CHAT_ONLY, RESPONSES, OpenAICompatible
from nova_plugin_databricks.addresses import WHOLE, address
from nova_plugin_databricks.authorized import Workspace
from nova_plugin_databricks.thoughts import (
    ThoughtsMender,
    carries_thoughts,
    lost_thoughts,
    with_budget,
    with_thoughts,
)

CLAUDE = re.compile(r"(^|[-./])claude")
OPENAI_MODELS = re.compile(r"(^|[-./])gpt-(?!oss)")
"""Models that the vendor serves through the Responses API as well."""
ANTHROPIC_VERSION = "2023-06-01"


class WorkspaceClaude(MessagesEndpoint, Workspace):
    """Claude at `…/anthropic/v1/messages`."""

    dialects: Mapping[Operation, Dialect] = {"chat": ANTHROPIC_MESSAGES}

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The key or token, and the version of the API."""
        return [*super().headers(deployment, call), ("anthropic-version", ANTHROPIC_VERSION)]

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The Messages API of the workspace."""
        return address(deployment.api_base or "", deployment.model, "messages")


class Databricks(Workspace, OpenAICompatible):
    """`databricks/{endpoint}`: the model's name says which API it is asked through."""

    providers = ("databricks",)
    natives: Mapping[str, Dialect] = RESPONSES
    settings_keys = (*OpenAICompatible.settings_keys, *Workspace.settings_keys)

    def __init__(self) -> None:
        super().__init__()
        self._claude = WorkspaceClaude()

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, and key or principal. Raises ConfigurationError without an address."""
        return super().complete(self._claude.complete(deployment, environ), environ)

    def native(self, dialect: str, deployment: Deployment) -> Dialect | None:
        """The Responses API, for the models that have it."""
        served = OPENAI_MODELS.search(deployment.model) and not (deployment.api_base or "").endswith(WHOLE)
        return super().native(dialect, deployment) if served else None

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the operation is served; an address that ends in `/invocations` is used as it is."""
        return address(deployment.api_base or "", deployment.model, operation)

    def native_url(self, deployment: Deployment, dialect: str) -> str:
        """The Responses API of the workspace."""
        return address(deployment.api_base or "", deployment.model, "responses")

    def review(self, request: Request) -> Fidelity:
        """What the vendor refuses, and thoughts of earlier answers that it does not take."""
        found = super().review(request)
        if request.dialect.name != OPENAI_CHAT.name or not carries_thoughts(request):
            return found
        paths = lost_thoughts(request, keeps_signed=_is_claude(request.model))
        return found + Fidelity(tuple(FieldNote(path, Fate.HINT, "not replayed to this model") for path in paths))

    def to_upstream(self, request: Request) -> Request:
        """`max_tokens` under its older name, and thinking as the vendor has it."""
        request = super().to_upstream(request)
        if request.dialect.name != OPENAI_CHAT.name:
            return request
        if "max_completion_tokens" in request.members:
            limit = request.members.get("max_completion_tokens")
            request = request.without("max_completion_tokens").with_members({"max_tokens": limit})
        claude = _is_claude(request.model)
        request = with_budget(request) if claude else request
        return with_thoughts(request, keeps_signed=claude) if carries_thoughts(request) else request

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt. Raises UnsupportedParamsError, BadRequestError, AuthenticationError."""
        if request.operation in self._claude.operations(deployment.model) and _speaks_messages(deployment):
            return self._claude.provider_call(call, request, deployment)
        exchange = super().provider_call(call, request, deployment)
        return mended_exchange(exchange, (ThoughtsMender,)) if exchange.dialect.name == OPENAI_CHAT.name else exchange


def _is_claude(model: str) -> bool:
    return CLAUDE.search(model) is not None


def _speaks_messages(deployment: Deployment) -> bool:
    """Whether Claude is asked in its own API."""
    base_model = deployment.info.get("base_model")
    named = _is_claude(base_model if isinstance(base_model, str) else deployment.model)
    whole = urlsplit(deployment.api_base or "").path.rstrip("/").endswith(WHOLE)
    return named and not whole and not deployment.settings.get(CHAT_ONLY)
