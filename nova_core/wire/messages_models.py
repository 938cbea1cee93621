"""What hosts of models that speak the Messages API natively have in common: how these think, and their features."""

from __future__ import annotations

from nova_core.types.call import Call
from nova_core.types.chat import ChatRequest
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Request, TypedRequest
from nova_core.wire.anthropic_messages.thinking_models import (
    for_model,
    review_sampling,
    review_thinking,
    with_adaptive_effort,
)
from nova_core.wire.provider import DialectProvider


class MessagesModels(DialectProvider):
    """Says thinking as each model takes it; subclasses say where the models are and who may ask them."""

    def before_translation(self, typed: TypedRequest) -> TypedRequest:
        """An effort as adaptive thinking, for the models that think so."""
        return with_adaptive_effort(typed) if isinstance(typed, ChatRequest) else typed

    def review(self, request: Request) -> Fidelity:
        """What the vendor or the model refuses, and what is said nearly about thinking."""
        return super().review(request) + review_sampling(request) + review_thinking(request)

    def to_upstream(self, request: Request) -> Request:
        """Thinking as the model takes it."""
        return for_model(super().to_upstream(request))


class MessagesEndpoint(MessagesModels):
    """One that is told in a header which features are wanted, as the API itself is."""

    joined_headers = frozenset({"anthropic-beta"})

    def request_headers(self, request: Request, call: Call) -> list[tuple[str, str]]:
        """The beta features that a caller of this API asks for."""
        asked = call.headers.get("anthropic-beta") if call.original.dialect in self.dialects.values() else None
        return [("anthropic-beta", asked)] if asked else []
