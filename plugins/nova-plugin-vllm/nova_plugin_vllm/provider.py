"""The provider `vllm`: the gateway's calls onto engines of vLLM in its process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from nova_core.errors import BadRequestError, ConfigurationError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.capabilities import Capabilities
from nova_core.types.deployment import Deployment
from nova_core.types.events import Frame
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.plugin import GatewayView
from nova_core.types.upstream import Exchange, FrameParser, UpstreamResponse
from nova_core.wire.capabilities import told_by_samples
from nova_core.wire.provider import Provider
from nova_plugin_vllm.codec import Codec
from nova_plugin_vllm.conversation import Conversation
from nova_plugin_vllm.engine import Engine
from nova_plugin_vllm.plan import ENGINE_ARGS, PRELOAD, Plan, plan_of
from nova_plugin_vllm.runtime import check_installed

EVENTS = "text/event-stream"
NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Seat:
    """What the deployments of one plan share."""

    engine: Engine
    codec: Codec


class VllmProvider(Provider):
    """Engines by what they were started with: one for all deployments, and configurations, that name the same."""

    providers = ("vllm",)
    settings_keys = (ENGINE_ARGS, PRELOAD)

    def __init__(self) -> None:
        self._seats: dict[Plan, Seat] = {}
        self._seated: dict[str, tuple[Deployment, Seat]] = {}

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """As it is. Raises ConfigurationError without vLLM, and for what cannot be meant: an address, any model."""
        if "*" in deployment.model:
            raise ConfigurationError(f"vllm/{deployment.model} would load whatever callers name: name the models")
        _check_place(deployment)
        check_installed()
        plan_of(deployment)
        return deployment

    def operations(self, model: str) -> frozenset[str]:
        """What vLLM serves; a model that is not made for one of them says so when it is asked."""
        return Codec(Plan(model)).operations(model)

    def capabilities(self, deployment: Deployment) -> Capabilities:
        """What vLLM reads, with the parsers of this deployment; whether the model sees is known when it is asked."""
        return told_by_samples(Codec(plan_of(deployment)).provider_call, deployment)

    @hookimpl
    async def startup(self, gateway: GatewayView) -> None:
        """Load what is not to wait for its first call, while the gateway serves already.

        After a reload, engines that the new configuration names too run on; the others end after their last call.
        """
        catalog = gateway.catalog
        own = [each for each in catalog.by_id.values() if each.provider in self.providers]
        served = {each.id: each for each in own if each.id not in catalog.unserved}
        plans = {plan_of(each) for each in served.values()}
        self._seated.clear()
        for plan in self._seats.keys() - plans:
            gateway.spawn(self._seats.pop(plan).engine.retire(), name=f"end vllm {plan.model}")
        for each in served.values():
            if each.settings.get(PRELOAD):
                gateway.spawn(self._seat(each).engine.ready(), name=f"start vllm {each.model}")

    @hookimpl
    async def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Reply | Stream:
        """One answer. Raises UnsupportedParamsError, BadRequestError, ContextWindowExceededError, and what engines
        raise: ConfigurationError, APIConnectionError, StreamBrokenError."""
        seat = self._seat(deployment)
        exchange = seat.codec.provider_call(call, request, deployment)
        conversation = await seat.engine.ask(exchange.request.url, exchange.request.content)
        if _streams(exchange, conversation):
            return _stream(exchange, conversation)
        try:
            return _reply(exchange, conversation, await conversation.read())
        finally:
            await conversation.aclose()

    @hookimpl
    async def shutdown(self) -> None:
        """Close the engines, also when one fails to close."""
        engines = [seat.engine for seat in self._seats.values()]
        self._seats.clear()
        self._seated.clear()
        failures: list[Exception] = []
        for engine in engines:
            try:
                await engine.aclose()
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def _seat(self, deployment: Deployment) -> Seat:
        known = self._seated.get(deployment.id)
        if known is None or known[0] is not deployment:
            _check_place(deployment)
            plan = plan_of(deployment)
            seat = self._seats.get(plan)
            if seat is None:
                seat = self._seats[plan] = Seat(Engine(plan), Codec(plan))
            known = self._seated[deployment.id] = (deployment, seat)
        return known[1]


def _check_place(deployment: Deployment) -> None:
    """Raises ConfigurationError for an address, which an engine in this process does not have."""
    if deployment.api_base:
        raise ConfigurationError(
            f"vllm/{deployment.model} runs in this process: with an `api_base` it is hosted_vllm/…"
        )


def _streams(exchange: Exchange, conversation: Conversation) -> bool:
    return exchange.frames is not None and conversation.headers.get("content-type", "").startswith(EVENTS)


def _reply(exchange: Exchange, conversation: Conversation, body: bytes) -> Reply:
    response = UpstreamResponse(conversation.status, conversation.headers, body)
    if response.status == NOT_FOUND:  # no such route: those of what the model is not made for are left out
        raise BadRequestError(
            f"this model, as vLLM runs it, does not serve {exchange.dialect.operation}",
            param="model",
            code="unsupported_operation",
        )
    if response.status >= 400:
        raise exchange.read_error(response)
    reply = exchange.read(response)
    assert isinstance(reply, Reply)
    return reply


def _stream(exchange: Exchange, conversation: Conversation) -> Stream:
    assert exchange.frames is not None
    return Stream(exchange.dialect, frames=_frames(conversation, exchange.frames()), closers=(conversation.aclose,))


async def _frames(conversation: Conversation, parser: FrameParser) -> AsyncIterator[Frame]:
    async with aclosing(conversation.chunks()) as chunks:
        async for chunk in chunks:
            for frame in parser.feed(chunk):
                yield frame
    for frame in parser.end():
        yield frame


plugin = VllmProvider()
