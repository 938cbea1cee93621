"""The Responses API as the backend of a ChatGPT subscription speaks it: streamed, kept nowhere, with instructions."""

# As https://github.com/openai/codex asks it (codex-rs/codex-api); what it refuses is known from its error messages.

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from nova_core.types.chat import ChatRequest
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Reply, TypedRequest
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.drop_policy import is_default
from nova_core.wire.openai_responses import NAME as RESPONSES
from nova_core.wire.openai_responses import OpenAIResponses
from nova_core.wire.openai_responses.thoughts import MARK
from nova_plugin_chatgpt.gathered import gathered, is_stream

Body = dict[str, Any]
TAKEN: Final = frozenset(
    {
        "model", "input", "instructions", "stream", "include", "tools", "tool_choice", "parallel_tool_calls",
        "reasoning", "text", "prompt_cache_key", "service_tier", "client_metadata",
    }
)  # fmt: skip
"""The members that the vendor takes; it refuses a request with any other."""
HARMLESS: Final = frozenset(
    {
        "max_output_tokens", "metadata", "user", "store", "safety_identifier", "truncation", "max_tool_calls",
        "prompt_cache_retention", "prompt_cache_options", "prompt_cache_breakpoint", "stream_options",
    }
)  # fmt: skip
"""Members that are left out, and are not missed in the answer."""
TYPED: Final = {"max_output_tokens": "max_tokens"}
"""Names of members in the typed view, where they differ."""
KEPT_BY_THE_GATEWAY: Final = ("store", "metadata")
"""What callers of the Responses API say of the response that the gateway keeps for them."""
USUAL_TIERS: Final = ("auto", "default")
"""Tiers that the vendor refuses by name, and serves everybody in."""
INSTRUCTIONS: Final = "You are a helpful assistant."
"""Sent where the caller says nothing of the kind: the vendor refuses a request without."""
THOUGHTS: Final = "reasoning.encrypted_content"
LOGPROBS: Final = "message.output_text.logprobs"


class ChatgptResponses(OpenAIResponses):
    """No caller speaks it, so that the gateway keeps the conversations of its callers: the vendor keeps none."""

    name = "chatgpt_responses"

    def render_request(self, typed: TypedRequest) -> tuple[Body, Fidelity]:
        """Members for the vendor, and what became of each field."""
        assert isinstance(typed, ChatRequest)
        rendered, fidelity = super().render_request(typed)
        own = RESPONSES in typed.extra
        body, notes = {}, list(fidelity.notes)
        for name, value in rendered.items():
            if name in TAKEN:
                body[name] = value
            elif not (own and name in KEPT_BY_THE_GATEWAY):
                harmless = name in HARMLESS or is_default(name, value)
                notes.append(FieldNote(TYPED.get(name, name), Fate.HINT if harmless else Fate.LOST))
        if body.get("service_tier") in USUAL_TIERS:
            notes.append(FieldNote("service_tier", Fate.HINT))
            del body["service_tier"]
        notes += _settle_input(body)
        notes += _settle_include(body)
        return {**body, "store": False}, Fidelity(tuple(notes))

    def read_raw(self, response: UpstreamResponse) -> Reply | None:
        """The response that a stream tells. Raises what the stream ends with."""
        if not is_stream(response):
            return None
        members = gathered(response.body)
        self.check_reply(members)
        return Reply(self.operation, self, members)


def _settle_input(body: Body) -> Iterator[FieldNote]:
    """Instructions are there, no message is the system's, and items stand for themselves: the vendor keeps none."""
    items = []
    for place, item in enumerate(body["input"]):
        kind = item.get("type")
        if kind == "item_reference":
            yield FieldNote(f"input[{place}]", Fate.LOST, "the vendor keeps no items")
        elif kind != "reasoning" or _can_return(item):
            items.append({name: value for name, value in item.items() if name != "id"})
    if not body.get("instructions"):
        leading = _leading(items)
        body["instructions"] = "\n\n".join(map(_text, items[:leading])) or INSTRUCTIONS
        items = items[leading:]
    body["input"] = [{**item, "role": "developer"} if item.get("role") == "system" else item for item in items]


def _settle_include(body: Body) -> Iterator[FieldNote]:
    """Thoughts come encrypted, so that they can be sent back."""
    included = body.get("include") or []
    if LOGPROBS in included:
        yield FieldNote("logprobs", Fate.LOST, "the vendor gives no log probabilities")
    body["include"] = [*(each for each in included if each not in (LOGPROBS, THOUGHTS)), THOUGHTS]


def _leading(items: list[Body]) -> int:
    """How many messages at the beginning are instructions in plain text; none where nothing else would be left."""
    count = 0
    while count < len(items) and items[count].get("role") in ("system", "developer") and _text(items[count]):
        count += 1
    return count if count < len(items) else 0


def _text(item: Mapping[str, Any]) -> str:
    """The text of a message; empty where it holds anything else."""
    content = item.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    if not all(isinstance(part, Mapping) and part.get("type") == "input_text" for part in parts):
        return ""
    return "\n\n".join(part["text"] for part in parts)


def _can_return(item: Mapping[str, Any]) -> bool:
    """Whether a thought holds what the vendor reads again, and is the vendor's."""
    kept = item.get("encrypted_content")
    return isinstance(kept, str) and bool(kept) and not kept.startswith(MARK)
