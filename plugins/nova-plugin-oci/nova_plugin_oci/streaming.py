"""Events of all formats as chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nova_core.wire.enveloped import Body, chunk, failure
from nova_plugin_oci import cohere, cohere_v2, generic


class Opener:
    """Chunks of one stream. Events say their format, or hold a `message` in GENERIC and a `text` in COHERE."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._said = False
        self._calls: dict[int, list[str]] = {}

    def chunks(self, data: Any, event: str | None) -> Iterable[Body]:
        """The chunks of one event."""
        if "code" in data and "message" in data and not isinstance(data["message"], Mapping):
            return [failure(data["message"], data["code"])]
        if data.get("apiFormat") == cohere_v2.FORMAT:
            return self._cohere_v2(data)
        return self._cohere(data) if data.get("apiFormat") == "COHERE" or "text" in data else self._generic(data)

    def end(self) -> Iterable[Body]:
        """Nothing is held back."""
        return ()

    def _generic(self, data: Mapping[str, Any]) -> Iterator[Body]:
        message, index = data.get("message") or {}, data.get("index") or 0
        delta = {name: value for name, value in generic.said_in(message).items() if value is not None}
        if calls := [self._call(generic.call_of(call), index) for call in message.get("toolCalls") or ()]:
            delta["tool_calls"] = calls
        finish = generic.finish_of(data.get("finishReason"))
        if delta or finish:
            made = chunk(delta, finish)
            made["choices"][0]["index"] = index
            yield made
        if (usage := generic.usage_in(data)) is not None:
            yield {"object": "chat.completion.chunk", "choices": [], "usage": usage}

    def _call(self, call: Body, choice: int) -> Body:
        """A piece of a call, in OpenAI's words: one with a new id begins it, others go on with the last."""
        begun = self._calls.setdefault(choice, [])
        call_id = call["id"]
        if call_id and call_id not in begun:
            begun.append(call_id)
            return {"index": len(begun) - 1, **call}
        place = begun.index(call_id) if call_id else max(0, len(begun) - 1)
        return {"index": place, "function": {"arguments": call["function"]["arguments"]}}

    def _cohere_v2(self, data: Mapping[str, Any]) -> Iterator[Body]:
        message, finish = data.get("message") or {}, cohere_v2.finish_of(data)
        calls = [cohere_v2.call_of(call) for call in message.get("toolCalls") or ()]
        delta = {name: value for name, value in cohere_v2.said_in(message).items() if value is not None}
        if finish and self._said:
            # The last event may tell again what all the others told.
            delta, calls = {}, [call for call in calls if call["id"] not in self._calls.get(0, ())]
        self._said = self._said or bool(delta)
        if calls:
            delta["tool_calls"] = [self._call(call, 0) for call in calls]
        if finish == "stop" and self._calls.get(0):
            finish = "tool_calls"
        if delta or finish:
            yield chunk(delta, finish)
        if (usage := generic.usage_in(data)) is not None:
            yield {"object": "chat.completion.chunk", "choices": [], "usage": usage}

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
