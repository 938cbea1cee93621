"""The state that a graph ends with, and its events, in OpenAI's words."""

# https://docs.langchain.com/langsmith/streaming and the Agent Server's OpenAPI document, "Stateless Runs"

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from nova_core.wire.enveloped import Body, chunk, failure, reply, usage_of

ANSWERS = ("ai", "AIMessageChunk", "AIMessage")
"""Types of messages that a model wrote."""
FINISHES: Mapping[str, str] = {"max_tokens": "length", "length": "length", "content_filter": "content_filter"}


def opened(state: Mapping[str, Any]) -> Body:
    """The last message of the state as a reply."""
    if isinstance(wrong := state.get("__error__"), Mapping):
        return failure(wrong.get("message") or wrong.get("error"))
    last = state["messages"][-1]
    if last.get("type") not in ANSWERS:
        return failure("the graph ended without an answer")
    calls = [_call(call) for call in last.get("tool_calls") or ()]
    said = {"content": text_in(last) or None, **({"tool_calls": calls} if calls else {})}
    return reply(said, finish_of(last), usage_in(state), **({"id": last["id"]} if last.get("id") else {}))


def text_in(message: Mapping[str, Any]) -> str:
    """The text of a message."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part if isinstance(part, str) else part.get("text") or "" for part in content)


def finish_of(message: Mapping[str, Any]) -> str:
    """Why the answer ended, in OpenAI's words."""
    if message.get("tool_calls"):
        return "tool_calls"
    told = message.get("response_metadata") or {}
    return FINISHES.get(str(told.get("finish_reason") or told.get("stop_reason")), "stop")


def usage_in(state: Mapping[str, Any]) -> Body | None:
    """What all models used since the caller spoke last; None where one did not say."""
    answers: list[Mapping[str, Any]] = []
    for message in state["messages"]:
        if message.get("type") in ("human", "HumanMessage"):
            answers = []
        elif message.get("type") in ANSWERS:
            answers.append(message.get("usage_metadata") or {})
    counts = [(each.get("input_tokens"), each.get("output_tokens")) for each in answers]
    if not counts or not all(isinstance(given, int) and isinstance(made, int) for given, made in counts):
        return None
    return usage_of(sum(given for given, _ in counts), sum(made for _, made in counts))


class Opener:
    """Chunks of one stream: what models say as they say it, and in the end what the state is.

    The answer is complete when the last event is a state whose last message is one of a model.
    """

    def __init__(self) -> None:
        self._state: Mapping[str, Any] | None = None
        self._spoken: set[Any] = set()
        self._ended = False

    def chunks(self, data: Any, event: str | None) -> Iterable[Body]:
        """The chunks of one event."""
        if event == "error":
            return [failure(data.get("message") or data.get("error"))]
        if event == "values":
            self._state = data
        elif event is not None and event.startswith("messages"):
            self._state = None
            return self._said(data[0])
        elif event == "end":
            return self.end()
        return ()

    def end(self) -> Iterator[Body]:
        """The finish, where the state says that there is an answer."""
        if self._ended or self._state is None or not self._state.get("messages"):
            return
        last = self._state["messages"][-1]
        if last.get("type") not in ANSWERS:
            return
        self._ended = True
        if not self._spoken and (text := text_in(last)):
            yield chunk({"content": text})
        if calls := [{"index": place, **_call(call)} for place, call in enumerate(last.get("tool_calls") or ())]:
            yield chunk({"tool_calls": calls})
        yield chunk({}, finish_of(last), usage_in(self._state))

    def _said(self, message: Mapping[str, Any]) -> Iterator[Body]:
        if message.get("type") not in ANSWERS:
            return
        # Models that do not stream are heard once, and those that do once more as a whole.
        whole = message["type"] != "AIMessageChunk"
        if whole and message.get("id") in self._spoken:
            return
        if text := text_in(message):
            self._spoken.add(message.get("id"))
            yield chunk({"content": text})


def _call(call: Mapping[str, Any]) -> Body:
    arguments = msgspec.json.encode(call.get("args") or {}).decode()
    return {"id": call.get("id"), "type": "function", "function": {"name": call["name"], "arguments": arguments}}
