"""A call: one request on its journey, with everything that was decided about it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, TypeVar

from nova_core.errors import NovaError
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


class Stash:
    """Typed per-call storage for plugins."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[StashKey[Any], Any] = {}

    def __getitem__(self, key: StashKey[T]) -> T:
        value: T = self._values[key]
        return value

    def __setitem__(self, key: StashKey[T], value: T) -> None:
        self._values[key] = value

    def __contains__(self, key: StashKey[Any]) -> bool:
        return key in self._values

    def get(self, key: StashKey[T], default: T | None = None) -> T | None:
        """The value, or `default`."""
        return self._values.get(key, default)


@dataclass(frozen=True, slots=True)
class CallOptions:
    """The gateway's own parameters of a call (body controls and headers); times in seconds."""

    timeout: float | None = None
    stream_timeout: float | None = None
    num_retries: int | None = None
    fallbacks: tuple[str, ...] | None = None
    disable_fallbacks: bool = False
    drop_params: bool | None = None
    additional_drop_params: tuple[str, ...] = ()
    allowed_params: tuple[str, ...] = ()
    mock_response: Any = None
    cache: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    guardrails: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Credentials, bases and prices that the caller sent; used only where the operator allows each name."""


@dataclass(frozen=True, slots=True)
class Note:
    """One line of a decision record: which step decided what, and why."""

    step: str
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one deployment. Times are in seconds; `error` None means it answered."""

    number: int
    group: str
    deployment: Deployment
    started: float
    seconds: float
    error: NovaError | None = None


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What `call_finished` sees. `status` is the HTTP status; `cost` in US dollars, None = unknown."""

    call: Call
    status: int
    seconds: float
    upstream_seconds: float
    usage: Usage | None
    cost: Decimal | None
    error: NovaError | None
    streamed: bool


Runner = Callable[["Call"], Awaitable[Reply | Stream]]


class Call:
    """One request on its journey. Plugins read it; they change the request by answering with a new one.

    `model` is the public name the caller used, `tags` what tag routing sees, `headers` the caller's headers
    (lower case, no credentials). `deadline` is in `time.monotonic()` seconds, None for none. `notes` is the
    decision record. `deployment`, `attempts`, `fallbacks`, `space` and `usage` are filled on the way.
    `selected_by_task` names the task by which a router has chosen the candidates of the group being routed: tags
    then choose among those, and tags that match none of them are ignored. `children` are the calls that `run`
    made, in that order. `reply_headers` reach the caller, named without the prefix (`cache-key`). `metered` says
    that a stream's usage is to be asked of the upstream, although the caller did not ask for it.
    """

    __slots__ = (
        "attempts", "children", "created", "deadline", "deployment", "fallbacks", "fidelity", "group", "headers",
        "id", "metered", "model", "notes", "operation", "options", "original", "parent", "principal", "reply_headers",
        "route", "runner", "selected_by_task", "space", "started", "stash", "streaming", "tags",
        "upstream_seconds", "usage",
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
        self.id = id or str(uuid.uuid4())
        self.operation: Operation = request.operation
        self.original = request
        self.model = request.model
        self.streaming = request.stream
        self.principal = principal
        self.options = options or CallOptions()
        self.tags = tags
        self.headers: Mapping[str, str] = headers or {}
        self.route = route
        self.parent = parent
        self.created = time.time()
        self.started = time.monotonic()
        self.deadline: float | None = parent.deadline if parent else None
        self.stash = Stash()
        self.notes: list[Note] = []
        self.group = self.model
        self.deployment: Deployment | None = None
        self.attempts: list[Attempt] = []
        self.fallbacks = 0
        self.fidelity: Fidelity = EXACT
        self.space: EmbeddingSpace | None = None
        self.selected_by_task: str | None = None
        self.children: list[Call] = []
        self.usage: Usage | None = None
        self.metered = False
        self.upstream_seconds = 0.0
        self.reply_headers: dict[str, str] = {}
        self.runner: Runner | None = parent.runner if parent else None

    @property
    def dialect(self) -> str:
        """Name of the caller's dialect."""
        return self.original.dialect.name

    def note(self, step: str, what: str, why: str = "") -> None:
        """Add a line to the decision record."""
        self.notes.append(Note(step, what, why))

    async def run(self, request: Request, *, tags: tuple[str, ...] | None = None) -> Reply | Stream:
        """Run a child call: the same journey, deadline and principal, accounted under this call.

        Raises whatever the child raises.
        """
        if self.runner is None:
            raise RuntimeError("this call is not being run by a gateway")
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
        return await self.runner(child)
