"""A call: one request on its journey, with everything that was decided about it."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from nova_core.errors import NovaError
from nova_core.types.decision import NO_GENERATION, Generation, Routed
from nova_core.types.deployment import Deployment
from nova_core.types.embeddings import EmbeddingSpace
from nova_core.types.fidelity import EXACT, Fidelity
from nova_core.types.message import Operation, Reply, Request, Stream
from nova_core.types.principal import ANONYMOUS, Principal
from nova_core.types.usage import Usage

T = TypeVar("T")


class StashKey(Generic[T]):
    """A plugin's private, typed slot on a call: `STARTED = StashKey[float]("started")`."""

    __slots__ = ("name",)

    def __init__(self, name: str = "") -> None:
        self.name = name


class Stash(dict[StashKey[Any], Any]):
    """Typed per-call storage for plugins."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __getitem__(self, key: StashKey[T], /) -> T: ...
        def __setitem__(self, key: StashKey[T], value: T, /) -> None: ...
        def get(self, key: StashKey[T], default: T | None = None, /) -> T | None: ...


@dataclass(frozen=True, slots=True)
class CallOptions:
    """The gateway's own parameters of a call (body controls and headers); times in seconds."""

    timeout: float | None = None
    stream_timeout: float | None = None
    num_retries: int | None = None
    fallbacks: tuple[str, ...] | None = None
    fallback_members: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """Fallback → what the request says otherwise when it takes over."""
    context_window_fallbacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    content_policy_fallbacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    disable_fallbacks: bool = False
    routing_strategy: str | None = None
    drop_params: bool | None = None
    additional_drop_params: tuple[str, ...] = ()
    allowed_params: tuple[str, ...] = ()
    mock_response: Any = None
    mock_testing: bool = False
    """Whether `mock_response` is for the first model group alone."""
    cache: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    guardrails: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Credentials, bases and prices that the caller sent; used only where the operator allows each name."""
    explain: bool = False
    """Whether the caller wants the decision with the answer; only administrators get it."""


NO_OPTIONS = CallOptions()
"""The options of a call that sets none."""


class Note(msgspec.Struct, frozen=True):
    """One line of a decision record: which step decided what, and why; `scores` by deployment id, as it sees fit."""

    step: str
    what: str
    why: str = ""
    scores: Mapping[str, float] | None = None


class Attempt(msgspec.Struct, frozen=True):
    """One try at one deployment. Times are in seconds; `error` None means it answered."""

    number: int
    group: str
    deployment: Deployment
    started: float
    seconds: float
    error: NovaError | None = None


class CallRecord(msgspec.Struct, frozen=True):
    """What `call_finished` sees. `status` is the HTTP status; `cost` in US dollars, None = unknown."""

    call: Call
    status: int
    seconds: float
    upstream_seconds: float
    usage: Usage | None
    cost: Decimal | None
    error: NovaError | None
    streamed: bool
    generation: Generation = NO_GENERATION


def new_id() -> str:
    """A random id in the form of a UUID (RFC 9562, version 4). It names a call; it is no secret."""
    text = random.getrandbits(128).to_bytes(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


Runner = Callable[["Call"], Awaitable[Reply | Stream]]


class Call:
    """One request on its journey. Plugins read it; they change the request by answering with a new one.

    `model` is the public name the caller used, `tags` what tag routing sees, `headers` the caller's headers
    (lower case, no credentials). `deadline` is in `time.monotonic()` seconds, None for none. The decision record is
    made of `notes` and `routed`, which has each model group as it was decided. `deployment`, `attempts`,
    `fallbacks`, `space` and `usage` are filled on the way.
    `selected_by_task` names the task by which a router has chosen the candidates of the group being routed: tags
    then choose among those, and tags that match none of them are ignored. `children` are the calls that `run`
    made, in that order. `reply_headers` reach the caller, named without the prefix (`cache-key`). `metered` says
    that a stream's usage is to be asked of the upstream, although the caller did not ask for it. `costed` is
    what the cost was last worked out from, and the cost.
    """

    __slots__ = (
        "attempts", "children", "costed", "created", "deadline", "deployment", "fallbacks", "fidelity", "group",
        "headers", "id", "metered", "model", "notes", "operation", "options", "original", "parent", "principal",
        "reply_headers", "route", "routed", "runner", "selected_by_task", "space", "started", "stash", "streaming",
        "tags", "upstream_seconds", "usage",
    )  # fmt: skip

    def __init__(
        self,
        request: Request,
        *,
        principal: Principal = ANONYMOUS,
        options: CallOptions | None = None,
        tags: tuple[str, ...] = (),
        headers: Mapping[str, str] | None = None,
        id: str | None = None,
        route: str = "",
        parent: Call | None = None,
    ) -> None:
        self.id = id or new_id()
        self.operation: Operation = request.operation
        self.original = request
        self.model = request.model
        self.streaming = request.stream
        self.principal = principal
        self.options = options or NO_OPTIONS
        self.tags = tags
        self.headers: Mapping[str, str] = {} if headers is None else headers
        self.route = route
        self.parent = parent
        self.created = time.time()
        self.started = time.monotonic()
        self.deadline: float | None = parent.deadline if parent else None
        self.stash = Stash()
        self.notes: list[Note] = []
        self.routed: list[Routed] = []
        self.group = self.model
        self.deployment: Deployment | None = None
        self.attempts: list[Attempt] = []
        self.fallbacks = 0
        self.fidelity: Fidelity = EXACT
        self.space: EmbeddingSpace | None = None
        self.selected_by_task: str | None = None
        self.children: list[Call] = []
        self.usage: Usage | None = None
        self.costed: tuple[Usage, Deployment, Decimal | None] | None = None
        self.metered = False
        self.upstream_seconds = 0.0
        self.reply_headers: dict[str, str] = {}
        self.runner: Runner | None = parent.runner if parent else None

    @property
    def dialect(self) -> str:
        """Name of the caller's dialect."""
        return self.original.dialect.name

    def note(self, step: str, what: str, why: str = "", *, scores: Mapping[str, float] | None = None) -> None:
        """Add a line to the decision record; `scores`, by deployment id, are kept by reference."""
        self.notes.append(Note(step, what, why, scores))

    def child(self, request: Request, *, tags: tuple[str, ...] | None = None) -> Call:
        """A new child call: the same principal, options, deadline and, unless `tags` are given, tags."""
        child = Call(
            request,
            principal=self.principal,
            options=self.options,
            tags=self.tags if tags is None else tags,
            headers=self.headers,
            route=self.route,
            parent=self,
        )
        self.children.append(child)
        return child

    async def run(self, request: Request, *, tags: tuple[str, ...] | None = None) -> Reply | Stream:
        """Run a child call: the same journey, deadline and principal, accounted under this call.

        Raises whatever the child raises.
        """
        if self.runner is None:
            raise RuntimeError("this call is not being run by a gateway")
        return await self.runner(self.child(request, tags=tags))
