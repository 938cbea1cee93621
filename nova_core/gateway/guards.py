"""What goes around attempts where the configuration asks for it: limits, hedging, filtered answers, continuation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nova_core.config.schema import Settings
from nova_core.errors import ContentPolicyViolationError, NovaError
from nova_core.gateway.admission import Admission
from nova_core.gateway.attempts import Attempts, Levels, Try
from nova_core.gateway.continuation import Again, Continuation, may_continue
from nova_core.gateway.fallbacks import FallbackPlan
from nova_core.gateway.hedging import Hedge, HedgeSettings, Hedging
from nova_core.gateway.limits import DeploymentLimits, LimitSettings, limits_for
from nova_core.types.call import Call
from nova_core.types.chat import ChatReply
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request, Stream

TryAs = Callable[[Call], Try]


@dataclass(frozen=True, slots=True)
class Guards:
    """What is switched on."""

    limits: DeploymentLimits | None = None
    hedging: Hedging | None = None
    filters: bool = False
    continues: bool = False

    async def run(
        self, attempts: Attempts, levels: Levels, try_as: TryAs, call: Call, request: Request
    ) -> Reply | Stream:
        """The answer of a model group; see `Attempts.run`. `try_as` makes attempts of a call."""
        limits, hedging = self.limits, self.hedging
        try_one = try_as(call)
        if limits is not None:
            attempts.queue = admission = Admission(limits, call, request, try_one, account=call)
            try_one = admission.try_one
        if hedging is not None and hedging.covers(call.group, request):

            def try_beside(fork: Call) -> Try:
                beside = try_as(fork)
                return beside if limits is None else Admission(limits, fork, request, beside, account=call).try_one

            try_one = Hedge(hedging, attempts, call, levels[0], try_one, try_beside).try_one
        return await attempts.run(levels, try_one, group=call.group)

    def check(self, answer: Reply | Stream, call: Call, plan: FallbackPlan) -> None:
        """Raises ContentPolicyViolationError for an answer that was filtered, where another group may do better."""
        if not self.filters or not isinstance(answer, Reply) or not is_filtered(answer):
            return
        error = ContentPolicyViolationError("the provider's content filter cut off the answer")
        if plan.follows(error):
            named = call.deployment.id if call.deployment is not None else None
            raise error.at(provider=None, deployment_id=named, model=call.group)

    def continued(
        self, answer: Reply | Stream, call: Call, request: Request, again: Again, is_whole: bool
    ) -> Reply | Stream:
        """The answer; a stream of text that goes on when it breaks, unless it is itself the rest of one."""
        if not (self.continues and is_whole and call.streaming and isinstance(answer, Stream)):
            return answer
        return Continuation(request, answer, again).stream() if may_continue(request) else answer


def is_filtered(reply: Reply) -> bool:
    """Whether a content filter ended one of the answers."""
    try:
        typed = reply.typed
    except NovaError:
        return False
    return isinstance(typed, ChatReply) and any(choice.finish == "content_filter" for choice in typed.choices)


def guards_of(settings: Settings, deployments: Iterable[Deployment]) -> Guards | None:
    """What the settings switch on; None when that is nothing, and calls are spared the questions."""
    router, compat = settings.router, settings.compat
    limits = limits_for(
        deployments,
        LimitSettings(
            parallel=router.default_max_parallel_requests,
            window=router.limit_window,
            queue=0.0 if compat.reject_when_busy else router.queue_timeout,
            weigh_only=compat.limits_only_weigh,
        ),
    )
    hedging = None
    if router.hedging is not None:
        hedging = Hedging(
            HedgeSettings(
                share=router.hedging.max_share,
                percentile=router.hedging.percentile,
                min_samples=router.hedging.min_samples,
                after=router.hedging.after,
                groups=frozenset(router.hedging.model_groups),
            )
        )
    filters = bool(router.content_policy_fallbacks)
    if limits is None and hedging is None and not filters and not router.stream_continuation:
        return None
    return Guards(limits, hedging, filters, router.stream_continuation)
