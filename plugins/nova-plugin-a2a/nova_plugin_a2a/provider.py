"""Agent2Agent: an agent behind a URL is sent a message by JSON-RPC, and answers with a message or a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Operation, Request
from nova_core.wire.enveloped import Body
from nova_core.wire.provider import Lane, of_deployment
from nova_core.wire.text_agent import TextAgent
from nova_plugin_a2a.answers import Opener, opened

CONTEXT = "context_id"
VERSION = "a2a_version"
NEXT = "1.0"


class A2A(TextAgent):
    """`a2a/{agent}` at the agent's URL, which `api_base` says. With a `context_id` the agent remembers what was said.

    Agents are spoken to in version 0.3 of the protocol; `a2a_version: "1.0"` is for those that only know that one.
    """

    providers = ("a2a",)
    api_base_env = ("A2A_API_BASE",)
    api_key_env = ("A2A_API_KEY",)
    settings_keys = (*TextAgent.settings_keys, VERSION)
    paths: Mapping[Operation, str] = {"chat": ""}
    session = CONTEXT
    hints = TextAgent.hints - {"metadata"}

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`Authorization: Bearer`, when there is a key, and the version where it is not the usual one."""
        version = [("A2A-Version", NEXT)] if _is_next(deployment) else []
        return [*super().headers(deployment, call), *version]

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The agent's URL as it is."""
        return deployment.api_base or ""

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """The method with the message."""
        new = _is_next(lane.deployment)
        text = {"text": self.words(request)}
        message: Body = {"messageId": uuid4().hex, "role": "ROLE_USER" if new else "user"}
        message["parts"] = [text if new else {"kind": "text", **text}]
        message |= {} if new else {"kind": "message"}
        for name, said in ((CONTEXT, "contextId"), ("task_id", "taskId")):
            if (value := request.get(name)) is not None:
                message[said] = value
        params: Body = {"message": message}
        if (metadata := request.get("metadata")) is not None:
            params["metadata"] = metadata
        if not new and not streamed:
            params["configuration"] = {"blocking": True, "acceptedOutputModes": ["text"]}
        return {"jsonrpc": "2.0", "id": uuid4().hex, "method": _method(streamed, new), "params": params}

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """The message, or what the task has made."""
        return opened(answer)

    def opener(self, seed: str) -> Opener:
        """What reads one stream."""
        return Opener()


def _is_next(deployment: Deployment) -> bool:
    return str(deployment.settings.get(VERSION) or "").startswith("1")


def _method(streamed: bool, new: bool) -> str:
    if new:
        return "SendStreamingMessage" if streamed else "SendMessage"
    return "message/stream" if streamed else "message/send"
