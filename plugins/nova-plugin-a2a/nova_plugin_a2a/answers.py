"""Messages, tasks and their events, of versions 0.3 and 1.0 of the protocol, in OpenAI's words."""

# https://a2a-protocol.org/v0.3.0/specification and https://a2a-protocol.org/latest/specification

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nova_core.wire.enveloped import Body, chunk, failure, reply

WHOLE = {"statusUpdate": "status-update", "artifactUpdate": "artifact-update", "task": "task", "message": "message"}
"""Kinds of results, by the member that holds one in version 1.0."""
COMPLETE = frozenset({"completed", "input-required", "auth-required"})
"""States in which the agent has said what it has to say; the latter two are questions to the caller."""
FAILED = frozenset({"failed", "rejected", "canceled", "unknown"})


def opened(answer: Mapping[str, Any]) -> Body:
    """The result of `message/send` as a reply."""
    if isinstance(wrong := answer.get("error"), Mapping):
        return failure(wrong.get("message"), wrong.get("code"))
    kind, result = unfolded(answer["result"])
    if kind == "message":
        return reply({"content": text_in(result)}, "stop", **_named(result, "messageId"))
    state = state_of(result)
    if state in FAILED:
        return failure(text_in(result["status"].get("message") or {}) or f"the task was {state}")
    if state not in COMPLETE:
        return failure(f"the agent left its task {state}")
    return reply({"content": task_text(result)}, "stop", **_named(result, "id"))


def unfolded(result: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """What kind of result it is, and the result itself."""
    for name, kind in WHOLE.items():
        if isinstance(inner := result.get(name), Mapping) and "kind" not in result:
            return kind, inner
    return str(result["kind"]), result


def state_of(task: Mapping[str, Any]) -> str:
    """The state of a task in the words of version 0.3."""
    return str(task["status"]["state"]).removeprefix("TASK_STATE_").lower().replace("_", "-")


def text_in(holder: Mapping[str, Any]) -> str:
    """The text of a message or an artifact."""
    return "".join(part["text"] for part in holder.get("parts") or () if isinstance(part.get("text"), str))


def task_text(task: Mapping[str, Any]) -> str:
    """What a task has made, else what its status says."""
    made = [text_in(artifact) for artifact in task.get("artifacts") or ()]
    return "\n\n".join(filter(None, made)) or text_in(task["status"].get("message") or {})


class Opener:
    """Chunks of one stream: artifacts as they are made; the status ends it."""

    def __init__(self) -> None:
        self._artifact: str | None = None
        self._spoken = False
        self._ended = False

    def chunks(self, data: Any, event: str | None) -> Iterable[Body]:
        """The chunks of one event."""
        if self._ended:
            return ()
        if isinstance(wrong := data.get("error"), Mapping):
            return [failure(wrong.get("message"), wrong.get("code"))]
        kind, result = unfolded(data["result"])
        if kind == "message":
            return self._message(result)
        if kind == "artifact-update":
            return self._made(result["artifact"])
        return self._task(result)

    def end(self) -> Iterable[Body]:
        """Nothing is held back."""
        return ()

    def _message(self, message: Mapping[str, Any]) -> Iterator[Body]:
        self._ended = True
        yield chunk({"content": text_in(message)})
        yield chunk({}, "stop")

    def _made(self, artifact: Mapping[str, Any]) -> Iterator[Body]:
        named = str(artifact.get("artifactId"))
        apart = "\n\n" if self._artifact not in (None, named) else ""
        self._artifact = named
        if text := text_in(artifact):
            self._spoken = True
            yield chunk({"content": apart + text})

    def _task(self, task: Mapping[str, Any]) -> Iterator[Body]:
        state = state_of(task)
        if state in FAILED:
            yield failure(text_in(task["status"].get("message") or {}) or f"the task was {state}")
        elif state in COMPLETE:
            self._ended = True
            if not self._spoken and (text := task_text(task)):
                yield chunk({"content": text})
            yield chunk({}, "stop")


def _named(result: Mapping[str, Any], name: str) -> Body:
    return {"id": str(result[name])} if result.get(name) else {}
