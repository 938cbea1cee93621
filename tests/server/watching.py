"""A plugin of plain hooks, each of which notes that it was asked."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Any

from nova_core.errors import PermissionDeniedError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Attempt, Call, CallRecord
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request

ASKED: ContextVar[str] = ContextVar("asked", default="nobody")


class Watching:
    """Plain hooks, each of which notes that it was asked, and does what the caller's text tells it to."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """As if nothing had happened."""
        self.started: list[str] = []
        self.finished: list[str] = []
        self.before: list[str] = []
        self.records: list[CallRecord] = []

    @hookimpl
    def pre_call(self, call: Call, request: Request) -> Request | Reply | None:
        self.before.append(ASKED.get())
        ASKED.set(call.id)
        match text_of(request):
            case "refuse":
                raise PermissionDeniedError("not this one")
            case "answer":
                return Reply("chat", request.dialect, {"id": "r", "model": "m", "choices": [{"index": 0}]})
            case "hurry":
                call.deadline = time.monotonic() + 0.2
            case "change":
                return request.with_members({"seed": 7})
        return None

    @hookimpl
    def post_call(self, call: Call, request: Request, reply: Reply) -> Reply | None:
        assert ASKED.get() == call.id
        if text_of(request) == "spoil":
            raise PermissionDeniedError("not this answer")
        return reply.with_members({"seen": True})

    @hookimpl
    def attempt_started(self, call: Call, deployment: Deployment) -> None:
        self.started.append(deployment.id)

    @hookimpl
    def attempt_finished(self, call: Call, attempt: Attempt) -> None:
        self.finished.append(f"{attempt.deployment.id} {attempt.error.status if attempt.error else 200}")

    @hookimpl
    def call_finished(self, record: CallRecord) -> None:
        self.records.append(record)


watching = Watching()


def text_of(request: Request) -> Any:
    messages: Any = request.get("messages", [{"content": None}])
    return messages[-1]["content"]
