"""What a row of the table of vendors can say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nova_core.types.message import Operation

MAX_TOKENS: Mapping[str, str] = {"max_completion_tokens": "max_tokens"}


@dataclass(frozen=True, slots=True)
class Gate:
    """Members that the models matching `models` refuse."""

    models: re.Pattern[str]
    members: frozenset[str]


@dataclass(frozen=True, slots=True)
class Messages:
    """What a vendor takes in messages. `flat_text` joins lists of text parts into one string.

    `drop` members are left out of every message (of all but the roles in `keep_in`), tool calls keep only their
    `call_members`, `drop_empty` leaves out assistant turns that say nothing, and `blank_reasoning`
    fills in the `reasoning_content` of assistant turns that lost it (for models matching it, or when thinking
    is asked for).
    """

    flat_text: bool = False
    drop: frozenset[str] = frozenset()
    keep_in: frozenset[str] = frozenset()
    call_members: frozenset[str] | None = None
    drop_empty: bool = False
    blank_reasoning: re.Pattern[str] | None = None


PLAIN_MESSAGES = Messages()


@dataclass(frozen=True, slots=True)
class Vendor:
    """One OpenAI-compatible vendor: where it is, and what it takes differently.

    Where: `base_url` None means that the operator must say; `base_suffix` is added to a base that lacks it;
    `env_headers` are headers whose value is an environment variable; `model_prefix` is put before chat models
    without a slash.

    Refused: `unsupported` members (or dropped where the operator allows it), `gates` by model. Always dropped:
    `hints`; the second of an `exclusive` pair if both are given; `schema_drop` keys of tools and their schemas.

    Said differently: `renames` are members under another name (the new name wins if both are given), `values`
    replaces values of members, `narrows_named_tool` is the `tool_choice` sent for a named one, with that tool
    alone. `thinking_by_type`: thinking is switched on and off, without a budget. `repairs_finish`: an empty
    finish reason beside tool calls is mended in replies; `splits_content`: replies with content in parts get text
    and `reasoning_content`.
    """

    name: str
    base_url: str | None = None
    api_key_env: tuple[str, ...] = ()
    api_base_env: tuple[str, ...] = ()
    key_required: bool = True
    operations: tuple[Operation, ...] = ("chat",)
    base_suffix: str = ""
    env_headers: Mapping[str, str] = field(default_factory=dict)
    model_prefix: str = ""
    keeps_cache_control: bool = False
    renames: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    narrows_named_tool: str | None = None
    exclusive: tuple[tuple[str, str], ...] = ()
    thinking_by_type: bool = False
    unsupported: frozenset[str] = frozenset()
    hints: frozenset[str] = frozenset()
    gates: tuple[Gate, ...] = ()
    schema_drop: frozenset[str] = frozenset()
    messages: Messages = PLAIN_MESSAGES
    repairs_finish: bool = False
    splits_content: bool = False
