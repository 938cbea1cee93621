"""Chats that a vendor answers in its Responses API alone: which they are, and how they are asked there."""

# https://developers.openai.com/api/docs/guides/latest-model: models that reason call functions in that API alone.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from nova_core.types.chat import ChatRequest, Tool
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request, decoded
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_chat.reasoning_models import (
    Family,
    effort_of_request,
    family_of,
    only_in_responses,
    reasons,
)
from nova_core.wire.openai_compatible import CHAT_ONLY, OpenAICompatible
from nova_core.wire.openai_responses import NAME, OPENAI_RESPONSES

PREFIX: Final = "responses/"
"""What a model's name begins with where the operator wants all its chats asked there."""
MODE: Final = "responses"
"""The `mode` of such a model, as catalogs of models name it."""
LEAST_OUTPUT: Final = 16
"""The least `max_output_tokens`, of which chats may ask for fewer."""
THROUGH: Final = "through_responses"
"""Setting of a deployment whose chats are all asked there."""


def placed(deployment: Deployment) -> Deployment:
    """The deployment by its model's own name, marked where the operator wants its chats asked in the Responses API."""
    if not deployment.model.startswith(PREFIX):
        return deployment
    settings = {**deployment.settings, THROUGH: True}
    return replace(deployment, model=deployment.model.removeprefix(PREFIX), settings=settings)


def asked_there(request: Request, deployment: Deployment, model: str, *, vendors_own: bool = True) -> bool:
    """Whether a chat is to be asked there. `model` is its model's own name; `vendors_own` says that the vendor itself
    serves it, and not a server that speaks like it, of which only the operator knows what it serves.
    """
    if request.operation != "chat" or request.dialect.name == NAME or deployment.settings.get(CHAT_ONLY):
        return False
    if deployment.settings.get(THROUGH) or deployment.mode == MODE:
        return True
    if not vendors_own:
        return False
    family = family_of(model)
    return only_in_responses(model) or (family is not None and _needs(request, family))


def _needs(request: Request, family: Family) -> bool:
    """Whether the model is to call functions while it reasons, or to sum up what it thinks."""
    if request.dialect.name == OPENAI_CHAT.name:
        asked = decoded(request.members.get("reasoning_effort"))
        if isinstance(asked, Mapping) and asked.get("summary"):
            return True
        return family.tools_elsewhere and _has_functions(request) and reasons(family, effort_of_request(request))
    if not family.tools_elsewhere or "tools" not in request.members:
        return False
    typed = request.typed
    assert isinstance(typed, ChatRequest)
    effort = typed.reasoning.effort if typed.reasoning else None
    return any(isinstance(tool, Tool) for tool in typed.tools) and reasons(family, effort)


def _has_functions(request: Request) -> bool:
    tools = decoded(request.members.get("tools"))
    listed = any(isinstance(tool, Mapping) and tool.get("type") == "function" for tool in tools or ())
    return listed or bool(decoded(request.members.get("functions")))


class InResponses(OpenAICompatible):
    """A provider, mixed into its class, for the chats that are asked in its Responses API."""

    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_RESPONSES}
    natives: Mapping[str, Dialect] = {}

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the Responses API is served."""
        return self.native_url(deployment, NAME)

    def review(self, request: Request) -> Fidelity:
        """What the vendor refuses, and a limit that it raises."""
        found = super().review(request)
        if not _is_below(request):
            return found
        why = f"sent as {LEAST_OUTPUT}, the least that the vendor takes"
        return found + Fidelity((FieldNote("max_tokens", Fate.APPROXIMATED, why),))

    def to_upstream(self, request: Request) -> Request:
        """As chats are, it is kept by the vendor only where the caller wants it kept."""
        request = super().to_upstream(request)
        changes: dict[str, Any] = {} if "store" in request.members else {"store": False}
        if _is_below(request):
            changes["max_output_tokens"] = LEAST_OUTPUT
        return request.with_members(changes) if changes else request


def _is_below(request: Request) -> bool:
    limit = request.get("max_output_tokens")
    return isinstance(limit, int) and limit < LEAST_OUTPUT
