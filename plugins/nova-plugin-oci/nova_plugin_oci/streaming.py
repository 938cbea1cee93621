"""Events of both formats as chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nova_core.wire.enveloped import Body, chunk, failure
from nova_plugin_oci import cohere, generic


class Opener:
    """Chunks of one stream. Events of the GENERIC format hold a `message`, those of the COHERE format a `text`."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._calls: dict[int, list[str]] = {}

    def chunks(self, data: Any, event: str | None) -> Iterable[Body]:
        """The chunks of one event."""
        if "code" in data and "message" in data and not isinstance(data["message"], Mapping):
            return [failure(data["message"], data["code"])]
        return self._cohere(data) if data.get("apiFormat") == "COHERE" or "text" in data else self._generic(data)

    def end(self) -> Iterable[Body]:
        """Nothing is held back."""
        return ()

    def _generic(self, data: Mapping[str, Any]) -> Iterator[Body]:
        message, index = data.get("message") or {}, data.get("index") or 0
        delta = {name: value for name, value in generic.said_in(message).items() if value is not None}
        if calls := [self._call(call, index) for call in message.get("toolCalls") or ()]:
            delta["tool_calls"] = calls
        finish = generic.finish_of(data.get("finishReason"))
        if delta or finish:
            made = chunk(delta, finish)
            made["choices"][0]["index"] = index
            yield made
        if (usage := generic.usage_in(data)) is not None:
            yield {"object": "chat.completion.chunk", "choices": [], "usage": usage}

    def _call(self, call: Mapping[str, Any], choice: int) -> Body:
        """A piece of a call: one with a new id begins it, others go on with the last."""
        begun = self._calls.setdefault(choice, [])
        call_id = call.get("id")
        if call_id and call_id not in begun:
            begun.append(call_id)
            return {"index": len(begun) - 1, **generic.call_of(call)}
        place = begun.index(call_id) if call_id else max(0, len(begun) - 1)
        return {"index": place, "function": {"arguments": call.get("arguments") or ""}}

    def _cohere(self, data: Mapping[str, Any]) -> Iterator[Body]:
        # The last event repeats the whole text.
        if not data.get("finishReason"):
            if data.get("text"):
                yield chunk({"content": data["text"]})
            return
        calls = [{"index": place, **call} for place, call in enumerate(cohere.calls_of(data, self._seed))]
        yield chunk({"tool_calls": calls} if calls else {}, cohere.finish_of(data))
        if (usage := generic.usage_in(data)) is not None:
            yield {"object": "chat.completion.chunk", "choices": [], "usage": usage}
