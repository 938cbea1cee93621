"""Agents in the runtime of AgentCore: a payload of the agent's own in, JSON or server-sent events out."""

# https://docs.aws.amazon.com/bedrock-agentcore/latest/APIReference/API_InvokeAgentRuntime.html and
# …/devguide/runtime-http-protocol-contract.html

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.events import Frame
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import FrameParser, UpstreamRequest, UpstreamResponse
from nova_core.wire.body import NOT_JSON
from nova_core.wire.enveloped import Body, Opener, chunk, failure, reply
from nova_core.wire.provider import Lane
from nova_core.wire.sse import SseParser
from nova_plugin_bedrock.agents import NOT_SENT, SESSION, TextOfAgent
from nova_plugin_bedrock.names import read_name
from nova_plugin_bedrock.signed import at_host

SERVICE: Final = "bedrock-agentcore"
QUALIFIER: Final = "qualifier"
USER: Final = "runtimeUserId"
HEADER: Final = "X-Amzn-Bedrock-AgentCore-Runtime-"
TEXTS: Final = ("result", "response", "output", "completion", "message", "content", "text", "data")
"""Members under which agents say their answers."""


class AgentCore(TextOfAgent):
    """`bedrock/agentcore/{arn}`. Members that OpenAI does not have are the agent's own."""

    service = SERVICE

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The runtime's invocations, at the vendor's neighbouring host or below the operator's own address."""
        parts = urlsplit(at_host(deployment.api_base or "", f"{SERVICE}."))
        path = f"{parts.path.rstrip('/')}/runtimes/{quote(read_name(deployment.model).id, safe='')}/invocations"
        chosen = deployment.settings.get(QUALIFIER)
        query = urlencode({QUALIFIER: str(chosen)}) if chosen else parts.query
        return urlunsplit((parts.scheme, parts.netloc, path, query, ""))

    def request_headers(self, request: Request, call: Call) -> list[tuple[str, str]]:
        """The session, the user, and what kinds of answers are read."""
        said = [("Accept", "application/json, text/event-stream")]
        for member, name in ((SESSION, "Session-Id"), (USER, "User-Id")):
            if request.get(member):
                said.append((HEADER + name, str(request.get(member))))
        return said

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """The payload: what is said, as `prompt`."""
        own = {name: value for name, value in plain(request.members).items() if name not in (*NOT_SENT, USER)}
        return {"prompt": self.words(request), **own}

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request with its credentials."""
        body = msgspec.json.encode(self.body(request, lane, streamed=streamed))
        return self.signed_request(lane, lane.url, headers, body, streamed=streamed)

    def framing(self) -> FrameParser:
        """Events, or one document."""
        return EventsOrDocument()

    def opened(self, answer: Any, operation: Operation) -> Mapping[str, Any]:
        """A whole reply, of what the agent said one after the other."""
        opener = CoreOpener()
        made = [*(each for said in answer for each in opener.chunks(said, None)), *opener.end()]
        if (failed := next((each for each in made if "error" in each), None)) is not None:
            return failed
        return reply({"content": "".join(each["choices"][0]["delta"].get("content", "") for each in made)}, "stop")

    def opener(self, seed: str) -> Opener:
        """What reads one stream."""
        return CoreOpener()

    def _opened_response(self, response: UpstreamResponse, operation: Operation) -> UpstreamResponse:
        parser = EventsOrDocument()
        try:
            frames = [*parser.feed(response.body), *parser.end()]
            opened = self.opened([msgspec.json.decode(frame.data) for frame in frames], operation)
        except NOT_JSON as error:
            raise BadGatewayError("the upstream's answer has not the shape of an agent's") from error
        return UpstreamResponse(response.status, response.headers, msgspec.json.encode(opened))


class EventsOrDocument:
    """Server-sent events where the first bytes are a field of one, else one document. A `FrameParser`."""

    def __init__(self) -> None:
        self._events = SseParser()
        self._held = b""
        self._whole: bool | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """Events completed by `data`."""
        if self._whole is None:
            self._held += data
            start = self._held.lstrip()
            if not start:
                return []
            self._whole = start[:1] in b'{["0123456789-'
            data, self._held = self._held, b""
        if self._whole:
            self._held += data
            return []
        return self._events.feed(data)

    def end(self) -> list[Frame]:
        """The document, or events left at the end of data."""
        return [Frame(self._held)] if self._held.strip() else self._events.end()


class CoreOpener:
    """Reads what an agent says: texts, objects with one, or events of a model's answer.

    Where an agent streams a model's events, the message that it ends with repeats them.
    """

    def __init__(self) -> None:
        self._spoken = False

    def chunks(self, data: Any, event: str | None) -> Iterable[Body]:
        """The chunks of one event."""
        if isinstance(data, Mapping) and data.get("error"):
            return [failure(data["error"])]
        inner = data.get("event") if isinstance(data, Mapping) else None
        if isinstance(inner, Mapping):
            text = ((inner.get("contentBlockDelta") or {}).get("delta") or {}).get("text")
        else:
            text = text_in(data) if not (self._spoken and isinstance(data, Mapping)) else None
        if not isinstance(text, str) or not text:
            return []
        self._spoken = True
        return [chunk({"content": text})]

    def end(self) -> Iterable[Body]:
        """The end, where anything was said."""
        return [chunk({}, "stop")] if self._spoken else [failure("the agent said nothing that is text")]


def text_in(said: Any) -> str:
    """The text of what an agent said, wherever it has put it."""
    if isinstance(said, str):
        return said
    if isinstance(said, list):
        return "".join(text_in(each) for each in said)
    if isinstance(said, Mapping):
        return next((text for name in TEXTS if (text := text_in(said.get(name)))), "")
    return ""
