"""Containers that understand OpenAI's chat format: model servers in general, and Amazon's Nova models."""

# https://docs.djl.ai/master/docs/serving/serving/docs/lmi/user_guides/chat_input_output_schema.html and
# https://docs.aws.amazon.com/nova/latest/nova2-userguide/nova-sagemaker-inference-api-reference.html

from __future__ import annotations

from collections.abc import Mapping

from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import FrameParser, UpstreamRequest
from nova_core.wire.enveloped import HINTS
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.provider import Lane
from nova_core.wire.sse import SseParser
from nova_plugin_sagemaker.endpoint import Endpoint, PayloadParts

EFFORTS = {"minimal": "low", "medium": "high", "xhigh": "high", "max": "high"}
"""Efforts that Nova has not, and the nearest that it has."""


class EndpointChat(Endpoint):
    """`sagemaker_chat/{endpoint}`: chat completions as any model server takes them."""

    providers: tuple[str, ...] = ("sagemaker_chat",)
    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_CHAT}

    def frames(self, dialect: Dialect) -> FrameParser:
        """Server-sent events in parts."""
        return PayloadParts(SseParser())


class EndpointNova(EndpointChat):
    """`sagemaker_nova/{endpoint}`: Amazon's Nova models, which take fewer members."""

    providers = ("sagemaker_nova",)
    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_CHAT, "completion": OPENAI_COMPLETIONS}
    unsupported = frozenset(
        {
            "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "response_format", "stop", "n",
            "seed", "presence_penalty", "frequency_penalty", "logit_bias", "modalities", "audio", "web_search_options",
            "best_of", "echo", "suffix",
        }
    )  # fmt: skip
    hints = HINTS - {"stream_options"}

    def untouched(self, request: Request) -> bool:
        """See `DialectProvider.untouched`."""
        return super().untouched(request) and "reasoning_effort" not in request.members

    def review(self, request: Request) -> Fidelity:
        """What the models refuse, and an effort that they have not."""
        found, effort = super().review(request), request.get("reasoning_effort")
        if isinstance(effort, str) and effort in EFFORTS:
            said = FieldNote("reasoning_effort", Fate.APPROXIMATED, f"{effort} is said as {EFFORTS[effort]}")
            found += Fidelity((said,))
        if effort == "none":
            found += Fidelity((FieldNote("reasoning_effort", Fate.HINT, "without one, the models do not reason"),))
        return found

    def to_upstream(self, request: Request) -> Request:
        """The effort as the models take it."""
        request, effort = super().to_upstream(request), request.get("reasoning_effort")
        known = isinstance(effort, str) and effort in EFFORTS
        return request.with_members({"reasoning_effort": EFFORTS[effort]}) if known else request

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request; the endpoint alone names the model."""
        return super().outgoing(lane, request.without("model"), headers, streamed)
