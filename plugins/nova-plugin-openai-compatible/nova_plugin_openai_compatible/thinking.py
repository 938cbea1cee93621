"""How vendors are asked to think: `thinking` and `reasoning_effort` of a request in each vendor's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from nova_core.types.chat import ChatRequest, Effort, Message, Part, Thinking
from nova_core.types.message import Request
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_plugin_openai_compatible.row import Efforts
from nova_plugin_openai_compatible.row import Thinking as Way

IN_ORDER: tuple[str, ...] = get_args(Effort)
PROMPTED = "magistral"
SWITCHED = re.compile(r"mistral-(small|medium)")
"""Models that think or do not: they know the efforts `high` and `none` alone."""
EFFORTS: Mapping[str, str] = {"minimal": "low", "xhigh": "high", "max": "high"}
SWITCHING: Mapping[str, str] = {"minimal": "none", "low": "high", "medium": "high", "xhigh": "high", "max": "high"}
"""Efforts that models have not, and the nearest that they have (Mistral, "Reasoning")."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks: `switched` says that `thinking` was given, not an effort alone."""

    on: bool
    effort: Any = None
    budget: int | None = None
    switched: bool = False


def wish_of(request: Request) -> Wish | None:
    """What the request asks for; None if nothing."""
    thinking, effort = request.get("thinking"), request.get("reasoning_effort")
    if isinstance(thinking, Mapping):
        budget = thinking.get("budget_tokens")
        return Wish(
            thinking.get("type") != "disabled", effort, budget if isinstance(budget, int) else None, switched=True
        )
    return None if effort is None else Wish(effort != "none", effort)


def in_words_of(way: Way, request: Request) -> Request:
    """The request asking in this way; as it came when it asks for nothing."""
    if not way or (wish := wish_of(request)) is None:
        return request
    changes = WAYS[way](wish, request)
    removed = [name for name, value in changes.items() if value is None and name in request.members]
    said = {name: value for name, value in changes.items() if value is not None}
    return request.without(*removed).with_members(said) if removed or said else request


def with_own_thoughts(typed: ChatRequest) -> ChatRequest:
    """The request with thoughts that nobody signed, as vendors of this wire answer them, marked to be said in it."""
    return replace(typed, messages=tuple(_with_own_thoughts(message) for message in typed.messages))


def _with_own_thoughts(message: Message) -> Message:
    if not any(isinstance(part, Thinking) for part in message.parts):
        return message
    return replace(message, parts=tuple(map(_marked, message.parts)))


def _marked(part: Part) -> Part:
    if not isinstance(part, Thinking) or part.signature or not part.text:
        return part
    return replace(part, extra={**part.extra, OPENAI_CHAT.name: {}})


def loses_budget(way: Way, request: Request) -> bool:
    """Whether a budget of tokens is asked for and this way has no word for it."""
    if way not in ("type", "adaptive", "switch", "template", "prompt"):
        return False
    wish = wish_of(request)
    return wish is not None and wish.budget is not None


def known_effort(rows: tuple[Efforts, ...], request: Request) -> str | None:
    """The nearest of the efforts that the model takes; None where the one asked for is among them, or none is asked."""
    asked = request.get("reasoning_effort")
    known = next((row.known for row in rows if row.models.search(request.model)), ())
    if not isinstance(asked, str) or asked in known or asked not in IN_ORDER or not known:
        return None
    if asked == "none":
        return known[0]
    place = IN_ORDER.index(asked)
    thinking = [effort for effort in known if effort != "none"]
    return min(thinking, key=lambda effort: abs(IN_ORDER.index(effort) - place) if effort in IN_ORDER else 0)


def other_effort(way: Way, request: Request) -> str | None:
    """The effort that is sent in place of the one asked for; None where it is the same, or none is sent."""
    asked = request.get("reasoning_effort")
    if way != "prompt" or PROMPTED in request.model or (said := _nearest(asked, request.model)) == asked:
        return None
    return str(said)


def _by_type(wish: Wish, request: Request) -> dict[str, Any]:
    """`{"type": "enabled" | "disabled"}` (DeepSeek, "Thinking Mode"; Z.ai, "Thinking Mode"; Volcengine Ark)."""
    return {"thinking": {"type": "enabled" if wish.on else "disabled"}} | (
        {} if wish.on else {"reasoning_effort": None}
    )


def _by_adaptive_type(wish: Wish, request: Request) -> dict[str, Any]:
    """`{"type": "adaptive" | "disabled"}` and no effort (MiniMax, "OpenAI API compatible")."""
    return {"thinking": {"type": "adaptive" if wish.on else "disabled"}, "reasoning_effort": None}


def _by_switch(wish: Wish, request: Request) -> dict[str, Any]:
    """By type, except that an effort alone goes as it is (Moonshot: models have the one or the other)."""
    return {} if wish.on and not wish.switched else _by_type(wish, request)


def _by_flag(wish: Wish, request: Request) -> dict[str, Any]:
    """`enable_thinking` and `thinking_budget` (Alibaba Model Studio, "Deep thinking")."""
    budget = {"thinking_budget": wish.budget} if wish.on and wish.budget is not None else {}
    effort = {} if wish.on else {"reasoning_effort": None}
    return {"thinking": None, "enable_thinking": wish.on, **budget, **effort}


def _by_template(wish: Wish, request: Request) -> dict[str, Any]:
    """Arguments of the chat template, under both names that models use (vLLM, "Reasoning Outputs")."""
    if not wish.switched:
        return {}
    given = request.get("chat_template_kwargs")
    switches = {"thinking": wish.on, "enable_thinking": wish.on}
    return {"thinking": None, "chat_template_kwargs": {**switches, **(given if isinstance(given, dict) else {})}}


def _by_reasoning(wish: Wish, request: Request) -> dict[str, Any]:
    """A `reasoning` object with one of enabled, max_tokens and effort (OpenRouter, "Reasoning Tokens")."""
    if not wish.switched:
        return {}
    if not wish.on:
        reasoning: dict[str, Any] = {"enabled": False}
    elif wish.budget is not None:
        reasoning = {"max_tokens": wish.budget}
    else:
        reasoning = {"enabled": True} if wish.effort is None else {"effort": wish.effort}
    said = {} if request.get("reasoning") is not None else {"reasoning": reasoning}
    return {"thinking": None, "reasoning_effort": None, **said}


def _by_prompt(wish: Wish, request: Request) -> dict[str, Any]:
    """An effort, or with models that always think their prompt for it (Mistral, "Reasoning")."""
    if PROMPTED in request.model:
        return {"thinking": None, "reasoning_effort": None, "prompt_mode": "reasoning" if wish.on else None}
    effort = (wish.effort or "high") if wish.on else "none"
    return {"thinking": None, "reasoning_effort": _nearest(effort, request.model)}


def _nearest(effort: Any, model: str) -> Any:
    known = SWITCHING if SWITCHED.search(model) else EFFORTS
    return known.get(effort, effort) if isinstance(effort, str) else effort


WAYS: Mapping[Way, Callable[[Wish, Request], dict[str, Any]]] = {
    "type": _by_type,
    "adaptive": _by_adaptive_type,
    "switch": _by_switch,
    "flag": _by_flag,
    "template": _by_template,
    "reasoning": _by_reasoning,
    "prompt": _by_prompt,
}
