"""LangGraph: a graph behind a server is asked with messages, and answers with its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fidelity, FieldNote
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.enveloped import Body
from nova_core.wire.openai_compatible import OpenAICompatible
from nova_core.wire.provider import Lane, of_deployment
from nova_core.wire.text_agent import TextAgent
from nova_plugin_langgraph.state import Opener, opened

THREAD = "thread_id"
MODES = ["messages-tuple", "values"]
NOT_SENT = ("model", "messages", "stream", THREAD)


class LangGraph(TextAgent):
    """`langgraph/{assistant}`: an assistant's id, or the name of its graph.

    With a `thread_id` the thread's state goes on, and gets only the messages that are new.
    """

    providers = ("langgraph",)
    base_url = "http://localhost:2024"
    api_base_env = ("LANGGRAPH_API_BASE",)
    api_key_env = ("LANGGRAPH_API_KEY",)
    paths: Mapping[Operation, str] = {"chat": "/runs/wait"}
    session = THREAD
    hints = TextAgent.hints - {"metadata"}

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`x-api-key`, when there is a key."""
        key = self.key(deployment)
        return [("x-api-key", key)] if key else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The server's address, to which the run is appended."""
        parts = urlsplit(deployment.api_base or self.base_url)
        path = parts.path.rstrip("/")
        for known in ("/runs/wait", "/runs/stream"):
            path = path.removesuffix(known)
        return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))

    def review(self, request: Request) -> Fidelity:
        """Graphs read messages as they are; what agents cannot choose, they cannot either."""
        found = OpenAICompatible.review(self, request)
        return found + Fidelity(tuple(self._known(request)))

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """A run; members that OpenAI does not have are the run's own (`config`, `context`, …)."""
        members = {name: value for name, value in plain(request.members).items() if name not in NOT_SENT}
        run = {"assistant_id": lane.deployment.model, "input": {"messages": self.new_messages(request)}}
        return {**members, **run, **({"stream_mode": MODES} if streamed else {})}

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request, to a run of its own or to one in a thread."""
        made = super().outgoing(lane, request, headers, streamed)
        parts = urlsplit(made.url)
        thread = request.get(THREAD)
        place = f"/threads/{quote(str(thread), safe='')}" if thread else ""
        path = f"{parts.path}{place}/runs/{'stream' if streamed else 'wait'}"
        return UpstreamRequest(urlunsplit(parts._replace(path=path)), "POST", headers, made.body, streamed)

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """The last message of the state."""
        return opened(answer)

    def opener(self, seed: str) -> Opener:
        """What reads one stream."""
        return Opener()

    def _known(self, request: Request) -> Iterator[FieldNote]:
        if self.remembers(request):
            yield from self.retelling(request)
