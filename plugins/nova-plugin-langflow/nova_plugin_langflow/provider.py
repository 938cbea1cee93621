"""Langflow: a flow is run with a text, and answers with what its output component holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.enveloped import Body
from nova_core.wire.provider import Lane, of_deployment
from nova_core.wire.text_agent import TextAgent
from nova_plugin_langflow.answers import Opener, opened

SESSION = "session_id"
RUN = "/api/v1/run"
NOT_SENT = ("model", "messages", "stream")


class Langflow(TextAgent):
    """`langflow/{flow}`: a flow's id or endpoint name. With a `session_id` the flow remembers what was said."""

    providers = ("langflow",)
    base_url = "http://localhost:7860"
    api_base_env = ("LANGFLOW_API_BASE",)
    api_key_env = ("LANGFLOW_API_KEY",)
    paths: Mapping[Operation, str] = {"chat": RUN}
    session = SESSION

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`x-api-key`, when there is a key."""
        key = self.key(deployment)
        return [("x-api-key", key)] if key else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The flow's run; a base that names a flow already stays."""
        parts = urlsplit(deployment.api_base or self.base_url)
        path = parts.path.rstrip("/")
        if f"{RUN}/" not in f"{path}/" or path.endswith(RUN):
            path = f"{path.removesuffix(RUN)}{RUN}/{quote(deployment.model, safe='')}"
        return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """A run; members that OpenAI does not have are the run's own (`tweaks`, `session_id`, …)."""
        members = {name: value for name, value in plain(request.members).items() if name not in NOT_SENT}
        return {"input_type": "chat", "output_type": "chat", **members, "input_value": self.words(request)}

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request; its address says whether it is streamed."""
        made = super().outgoing(lane, request, headers, streamed)
        parts = urlsplit(made.url)
        query = urlencode({**dict(parse_qsl(parts.query)), "stream": "true" if streamed else "false"})
        return UpstreamRequest(urlunsplit(parts._replace(query=query)), "POST", headers, made.body, streamed)

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """The message of the output."""
        return opened(answer)

    def opener(self, seed: str) -> Opener:
        """What reads one stream, whose events are lines of bare JSON."""
        return Opener()
