"""What a flow puts out, whole and as events, in OpenAI's words."""

# https://docs.langflow.org/api-flows-run

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nova_core.wire.enveloped import Body, chunk, failure, reply, usage_of


def opened(answer: Mapping[str, Any]) -> Body:
    """The message of the flow's output as a reply."""
    if "outputs" not in answer:
        return failure(answer.get("detail"))
    message = message_in(answer)
    if message is None:
        return failure("the flow has no output that is a message")
    return reply({"content": text_of(message)}, "stop", usage_in(message))


def message_in(answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The last message among the outputs."""
    outputs = [output for run in answer.get("outputs") or () for output in run.get("outputs") or () if output]
    for output in reversed(outputs):
        for found in (output.get("results") or {}).values():
            if isinstance(found, Mapping) and (isinstance(found.get("text"), str) or "data" in found):
                return found
        if output.get("messages"):
            last: Mapping[str, Any] = output["messages"][-1]
            return last
    return None


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message."""
    data = message.get("data")
    text = message.get("text") or message.get("message") or (data.get("text") if isinstance(data, Mapping) else None)
    return text if isinstance(text, str) else ""


def usage_in(message: Mapping[str, Any]) -> Body | None:
    """What the flow's models used, where newer servers say it."""
    data = message.get("data")
    told = (message.get("properties") or (data.get("properties") if isinstance(data, Mapping) else None)) or {}
    usage = told.get("usage") or {}
    return usage_of(usage.get("input_tokens"), usage.get("output_tokens"))


class Opener:
    """Chunks of one stream: tokens as they come, and the outputs in the end."""

    def __init__(self) -> None:
        self._spoken = False

    def chunks(self, data: Any, event: str | None) -> Iterable[Body]:
        """The chunks of one event, which has a name and data of its own."""
        name, said = data["event"], data.get("data") or {}
        if name == "token":
            return self._token(said)
        if name == "error":
            return [failure(said.get("error") or said.get("text") or said.get("message"))]
        return self._finish(said) if name == "end" else ()

    def end(self) -> Iterable[Body]:
        """Nothing is held back."""
        return ()

    def _token(self, said: Mapping[str, Any]) -> Iterator[Body]:
        if text := said.get("chunk"):
            self._spoken = True
            yield chunk({"content": text})

    def _finish(self, said: Mapping[str, Any]) -> Iterator[Body]:
        message = message_in(said.get("result") or {})
        if not self._spoken:
            if message is None:
                yield failure("the flow has no output that is a message")
                return
            yield chunk({"content": text_of(message)})
        yield chunk({}, "stop", usage_in(message or {}))
