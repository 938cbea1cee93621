"""How much to think, in the words of each maker of models."""

# https://docs.aws.amazon.com/bedrock/latest/userguide/inference-reasoning.html

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from nova_core.types.chat import ChatRequest
from nova_core.types.message import Request
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.anthropic_messages.fields import Notes as MessagesNotes
from nova_core.wire.anthropic_messages.thinking import render_reasoning
from nova_core.wire.anthropic_messages.thinking_models import for_model, review_thinking, with_adaptive_effort
from nova_plugin_bedrock.names import CLAUDE, NOVA_2, STATES_EFFORT
from nova_plugin_bedrock.notes import Notes

NOVA_EFFORTS: Final = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}


def render_thinking(typed: ChatRequest, notes: Notes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields of `additionalModelRequestFields`, and of `outputConfig`."""
    reasoning = typed.reasoning
    if reasoning is None:
        return {}, {}
    if CLAUDE.search(typed.model):
        return _claude(typed, notes)
    if reasoning.effort is None and reasoning.budget is not None:
        notes.lost("thinking.budget_tokens", "the model takes no budget")
        return {}, {}
    off = reasoning.effort == "none" or reasoning.mode == "disabled"
    if NOVA_2.search(typed.model):
        effort = NOVA_EFFORTS.get(reasoning.effort or "medium", "medium")
        config = {"type": "disabled"} if off else {"type": "enabled", "maxReasoningEffort": effort}
        if not off and effort != reasoning.effort:
            notes.approximated("reasoning_effort", f"the nearest effort is {effort}")
        return {"reasoningConfig": config}, {}
    if STATES_EFFORT.search(typed.model) and reasoning.effort is not None:
        return {"reasoning_effort": reasoning.effort}, {}
    (notes.hint if off else notes.lost)("reasoning_effort", "the model takes no effort")
    return {}, {}


def _claude(typed: ChatRequest, notes: Notes) -> tuple[dict[str, Any], dict[str, Any]]:
    """As the Messages API says it: `thinking`, and the effort."""
    members: dict[str, Any] = {"model": typed.model} | ({} if typed.max_tokens else {"max_tokens": 0})
    said = MessagesNotes()
    effort = render_reasoning(with_adaptive_effort(replace(typed, extra={})), members, said)
    request = Request("chat", ANTHROPIC_MESSAGES, members | ({"output_config": effort} if effort else {}))
    for note in (*said.fidelity().notes, *review_thinking(request).notes):
        notes.approximated(note.field, note.detail)
    request = for_model(request)
    thinking = request.get("thinking")
    return {"thinking": thinking} if thinking else {}, dict(request.get("output_config") or {})
