"""The Responses API as an agent speaks it, for callers of other APIs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from nova_core.types.chat import ChatRequest
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import TypedRequest
from nova_core.wire.openai_responses import OpenAIResponses
from nova_plugin_manus.parameters import OWN, TAKEN, left_out
from nova_plugin_manus.words import is_retold

TYPED: Final[Mapping[str, str]] = {
    "max_output_tokens": "max_tokens",
    "text.format": "response_format",
    "text.verbosity": "verbosity",
    "reasoning": "reasoning_effort",
    "include": "logprobs",
}
"""Names in the typed view, where they differ."""


class ManusResponses(OpenAIResponses):
    """Notes say the names of the typed view, so that each caller reads its own."""

    name = "manus_responses"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for the vendor, its own ones as they were given, and what became of each field."""
        assert isinstance(typed, ChatRequest)
        own = {name: value for members in typed.extra.values() for name, value in members.items() if name in OWN}
        extra = {
            dialect: {name: value for name, value in members.items() if name not in OWN}
            for dialect, members in typed.extra.items()
        }
        body, fidelity = super().render_request(replace(typed, extra=extra))
        notes = [*fidelity.notes, *(replace(each, field=TYPED.get(each.field, each.field)) for each in left_out(body))]
        if is_retold(body):
            notes.append(FieldNote("messages", Fate.APPROXIMATED, "told as one transcript"))
        return {**{name: body[name] for name in body if name in TAKEN}, **own}, Fidelity(tuple(notes))
