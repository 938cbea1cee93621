"""What each deployment may be used: requests and tokens in a window, calls at a time. Exact, also when shared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nova_core.errors import NoDeploymentError, RateLimitedError
from nova_core.stores import Lease, MemorySharedState, Refused, SharedState, Taken, Turns, Window
from nova_core.stores.claims import Claim
from nova_core.types.deployment import Deployment
from nova_core.types.usage import Usage

BUSY_SECONDS = 1.0
"""What a caller is told to wait where nobody knows when a running call ends."""


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """`parallel` is for deployments without a limit of their own; `weigh_only`: `rpm` and `tpm` limit nothing."""

    parallel: int | None = None
    window: float = 60.0
    queue: float = 30.0
    weigh_only: bool = False


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one deployment may be used; None: as much as one likes."""

    requests: Window | None = None
    tokens: Window | None = None
    calls: Lease | None = None
    fixed: tuple[Claim, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fixed", tuple(each for each in (self.requests, self.calls) if each is not None))

    def claims(self, tokens: int) -> tuple[Claim, ...]:
        """What a call takes that may need so many tokens; more than all there are is all there are."""
        window = self.tokens
        if window is None or window.limit is None:
            return self.fixed
        return (*self.fixed, Window(window.key, window.limit, min(tokens, window.limit), window.seconds))


def allowance_of(deployment: Deployment, settings: LimitSettings) -> Allowance | None:
    """What the configuration allows a deployment; None when it limits nothing."""
    name, seconds, counts = deployment.id, settings.window, not settings.weigh_only
    parallel = deployment.settings.get("max_parallel_requests") or settings.parallel
    found = Allowance(
        Window(f"rpm:{name}", deployment.rpm, 1, seconds) if deployment.rpm and counts else None,
        Window(f"tpm:{name}", deployment.tpm, 0, seconds) if deployment.tpm and counts else None,
        Lease(f"runs:{name}", int(parallel)) if parallel else None,
    )
    return found if found.fixed or found.tokens is not None else None


class AtLimitError(RateLimitedError):
    """One deployment has no room. Never shown: another is asked, or the call waits, or a NoDeploymentError says so."""

    cools_down = False

    def __init__(self, deployment: Deployment, refused: Refused) -> None:
        super().__init__(f"'{deployment.id}' is at its limit ({refused.claim.key.partition(':')[0]})")
        self.deployment = deployment
        self.is_busy = isinstance(refused.claim, Lease)
        self.retry_after = BUSY_SECONDS if self.is_busy else refused.retry_after


class DeploymentLimits:
    """Takes and gives back what calls use of deployments. `bind` it to a state before the first call."""

    def __init__(self, allowances: Mapping[str, Allowance], *, queue_seconds: float) -> None:
        self.allowances = allowances
        self.queue_seconds = queue_seconds
        self._state: SharedState = MemorySharedState()
        self._turns = Turns(self._state)

    def bind(self, state: SharedState) -> None:
        """Count in this state from now on."""
        self._state, self._turns = state, Turns(state)

    async def take(self, deployment: Deployment, allowance: Allowance, tokens: int) -> Taken:
        """Room for one call; waits for nobody but a shared state. Raises AtLimitError."""
        claims = allowance.claims(tokens)
        lease = allowance.calls
        if lease is not None and self._turns.waiting(lease.key):
            raise AtLimitError(deployment, Refused(lease, lease.limit or 0, 0.0))
        state = self._state
        answer = state.take_now(claims) if isinstance(state, MemorySharedState) else await state.take(claims)
        if isinstance(answer, Refused):
            raise AtLimitError(deployment, answer)
        return answer

    async def wait(self, deployment: Deployment, tokens: int, seconds: float) -> Taken:
        """Room for one call, within this time, in the order of asking. Raises AtLimitError."""
        answer = await self._turns.take(self.allowances[deployment.id].claims(tokens), seconds=seconds)
        if isinstance(answer, Refused):
            raise AtLimitError(deployment, answer)
        return answer

    def waiting(self, deployment: Deployment) -> int:
        """How many calls wait for this deployment."""
        lease = self.allowances[deployment.id].calls
        return 0 if lease is None else self._turns.waiting(lease.key)

    def settle(self, taken: Taken, deployment: Deployment, usage: Usage | None) -> None:
        """The call is over and used this much; None when nobody knows, and the estimate stays."""
        window = self.allowances[deployment.id].tokens
        known = {window.key: usage.total} if window is not None and usage is not None else None
        self._turns.settle(taken, known)

    def release(self, taken: Taken) -> None:
        """Nothing was sent."""
        self._turns.release(taken)


def limits_for(deployments: Iterable[Deployment], settings: LimitSettings) -> DeploymentLimits | None:
    """The limits of a configuration; None when it has none, and calls need not ask."""
    found = {each.id: allowance for each in deployments if (allowance := allowance_of(each, settings)) is not None}
    return DeploymentLimits(found, queue_seconds=settings.queue) if found else None


def no_room(refusals: Sequence[AtLimitError], group: str) -> NoDeploymentError:
    """What the caller is told when every deployment is at its limit."""
    wait = min(max(BUSY_SECONDS, refusal.retry_after or 0.0) for refusal in refusals)
    names = "all are" if len(refusals) > 1 else "it is"
    return NoDeploymentError(
        f"No deployments available for model '{group}': {names} at the limit of what may be used. Try again in "
        f"{wait:.0f} seconds.",
        retry_after=wait,
    )
