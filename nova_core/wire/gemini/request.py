"""Requests of generateContent: the required fields, and the typed view."""

# https://ai.google.dev/api/generate-content

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nova_core.types.chat import ChatRequest
from nova_core.types.message import Members
from nova_core.wire.gemini.config import CONFIG, parse_config
from nova_core.wire.gemini.contents import turns_of
from nova_core.wire.gemini.fields import NAME, fields_of, member
from nova_core.wire.gemini.tools import parse_choice, parse_tools
from nova_core.wire.openai_chat.fields import bad_field, starts_with
from nova_core.wire.openai_chat.request import check_model

TIERS: Final[Mapping[str, str]] = {"standard": "default", "unspecified": "auto"}
"""Words for service tiers that are not the same in OpenAI's API; capitals do not matter."""


def check(members: Members) -> None:
    """`model`, which the path names, and a non-empty `contents`. Raises BadRequestError naming `param`."""
    check_model(members)
    contents = member(members, "contents")
    if contents is None or not starts_with(contents, b"["):
        raise bad_field("contents", "is required: an array of contents, each with `role` and `parts`")
    if (bytes(contents).strip()[1:-1].strip() if isinstance(contents, msgspec.Raw) else contents) in (b"", []):
        raise bad_field("contents", "must contain at least one content")


def parse(members: Mapping[str, Any]) -> ChatRequest:
    """The typed view. Its `extra` always has this dialect's key, empty or not, which says where it came from.

    Parameters of OpenAI's API that this one lacks (a deployment's defaults) are read under their own names.
    """
    fields = fields_of(members, "")
    model = fields.required_text("model").removeprefix("models/")
    messages = tuple(turn.message() for turn in turns_of(fields))
    tools = parse_tools(fields)
    choice, left_of_choice = parse_choice(fields)
    config = parse_config(fields.take(CONFIG))
    left = config.pop("left") | left_of_choice
    tier = fields.text("serviceTier")
    return ChatRequest(
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=choice,
        service_tier=TIERS.get(tier.lower(), tier.lower()) if tier else None,
        store=fields.boolean("store"),
        stream=fields.boolean("stream") or False,
        parallel_tool_calls=fields.boolean("parallelToolCalls"),
        user=fields.text("user"),
        logit_bias=fields.members("logitBias"),
        verbosity=fields.text("verbosity"),
        prompt_cache_key=fields.text("promptCacheKey"),
        metadata=fields.members("metadata"),
        **config,
        extra={NAME: fields.left() | left},
    )
