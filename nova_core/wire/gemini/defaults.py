"""A deployment's call defaults, in OpenAI's names or this dialect's, added to a generateContent request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.types.message import Members, decoded
from nova_core.wire.gemini.config import CONFIG, NUMBERS, WHOLE
from nova_core.wire.gemini.fields import camel, member
from nova_core.wire.gemini.render import render
from nova_core.wire.openai_chat.request import parse_request

IN_CONFIG: Final[Mapping[str, str]] = {
    **NUMBERS, **WHOLE, "max_completion_tokens": "maxOutputTokens", "stop": "stopSequences",
}  # fmt: skip
SPOKEN_ALIKE: Final = ("reasoning_effort", "thinking", "response_format", "modalities", "tool_choice")
"""Defaults of OpenAI's API that take more than another name."""

OWN: Final = frozenset({"safety_settings", "cached_content", "service_tier"})
MESSAGE: Final = {"role": "user", "content": ""}
TOOL: Final = {"type": "function", "function": {"name": "any"}}


def add(members: Members, defaults: Mapping[str, Any]) -> Members:
    """The members with each default whose field the caller left out.

    A name that neither API knows goes as it is: it is the upstream's business.
    """
    stated = {name: value for name, value in defaults.items() if value is not None}
    if not stated:
        return members
    added = dict(members)
    config: dict[str, Any] = {}
    for name, value in stated.items():
        if name in IN_CONFIG:
            config[IN_CONFIG[name]] = [value] if name == "stop" and isinstance(value, str) else value
        elif name not in SPOKEN_ALIKE and camel(name) != CONFIG and member(members, camel(name)) is None:
            added[camel(name) if name in OWN else name] = value
    said = _spoken({name: stated[name] for name in SPOKEN_ALIKE if name in stated}, members)
    config |= said.get(CONFIG, {}) | dict(stated.get(CONFIG) or stated.get("generation_config") or {})
    if "toolConfig" in said and member(members, "toolConfig") is None and member(members, "tools") is not None:
        added["toolConfig"] = said["toolConfig"]
    if config:
        key = next((name for name in members if camel(name) == CONFIG), CONFIG)
        given = {camel(name): value for name, value in (decoded(members.get(key)) or {}).items()}
        added[key] = _beside(config, given)
    return added


def _beside(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's configuration with what it leaves open; a schema of one kind excludes the other."""
    schemas = {"responseSchema", "responseJsonSchema"}
    left_out = schemas if schemas & given.keys() else set()
    return {**{name: value for name, value in config.items() if name not in left_out}, **given}


def _spoken(defaults: Mapping[str, Any], members: Members) -> dict[str, Any]:
    """Defaults of OpenAI's API in this one's words."""
    if not defaults:
        return {}
    model = str(decoded(members.get("model")) or "")
    return render(parse_request({"model": model, "messages": [MESSAGE], "tools": [TOOL], **defaults}))[0]
