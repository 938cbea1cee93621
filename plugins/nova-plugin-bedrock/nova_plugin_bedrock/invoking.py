"""What models behind InvokeModel have in common: how guardrails are named, counts of tokens, and chunks of streams."""

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html,
# …/API_runtime_InvokeModelWithResponseStream.html and …/userguide/guardrails-use-invoke.html

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from nova_core.types.call import Call
from nova_core.types.chat import ChatRequest, Extra
from nova_core.types.deployment import Deployment
from nova_core.types.events import Frame
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request, TypedRequest
from nova_core.types.upstream import FrameParser, UpstreamResponse
from nova_core.wire.enveloped import ANSWER_FORMS, HINTS, SAMPLING, TOOLS, Body, Enveloped, failed_frame, usage_of
from nova_core.wire.event_stream import EXCEPTION, EventStream
from nova_core.wire.provider import DialectProvider, Lane
from nova_core.wire.sigv4.errors import exception
from nova_plugin_bedrock.framing import chunk_in
from nova_plugin_bedrock.render import TIERS
from nova_plugin_bedrock.signed import ModelRuntime

GUARDRAIL: Final = "guardrailConfig"
GOVERNING: Final = (GUARDRAIL, "performanceConfig", "serviceTier", "requestMetadata")
"""Members that Converse has, and InvokeModel takes in headers."""
LEFT_OUT: Final = HINTS - {"service_tier"}
"""Members of OpenAI's format that change nothing, and are said nowhere."""
THINKING: Final = frozenset({"reasoning_effort", "thinking"})
OPENAIS: Final = SAMPLING | TOOLS | ANSWER_FORMS | HINTS | THINKING | {"model", "messages", "stream", "max_tokens"}
"""Members of OpenAI's format; what a request has besides is for the model."""
STREAMED_SO: Final = ("streamProcessingMode", "tagSuffix")
"""Members of a guardrail that stand in the body."""
METRICS: Final = "amazon-bedrock-invocationMetrics"
ACTION: Final = "amazon-bedrock-guardrailAction"
COUNTS: Final = {
    "inputTokenCount": "x-amzn-bedrock-input-token-count",
    "outputTokenCount": "x-amzn-bedrock-output-token-count",
}
"""Counts as the last chunk of a stream names them, and as headers of a whole answer do."""


class Governed(DialectProvider):
    """Models that InvokeModel governs: guardrails, latency, tier and metadata of a request are headers."""

    def before_translation(self, typed: TypedRequest) -> TypedRequest:
        """What governs a request, whoever said it, among the members of the dialect that is sent."""
        typed = super().before_translation(typed)
        if not isinstance(typed, ChatRequest):
            return typed
        return replace(typed, extra=_gathered(typed.extra, self.dialects["chat"].name))

    def request_headers(self, request: Request, call: Call) -> list[tuple[str, str]]:
        """The headers that govern the request."""
        return [*super().request_headers(request, call), *_governing(request)]


class Invoked(Governed, ModelRuntime, Enveloped):
    """A family of models with a format of its own; subclasses render and read it."""

    action = "/invoke"
    stream_action = "/invoke-with-response-stream"
    key_required = False
    hints = LEFT_OUT

    def review(self, request: Request) -> Fidelity:
        """What the vendor refuses, and a tier that it has not."""
        found, tier = super().review(request), request.get("service_tier")
        if tier is None or tier in TIERS:
            return found
        return found + Fidelity((FieldNote("service_tier", Fate.HINT, "the vendor has no such tier"),))

    def request_headers(self, request: Request, call: Call) -> list[tuple[str, str]]:
        """What governs the request; a tier by OpenAI's name as the vendor calls it."""
        tier = TIERS.get(str(request.get("service_tier")))
        if tier is not None and "serviceTier" not in request.members:
            request = request.with_members({"serviceTier": {"type": tier}})
        return super().request_headers(request, call)

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """None: who asks is told when the body is known."""
        return []

    def payload(self, request: Request, lane: Lane, *, streamed: bool) -> bytes:
        """The vendor's body."""
        return msgspec.json.encode({**self.body(request, lane, streamed=streamed), **guarded(request)})

    def framing(self) -> FrameParser:
        """Chunks of JSON in binary messages."""
        return Chunks()

    def _opened_response(self, response: UpstreamResponse, operation: Operation) -> UpstreamResponse:
        counted = {name: response.headers.get(header, "") for name, header in COUNTS.items()}
        if all(count.isdigit() for count in counted.values()) and response.body.lstrip().startswith(b"{"):
            metrics = msgspec.json.encode({METRICS: {name: int(count) for name, count in counted.items()}})
            body = metrics[:-1] + b"," + response.body.lstrip().removeprefix(b"{").lstrip()
            response = UpstreamResponse(response.status, response.headers, body)
        return super()._opened_response(response, operation)


