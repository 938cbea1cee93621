"""Agents of Bedrock, asked in text: events with pieces of the answer come back."""

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_InvokeAgent.html

from __future__ import annotations

import base64
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

import msgspec

from nova_core.errors import BadGatewayError, ConfigurationError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.events import Frame
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import FrameParser, UpstreamRequest, UpstreamResponse
from nova_core.wire.body import NOT_JSON
from nova_core.wire.enveloped import UNREADABLE, Body, Opener, chunk, failed_frame, failure, reply, usage_of
from nova_core.wire.event_stream import EXCEPTION, EventStream
from nova_core.wire.provider import Lane
from nova_core.wire.sigv4.errors import exception
from nova_core.wire.text_agent import TextAgent
from nova_plugin_bedrock.signed import AGENT_RUNTIME, BearerOrSigned, at_host

SESSION: Final = "session_id"
NOT_SENT: Final = ("model", "messages", "stream", SESSION)


class TextOfAgent(BearerOrSigned, TextAgent):
    """An agent behind a signed address; with a `session_id` it remembers what was said."""

    session = SESSION

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """None: who asks is told when the body is known."""
        return []


class Agent(TextOfAgent):
    """`bedrock/agent/{agent}/{alias}`. Members that OpenAI does not have are the agent's own (`sessionState`, …)."""

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The agent's alias, at the vendor's neighbouring host or below the operator's own address."""
        agent, alias = agent_of(deployment.model)
        parts = urlsplit(at_host(deployment.api_base or "", AGENT_RUNTIME))
        place = f"/agents/{quote(agent, safe='')}/agentAliases/{quote(alias, safe='')}"
        return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + place, parts.query, ""))

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """What is said; the answer is streamed where that is wanted."""
        own = {name: value for name, value in plain(request.members).items() if name not in NOT_SENT}
        how = {"streamingConfigurations": {"streamFinalResponse": True}} if streamed else {}
        return {**how, **own, "inputText": self.words(request)}

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request in its session, or in one of its own."""
        parts = urlsplit(lane.url)
        session = quote(str(request.get(SESSION) or uuid4()), safe="")
        url = urlunsplit(parts._replace(path=f"{parts.path}/sessions/{session}/text"))
        body = msgspec.json.encode(self.body(request, lane, streamed=streamed))
        return self.signed_request(lane, url, headers, body, streamed=streamed)

    def framing(self) -> FrameParser:
        """Events in binary messages."""
        return AgentEvents()

    def opened(self, answer: Any, operation: Operation) -> Mapping[str, Any]:
        """A whole reply, of the events of one answer."""
        opener = AgentOpener()
        made = [*(each for event in answer for each in opener.chunks(event["data"], event["event"])), *opener.end()]
        if (failed := next((each for each in made if "error" in each), None)) is not None:
            return failed
        text = "".join(each["choices"][0]["delta"].get("content", "") for each in made)
        return reply({"content": text}, "stop", made[-1].get("usage"))

    def opener(self, seed: str) -> Opener:
        """What reads one stream."""
        return AgentOpener()

    def _opened_response(self, response: UpstreamResponse, operation: Operation) -> UpstreamResponse:
        """Whole answers are events too."""
        parser = EventStream()
        frames = [*parser.feed(response.body), *parser.end()]
        for frame in frames:
            if (frame.event or "").startswith(EXCEPTION):
                raise exception((frame.event or "").removeprefix(EXCEPTION), frame.data)
        try:
            events = [{"event": frame.event, "data": msgspec.json.decode(frame.data)} for frame in frames]
            opened = self.opened(events, operation)
        except (*NOT_JSON, *UNREADABLE) as error:
            raise BadGatewayError("the upstream's answer has not the shape of an agent's") from error
        return UpstreamResponse(response.status, response.headers, msgspec.json.encode(opened))


class AgentEvents(EventStream):
    """Events by their names."""

    def frame(self, headers: dict[str, str], payload: bytes) -> Frame:
        """The event, or the error that an exception is."""
        frame = super().frame(headers, payload)
        if (frame.event or "").startswith(EXCEPTION):
            return failed_frame(exception((frame.event or "").removeprefix(EXCEPTION), frame.data))
        return frame


class AgentOpener:
    """Reads one stream, which has no event of its end; traces, where they are asked for, state usage."""

    def __init__(self) -> None:
        self._spoken = False
        self._given = self._made = 0
        self._text = getincrementaldecoder("utf-8")()

    def chunks(self, data: Any, event: str | None) -> Iterable[Body]:
        """The chunks of one event."""
        if event == "chunk":
            self._spoken = True
            return [chunk({"content": self._text.decode(base64.b64decode(data["bytes"], validate=True))})]
        if event == "returnControl":
            return [failure("the agent asks its caller to act, which a chat has no word for")]
        for usage in _usages(data if event == "trace" else {}):
            self._given += usage.get("inputTokens") or 0
            self._made += usage.get("outputTokens") or 0
        return []

    def end(self) -> Iterable[Body]:
        """The end, where anything was said."""
        if self._spoken:
            yield chunk({}, "stop", usage_of(self._given, self._made) if self._made else None)


def agent_of(model: str) -> tuple[str, str]:
    """The agent and its alias. Raises ConfigurationError where one is not said."""
    _, _, rest = model.partition("/")
    agent, _, alias = rest.partition("/")
    if not agent or not alias:
        raise ConfigurationError(f"{model}: an agent is named with its alias, as agent/<id>/<alias id>")
    return agent, alias


def _usages(trace: Any) -> Iterator[Mapping[str, Any]]:
    """The usage of each model that the agent asked, which stands deep in what it tells of its work."""
    if isinstance(trace, Mapping):
        output = trace.get("modelInvocationOutput")
        usage = output.get("metadata", {}).get("usage") if isinstance(output, Mapping) else None
        if isinstance(usage, Mapping):
            yield usage
        for each in trace.values():
            yield from _usages(each)
