"""GigaChat's replies and chunks in OpenAI's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from nova_core.wire.enveloped import Body, call_id, failure, usage_of

FINISHES: Mapping[str, str] = {"function_call": "tool_calls", "blacklist": "content_filter"}
"""Why an answer ended, where the word is another one; `blacklist` is an answer on a forbidden subject."""
OWN = ("function_call", "functions_state_id")


def opened(answer: Mapping[str, Any], seed: str) -> Body:
    """A whole reply or a chunk; ids that are not given are made of `seed`."""
    if "choices" not in answer:
        return failure(answer.get("message"), answer.get("code") or answer.get("status"))
    said: Body = {**answer, "id": answer.get("id") or f"chatcmpl-{seed}"}
    said["choices"] = [_choice(choice, seed) for choice in answer["choices"]]
    if isinstance(usage := said.pop("usage", None), Mapping):
        given, made = usage.get("prompt_tokens"), usage.get("completion_tokens")
        counted = usage_of(given, made, cached=usage.get("precached_prompt_tokens"))
        said |= {"usage": counted} if counted else {}
    return said


class Opener:
    """Chunks of one stream; a call comes in one piece."""

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def chunks(self, data: Any, event: str | None) -> Iterable[Body]:
        """The chunk."""
        yield opened(data, self._seed)

    def end(self) -> Iterable[Body]:
        """Nothing is held back."""
        return ()


def with_usage(reply: Mapping[str, Any]) -> Body | None:
    """The usage of an embeddings reply, which states it for each vector."""
    counts = [(item.get("usage") or {}).get("prompt_tokens") for item in reply.get("data") or ()]
    if not counts or not all(isinstance(count, int) for count in counts):
        return None
    return {"prompt_tokens": sum(counts), "total_tokens": sum(counts)}


def _choice(choice: Mapping[str, Any], seed: str) -> Body:
    part = "delta" if "delta" in choice else "message"
    said = choice.get(part) or {}
    finish = choice.get("finish_reason")
    spoken = {name: value for name, value in said.items() if name not in OWN}
    if (call := said.get("function_call")) is not None:
        state = said.get("functions_state_id") or call_id(seed, choice.get("index") or 0)
        arguments = call.get("arguments")
        text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode()
        function = {"name": call["name"], "arguments": text}
        index = {"index": 0} if part == "delta" else {}
        spoken["tool_calls"] = [{**index, "id": state, "type": "function", "function": function}]
    return {**choice, part: spoken, "finish_reason": FINISHES.get(finish, finish) if finish else None}