class Chunks(EventStream):
    """What a model streams, each piece in base64 within a `chunk`."""

    def frame(self, headers: dict[str, str], payload: bytes) -> Frame:
        """The piece within, or the error that an exception is. Raises StreamBrokenError for other messages."""
        outer = super().frame(headers, payload)
        if (outer.event or "").startswith(EXCEPTION):
            return failed_frame(exception((outer.event or "").removeprefix(EXCEPTION), outer.data))
        return Frame(chunk_in(outer)[0])


def guarded(request: Request) -> Body:
    """The member of a body that says how a guardrail reads it; empty where there is none."""
    guardrail = request.get(GUARDRAIL)
    how = {name: guardrail[name] for name in STREAMED_SO if name in guardrail} if isinstance(guardrail, Mapping) else {}
    if "streamProcessingMode" in how:
        how["streamProcessingMode"] = str(how["streamProcessingMode"]).upper()
    return {f"amazon-bedrock-{GUARDRAIL}": how} if how else {}


def models_own(members: Mapping[str, Any]) -> Body:
    """The members that OpenAI's format does not have."""
    return {name: value for name, value in members.items() if name not in OPENAIS and name not in GOVERNING}


def counted(answer: Mapping[str, Any], given: Any = None, made: Any = None) -> Body | None:
    """The usage of an answer or a chunk: as the service counts, or as the model did."""
    metrics = answer.get(METRICS) or {}
    cached = metrics.get("cacheReadInputTokenCount") or 0
    told = metrics.get("inputTokenCount", given), metrics.get("outputTokenCount", made)
    if isinstance(told[0], int) and isinstance(cached, int):
        told = told[0] + cached, told[1]
    return usage_of(*told, cached=cached)


def stopped(answer: Mapping[str, Any]) -> bool:
    """Whether a guardrail put its own words in the place of an answer."""
    return answer.get(ACTION) == "INTERVENED"


def _gathered(extra: Extra, dialect: str) -> Extra:
    found = {name: value for members in extra.values() for name, value in members.items() if name in GOVERNING}
    if not found:
        return extra
    others = {
        each: {name: value for name, value in members.items() if name not in GOVERNING}
        for each, members in extra.items()
    }
    return {**others, dialect: {**others.get(dialect, {}), **found}}


def _governing(request: Request) -> Iterator[tuple[str, str]]:
    guardrail, performance, tier, metadata = (_members(request.get(name)) for name in GOVERNING)
    yield from _header("GuardrailIdentifier", guardrail.get("guardrailIdentifier"))
    yield from _header("GuardrailVersion", guardrail.get("guardrailVersion"))
    yield from _header("Trace", str(guardrail.get("trace") or "").upper())
    yield from _header("PerformanceConfig-Latency", performance.get("latency"))
    yield from _header("Service-Tier", tier.get("type"))
    if metadata:
        yield from _header("Request-Metadata", msgspec.json.encode(metadata).decode())


def _header(name: str, value: Any) -> Iterable[tuple[str, str]]:
    return [(f"X-Amzn-Bedrock-{name}", str(value))] if value else []


def _members(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
