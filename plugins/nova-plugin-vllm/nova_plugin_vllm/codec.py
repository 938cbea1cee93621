"""Requests and answers of the gateway in the words of vLLM's OpenAI API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS
from nova_core.wire.drop_policy import review
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_compatible import OPENAI_DIALECTS, OPENAI_PATHS, OpenAICompatible
from nova_core.wire.provider import Lane
from nova_core.wire.understood import HINTS
from nova_plugin_vllm.parameters import MEMBERS
from nova_plugin_vllm.plan import Plan

TOOL_MEMBERS = frozenset({"parallel_tool_calls", "tool_choice", "tools"})
NO_PARSER = "no `tool_call_parser` among its `engine_args`"
NO_REASONING = "no `reasoning_parser` among its `engine_args`"


class Codec(OpenAICompatible):
    """For the deployments of one engine."""

    key_required = False
    dialects: Mapping[Operation, Dialect] = {
        **OPENAI_DIALECTS,
        "rerank": JINA_RERANK,
        "count_tokens": ANTHROPIC_COUNT_TOKENS,
    }
    paths: Mapping[Operation, str] = {**OPENAI_PATHS, "count_tokens": "/messages/count_tokens"}

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The path: there is no server."""
        return f"/v1{self.paths[operation]}"

    def untouched(self, request: Request) -> bool:
        """Never: what vLLM does not know it would forget in silence."""
        return False

    def review(self, request: Request) -> Fidelity:
        """What vLLM does not read, and what this engine cannot tell apart."""
        known = MEMBERS.get(request.dialect.name)
        found = super().review(request)
        if known is None:
            return found
        unknown = request.members.keys() - known - HINTS - {"thinking"}
        return found + review(request.members, sorted(unknown), sorted(HINTS)) + Fidelity(tuple(self._unread(request)))

    def to_upstream(self, request: Request) -> Request:
        """Thinking as an argument of the chat template, under both names that models use, and as a budget."""
        request = super().to_upstream(request)
        thinking = request.get("thinking")
        if request.dialect.name != OPENAI_CHAT.name or not isinstance(thinking, Mapping):
            return request
        on = thinking.get("type") != "disabled"
        given = request.get("chat_template_kwargs")
        switches = {"thinking": on, "enable_thinking": on, **(given if isinstance(given, Mapping) else {})}
        budget = _budget(thinking) if self._plan.reasons else None
        said: dict[str, Any] = {} if budget is None else {"thinking_token_budget": budget}
        return request.without("thinking").with_members({"chat_template_kwargs": switches, **said})

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request, its model as the engine calls it."""
        name = self._plan.name_of(lane.deployment.model)
        return super().outgoing(lane, request.with_members({"model": name}), headers, streamed)

    def _unread(self, request: Request) -> Iterator[FieldNote]:
        if request.dialect.name != OPENAI_CHAT.name:
            return
        given = sorted(TOOL_MEMBERS & request.members.keys())
        if not request.get("tools"):
            yield from (FieldNote(name, Fate.HINT, "there are no tools") for name in given)
        elif not self._plan.calls_tools and request.get("tool_choice") != "none":
            yield from (FieldNote(name, Fate.LOST, NO_PARSER) for name in given)
        if not self._plan.reasons and _budget(request.get("thinking")) is not None:
            yield FieldNote("thinking.budget_tokens", Fate.HINT, NO_REASONING)


def _budget(thinking: Any) -> int | None:
    """Tokens, where thinking is given any."""
    if not isinstance(thinking, Mapping) or thinking.get("type") == "disabled":
        return None
    budget = thinking.get("budget_tokens")
    return budget if isinstance(budget, int) else None
