"""Snowflake Cortex: Claude in its own API, every other model through chat completions, and embeddings."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.messages_models import MessagesEndpoint
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_compatible import CHAT_ONLY, OpenAICompatible
from nova_core.wire.plain_vectors import in_asked_coding
from nova_plugin_snowflake.account import Account
from nova_plugin_snowflake.addresses import address
from nova_plugin_snowflake.embeddings import CORTEX_EMBED

CLAUDE = re.compile(r"(^|[-./])claude")
ANTHROPIC_VERSION = "2023-06-01"


class AccountClaude(MessagesEndpoint, Account):
    """Claude at `/api/v2/cortex/v1/messages`."""

    dialects: Mapping[Operation, Dialect] = {"chat": ANTHROPIC_MESSAGES}

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The token, and the version of the API."""
        return [*super().headers(deployment, call), ("anthropic-version", ANTHROPIC_VERSION)]

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The Messages API of the account."""
        return address(deployment.api_base or "", "messages")


class Snowflake(Account, OpenAICompatible):
    """`snowflake/{model}`: the model's name says which API it is asked through."""

    providers = ("snowflake",)
    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_CHAT, "embedding": CORTEX_EMBED}
    settings_keys = (*OpenAICompatible.settings_keys, *Account.settings_keys)

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self._claude = AccountClaude(clock)

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the operation is served; a base may end in any path of the account's APIs."""
        return address(deployment.api_base or "", operation)

    def to_upstream(self, request: Request) -> Request:
        """`max_tokens` under its newer name, the only one that every model takes."""
        request = super().to_upstream(request)
        if request.dialect.name != OPENAI_CHAT.name or "max_tokens" not in request.members:
            return request
        limit = request.members.get("max_completion_tokens", request.members["max_tokens"])
        return request.without("max_tokens").with_members({"max_completion_tokens": limit})

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt. Raises UnsupportedParamsError, BadRequestError, AuthenticationError."""
        base_model = deployment.info.get("base_model")
        named = CLAUDE.search(base_model if isinstance(base_model, str) else deployment.model)
        if named and request.operation in ("chat", "completion") and not deployment.settings.get(CHAT_ONLY):
            return self._claude.provider_call(call, request, deployment)
        exchange = super().provider_call(call, request, deployment)
        return in_asked_coding(request, exchange) if request.operation == "embedding" else exchange
