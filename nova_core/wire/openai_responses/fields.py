"""The dialect's name, its ids, and what its own fields are worth where they cannot be said."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final
from uuid import uuid4

from nova_core.types.chat import Extra
from nova_core.types.fidelity import Fate, FieldNote
from nova_core.wire.openai_chat.fields import NAME as CHAT

NAME: Final = "openai_responses"
"""The dialect's name, which keys its extras."""
ITEM: Final = "item"
"""The extra on the first part of an assistant's message: `id`, `status` and `phase` of the item it began."""
REASONING_ITEM: Final = "reasoning_item"
"""The extra that keeps a vendor's own reasoning item whole."""
INSTRUCTIONS: Final = "instructions"
"""The extra on the message that `instructions` became."""

# Places and states of items, and what the gateway does itself for every provider: it keeps responses with
# their metadata, and includes what it has.
SETTLED: Final = frozenset(
    {"id", "status", "phase", "store", "metadata", "include", "created_by", ITEM, REASONING_ITEM, INSTRUCTIONS}
)
HINTS: Final = frozenset(
    {
        "truncation", "safety_identifier", "prompt_cache_retention", "prompt_cache_options",
        "prompt_cache_breakpoint", "stream_options", "max_tool_calls", "generate_summary", "detail", "namespace",
        "async", "defer_loading", "allowed_callers", "output_schema", "caller", "parsed", "parsed_arguments",
        "client_metadata",
    }
)  # fmt: skip
"""Fields that do not change the answer's meaning."""
LAST: Final = re.compile(r"([^.\[\]]+)(?:\[\d+\])*$")


SHARED: Final = frozenset(
    {"safety_identifier", "prompt_cache_retention", "prompt_cache_options", "prompt_cache_breakpoint", "moderation"}
)
"""Members that chat completions have too, in the same words."""


def adopted(extra: Extra) -> Extra:
    """Extras with those members of chat completions that this API shares as its own."""
    foreign = extra.get(CHAT)
    if not foreign or SHARED.isdisjoint(foreign):
        return extra
    shared = {name: value for name, value in foreign.items() if name in SHARED}
    left = {name: value for name, value in foreign.items() if name not in SHARED}
    return {**extra, CHAT: left, NAME: {**shared, **extra.get(NAME, {})}}


def judged(note: FieldNote) -> FieldNote | None:
    """A note on a field as it counts: a loss that is only a hint becomes one, what needs no mention is None."""
    found = LAST.search(note.field)
    name = found[1] if found else note.field
    if name in SETTLED and note.fate in (Fate.LOST, Fate.HINT):
        return None
    if name in HINTS and note.fate is Fate.LOST:
        return replace(note, fate=Fate.HINT)
    return note


def new_id(prefix: str) -> str:
    """A new id: `resp_…` for a response, `msg_…`, `fc_…`, `ctc_…` and `rs_…` for its items."""
    return f"{prefix}_{uuid4().hex}"
