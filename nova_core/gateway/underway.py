"""A call under way without a task: what nearly every call needs is done in the moment when its bytes come.

From the caller's request to the upstream's socket, and from the upstream's answer to the caller's, nothing has to be
waited for where no plugin waits, a connection is kept, and the answer comes whole and well. Anything else goes on in
a task, from where the call is.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from nova_core.gateway.accounting import tell_at_once
from nova_core.gateway.attempts import note_attempt
from nova_core.gateway.http1 import Sent
from nova_core.gateway.layers import inward_at_once, outward_at_once
from nova_core.gateway.policy import Limits
from nova_core.gateway.routing import resolve
from nova_core.gateway.said import as_said
from nova_core.gateway.transport import UpstreamStream
from nova_core.types.call import Call
from nova_core.types.decision import Levels
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse

if TYPE_CHECKING:
    from nova_core.gateway.gateway import Gateway
    from nova_core.gateway.http1.head import Head
    from nova_core.gateway.layers import Inward
    from nova_core.gateway.relay import CallerStream
    from nova_core.plugins.compiler import Step


class Told(Protocol):
    """Who is told what becomes of a call; either is called once."""

    def reply(self, reply: Reply) -> None:
        """The call is answered, and accounted for."""
        ...

    def go_on(self, answer: Awaitable[Reply | CallerStream]) -> None:
        """The answer has to be waited for; it may be an error."""
        ...


@runtime_checkable
class Keeps(Protocol):
    """A transport that can send a request over a connection that it keeps, without anybody waiting."""

    def kept(self, request: UpstreamRequest, seconds: float | None) -> Sent | None:
        """The request, ready to be sent, its answer to come within so many seconds; None where there is no connection.

        Whoever gets it sends it at once.
        """
        ...

    async def open(
        self,
        request: UpstreamRequest,
        *,
        first_byte_timeout: float | None = None,
        connect_timeout: float | None = None,
        sent: Sent | None = None,
    ) -> UpstreamStream:
        """`Transport.open`, for a request that may have been sent."""
        ...


class Underway:
    """One call, from its beginning to its reply, or to where something has to be waited for.

    It stands for the first attempt then: `levels` are None where it is not decided who is asked. `started` is None
    where nobody was, else when the provider was (`time.monotonic()` seconds), and `open` leads to what is answered to
    its request, if that was sent.
    """

    __slots__ = (
        "_body", "_call", "_context", "_deployment", "_gateway", "_head", "_limits", "_said", "_sent", "_told",
        "_transport", "inward", "levels", "runtime", "started",
    )  # fmt: skip

    inward: Inward
    _deployment: Deployment
    _limits: Limits
    _said: Any

    def __init__(self, gateway: Gateway, transport: Keeps, call: Call, told: Told) -> None:
        self.runtime = gateway.runtime
        self.levels: Levels | None = None
        self.started: float | None = None
        self._gateway = gateway
        self._transport = transport
        self._call = call
        self._told = told
        self._context = copy_context()
        self._sent: Sent | None = None
        self._head: Head | None = None
        self._body = b""

    def begin(self) -> None:
        """Take the call as far as it comes at once. Raises nothing: whoever is told learns of errors, too."""
        self._context.run(self._begin)

    def wait(self) -> None:
        """Have the answer, which has not come yet, waited for."""
        assert self._sent is not None
        self._sent.connection.wait_for_nobody()
        self._context.run(self._go_on)

    def _go_on(self) -> None:
        self._told.go_on(self._gateway.answer(self._call, underway=self))

    def provided(self) -> Any:
        """What the provider has said. Raises what it raised."""
        said, self._said = self._said, None
        if isinstance(said, Exception):
            raise said
        return said

    async def open(
        self, request: UpstreamRequest, *, first_byte_timeout: float | None = None, connect_timeout: float | None = None
    ) -> UpstreamStream:
        """See `Transport.open`; what was sent is not sent again."""
        sent, self._sent = self._sent, None
        if sent is not None and self._head is not None:
            return sent.connection.whole(self._head, self._body)
        return await self._transport.open(
            request, first_byte_timeout=first_byte_timeout, connect_timeout=connect_timeout, sent=sent
        )

    def answered(self, head: Head, body: bytes) -> None:
        """See `Asker.answered`."""
        try:
            self._context.run(self._answered, head, body)
        except Exception as error:
            self._told.go_on(_raised(error))

    def unanswered(self) -> None:
        """See `Asker.unanswered`."""
        self._context.run(self._go_on)

    def _begin(self) -> None:
        gateway, call, runtime = self._gateway, self._call, self.runtime
        gateway.running.enter(runtime)
        try:
            gateway.admit(runtime, call)
            self.inward = inward_at_once(runtime.pipeline, call)
        except BaseException as error:
            self._told.go_on(gateway.answer_failure(runtime, call, error))
            return
        _, request, answer = self.inward
        waits = answer is not None or call.deadline is not None or gateway.cooldowns.recovering
        if waits or not self._sends(request):
            self._go_on()

    def _sends(self, request: Request) -> bool:
        """Whether the first attempt's request was sent; where not, it is gone on with from where it is."""
        call, runtime = self._call, self.runtime
        step = self._chosen(request)
        if step is None:
            return False
        if runtime.pipeline.attempt_started:
            tell_at_once(runtime.pipeline.attempt_started, call, self._deployment)
        self.started = time.monotonic()
        try:
            if defaults := self._deployment.defaults:
                request = request.with_members(request.dialect.with_defaults(request.members, defaults))
            said = self._said = step.call(call, request, self._deployment)
            if type(said) is not Exchange or type(said.request) is not UpstreamRequest:
                return False
            if said.frames is not None or said.wait or said.otherwise is not None:
                return False
            self._limits = runtime.policy.limits(call, self._deployment)
            sent = self._sent = self._transport.kept(said.request, self._limits.total)
        except Exception as error:  # raised again where it can be waited for what follows, such as another attempt
            self._said = error
            return False
        if sent is None:
            return False
        sent.send(self)
        return True

    def _chosen(self, request: Request) -> Step | None:
        """The provider of the first attempt, if nothing has to be waited for before it is asked."""
        call, runtime = self._call, self.runtime
        noted, routed = len(call.notes), len(call.routed)
        try:
            resolved = resolve(runtime, call, request.model or call.model)
            call.group = resolved.group
            levels = self._gateway.levels(runtime, call, request, resolved, 0)
            deployment = levels[0][0]
            step = runtime.pipeline.provider_call[deployment.provider]
        except Exception:  # raised again where it can be waited for what follows, such as a fallback
            del call.notes[noted:], call.routed[routed:]
            call.group, call.space, call.selected_by_task = call.model, None, None
            return None
        self.levels = levels
        if step.is_async or deployment.mock_response is not None:
            return None
        self._deployment = call.deployment = deployment
        return step

    def _answered(self, head: Head, body: bytes) -> None:
        gateway, call, runtime = self._gateway, self._call, self.runtime
        assert self.started is not None
        seconds = time.monotonic() - self.started
        reply = self._read(head, body)
        if reply is None:
            self._head, self._body = head, body
            self._go_on()
            return
        call.upstream_seconds += seconds
        gateway.cooldowns.succeeded(self._deployment)
        attempt = note_attempt(call, self._deployment, self.started, None, call.group)
        if runtime.pipeline.attempt_finished:
            gateway.background.tell(runtime.pipeline.attempt_finished, call, attempt)
        try:
            reply = outward_at_once(call, self.inward[0], reply)
            call.usage = reply.usage
            reply = as_said(call, reply)
        except BaseException as error:
            self._told.go_on(gateway.answer_failure(runtime, call, error))
            return
        gateway.finish(runtime, call, None, False)
        self._told.reply(reply)

    def _read(self, head: Head, body: bytes) -> Reply | None:
        """The reply, if it is one and no error, a packed body, or the way to another exchange."""
        most = self._limits.reply_bytes
        if "content-encoding" in head.headers or (most is not None and len(body) > most):
            return None
        try:
            reply = self._said.read(UpstreamResponse(head.status, head.headers, body))
        except Exception:  # raised again where it can be waited for what follows, such as another attempt
            return None
        return reply if isinstance(reply, Reply) else None


async def _raised(error: Exception) -> Reply:
    raise error
