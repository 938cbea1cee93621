"""What hosts of models that speak the Messages API natively have in common: how these think, and their features."""

from __future__ import annotations

from dataclasses import replace

from nova_core.types.call import Call
from nova_core.types.chat import ChatRequest
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Request, TypedRequest
from nova_core.wire.anthropic_messages.shown import review_shown, shown_again
from nova_core.wire.anthropic_messages.thinking_models import (
    for_model,
    review_choice,
    review_sampling,
    review_thinking,
    with_adaptive_effort,
)
from nova_core.wire.restored_names import FittingNames
from nova_core.wire.translate import translate_request


class MessagesModels(FittingNames):
    """Says thinking as each model takes it; subclasses say where the models are and who may ask them."""

    tool_name_limit = 128

    def before_translation(self, typed: TypedRequest) -> TypedRequest:
        """An effort as adaptive thinking, for the models that think so."""
        typed = super().before_translation(typed)
        return with_adaptive_effort(typed) if isinstance(typed, ChatRequest) else typed

    def _translated(self, request: Request, dialect: Dialect, deployment: Deployment) -> tuple[Request, Fidelity]:
        """An answer may be as long as the model's are, where the caller sets no limit: this API needs one."""
        most = deployment.facts.max_output_tokens
        typed = request.typed if most is not None and request.dialect.name != dialect.name else None
        if not isinstance(typed, ChatRequest) or typed.max_tokens is not None:
            return super()._translated(request, dialect, deployment)
        typed = self.before_translation(replace(typed, model=deployment.model, max_tokens=most))
        upstream, fidelity = translate_request(request, dialect, typed=typed)
        return upstream.with_members({"model": deployment.model}), fidelity

    def review(self, request: Request) -> Fidelity:
        """What the vendor or the model refuses, and what is said nearly about thinking."""
        found = super().review(request) + review_sampling(request) + review_choice(request)
        return found + review_thinking(request) + Fidelity(tuple(review_shown(request)))

    def to_upstream(self, request: Request) -> Request:
        """Thinking as the model takes it, and images of answers that other models drew as the user's."""
        return for_model(shown_again(super().to_upstream(request)))


class MessagesEndpoint(MessagesModels):
    """One that is told in a header which features are wanted, as the API itself is."""

    joined_headers = frozenset({"anthropic-beta"})

    def request_headers(self, request: Request, call: Call) -> list[tuple[str, str]]:
        """The beta features that a caller of this API asks for."""
        asked = call.headers.get("anthropic-beta") if call.original.dialect in self.dialects.values() else None
        return [("anthropic-beta", asked)] if asked else []
