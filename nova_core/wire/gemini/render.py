"""A typed chat request into the members of a generateContent request, and what became of each field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.types.chat import ChatRequest
from nova_core.types.fidelity import Fidelity
from nova_core.wire.gemini.config import CONFIG, PASSED, render_config, voice_config
from nova_core.wire.gemini.fields import NAME, camel, native
from nova_core.wire.gemini.notes import Notes
from nova_core.wire.gemini.tools import render_choice, render_tools
from nova_core.wire.gemini.turns import render_turns

TIERS: Final[Mapping[str, str]] = {
    "default": "standard", "standard": "standard", "standard_only": "standard", "flex": "flex", "priority": "priority",
}  # fmt: skip
OWN_WORDS: Final = ("safetySettings", "cachedContent", "labels", *PASSED)
"""Fields of this API that callers and operators may send beside those of another dialect."""


def render(typed: ChatRequest) -> tuple[dict[str, Any], Fidelity]:
    """The members and the report. Paths in the report are those of an OpenAI request, the usual caller's.

    `model` and `stream` are members too: who sends the request puts them into its URL. Raises BadRequestError for
    tool call arguments that are not a JSON object.
    """
    notes = Notes(own=NAME in typed.extra)
    system, contents = render_turns(typed, notes)
    members: dict[str, Any] = {"model": typed.model, "contents": contents}
    if system:
        members["systemInstruction"] = {"parts": system}
    if tools := render_tools(typed, notes):
        members["tools"] = tools
    if choice := render_choice(typed, notes):
        members["toolConfig"] = choice
    config = render_config(typed, notes)
    _others_words(typed, members, config, notes)
    if config:
        members[CONFIG] = config
    if typed.stream:
        members["stream"] = True
    _who_and_how(typed, members, notes)
    for path, value in native(typed.extra).items():
        _put(members, path.split("."), value)
    return members, notes.fidelity()


def _put(members: dict[str, Any], steps: list[str], value: Any) -> None:
    """Put an extra field back where it stood; what is rendered already counts more."""
    *outer, last = steps
    for name in outer:
        members = members.setdefault(name, {})
    if isinstance(value, Mapping) and isinstance(members.get(last), Mapping):
        members[last] = {**value, **members[last]}
    else:
        members.setdefault(last, value)


def _others_words(typed: ChatRequest, members: dict[str, Any], config: dict[str, Any], notes: Notes) -> None:
    """Extras of other dialects: this API's own fields are sent, the rest is noted."""
    left: dict[str, dict[str, Any]] = {}
    for dialect, fields in typed.extra.items():
        for name, value in fields.items() if dialect != NAME else ():
            said = camel(name)
            if said in OWN_WORDS:
                (config if said in PASSED else members)[said] = value
            elif name == "audio":
                config |= voice_config(value, notes)
            elif name != "web_search_options":
                left.setdefault(dialect, {})[name] = value
    notes.foreign(left)


def _who_and_how(typed: ChatRequest, members: dict[str, Any], notes: Notes) -> None:
    if typed.service_tier is not None:
        if tier := TIERS.get(typed.service_tier):
            members["serviceTier"] = tier
        else:
            notes.hint("service_tier", "the vendor has no such tier")
    if typed.store is not None and notes.own:
        members["store"] = typed.store
    elif typed.store is not None:
        notes.hint("store")
    if typed.include_usage is not None:
        notes.mapped("stream_options.include_usage", "usage is always streamed")
    if typed.logit_bias is not None:
        (notes.lost if typed.logit_bias else notes.hint)("logit_bias")
    for name in ("user", "metadata", "prompt_cache_key", "verbosity"):
        if getattr(typed, name) is not None:
            notes.hint(name)
    notes.unmarked(typed.cache)
