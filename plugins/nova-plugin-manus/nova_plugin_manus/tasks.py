"""Tasks of an agent as responses: how they stand, and what they have come to."""

# https://open.manus.ai/docs/openai-compatibility and …/api-reference/get-task

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

Body = dict[str, Any]
RUNNING: Final = frozenset({"running", "queued", "created", "in_progress"})
WAITING: Final = "pending"
"""The agent asks something, which is its answer; one that has said nothing yet has not begun."""
FAILED: Final = frozenset({"error", "failed"})
STATUS: Final[Mapping[str, str]] = {"stopped": "cancelled", WAITING: "completed"}
"""Statuses of tasks that have other names than those of responses."""


def is_running(task: Mapping[str, Any]) -> bool:
    """Whether there is something to wait for."""
    status = str(task.get("status"))
    return status in RUNNING or (status == WAITING and not any(_answer(task)))


def as_response(task: Mapping[str, Any]) -> Body:
    """The task as a response; one that is a response already stays as it is."""
    status = str(task.get("status"))
    body = {**task, "object": "response", "created_at": _moment(task), "output": list(_answer(task))}
    body.pop("createdAt", None)
    if status in FAILED:
        said = {"code": "server_error", "message": _wrong(task.get("error"))}
        return {**body, "status": "failed", "error": said}
    return {**body, "status": "in_progress" if is_running(task) else STATUS.get(status, status), "error": None}


def _answer(task: Mapping[str, Any]) -> Iterator[Body]:
    """What the agent has said since it was spoken to: a task's output is the whole conversation."""
    output = task.get("output")
    items = [each for each in output if isinstance(each, Mapping)] if isinstance(output, list) else []
    asked = [place for place, item in enumerate(items) if item.get("role") == "user"]
    for item in items[asked[-1] + 1 if asked else 0 :]:
        if parts := list(_parts(item.get("content"))):
            yield {**item, "type": "message", "role": "assistant", "status": "completed", "content": parts}


def _parts(content: Any) -> Iterator[Body]:
    """Texts, and files as links to them."""
    for part in content if isinstance(content, list) else ():
        match part:
            case {"type": "output_text", "text": str(text)} if text:
                yield {"annotations": [], **part}
            case {"fileUrl": str(url)} if url:
                yield {
                    "type": "output_text",
                    "text": f"\n\n[{part.get('fileName') or 'file'}]({url})",
                    "annotations": [],
                }


def _wrong(error: Any) -> str:
    message = error.get("message") if isinstance(error, Mapping) else error
    return message if isinstance(message, str) and message else "the agent failed, and does not say why"


def _moment(task: Mapping[str, Any]) -> int | None:
    """When the task was made, in Unix seconds; the vendor also writes them as text."""
    made = task.get("created_at", task.get("createdAt"))
    try:
        return int(made) if isinstance(made, int | float | str) else None
    except ValueError:
        return None
