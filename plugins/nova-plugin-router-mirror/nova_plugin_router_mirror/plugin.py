"""The hooks: which calls are copied, and the copies."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from random import Random

from nova_core.errors import ConfigurationError, NovaError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call, CallOptions, CallRecord
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request, Stream
from nova_core.types.plugin import ConfigSection, GatewayView
from nova_core.types.principal import Principal
from nova_core.types.upload import files_of
from nova_core.wire.openai_responses import NAME as RESPONSES
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from nova_core.wire.probing import PROBER

logger = logging.getLogger("nova.router-mirror")

MIRROR = Principal(id="mirror", name="mirror")
MOST_AT_ONCE = 64
SECONDS = 600.0
COPY, COPY_OF = "is_silent_experiment", "mirror_of"
NO_CACHE = {"no-cache": True, "no-store": True}


class RouterMirror:
    """One per configuration. `random` draws which calls are copied."""

    def __init__(self, random: Random | None = None) -> None:
        self._random = random or Random()
        self._gateway: GatewayView | None = None
        self._running = 0
        self._left_out = 0

    @hookimpl
    def register_config(self) -> Sequence[ConfigSection]:
        """Keys beside those that the core reads."""
        return (ConfigSection(("params",), ("silent_model", "silent_share")),)

    @hookimpl
    def startup(self, gateway: GatewayView) -> None:
        """Raises ConfigurationError for a share that is none."""
        self._gateway = gateway
        for deployment in gateway.catalog.by_id.values():
            share = deployment.settings.get("silent_share", 1)
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
                raise ConfigurationError(f"silent_share of '{deployment.group}' must be a number from 0 to 1")

    @hookimpl
    def call_finished(self, record: CallRecord) -> None:
        """Copy what is to be copied, in the background."""
        call, gateway = record.call, self._gateway
        if gateway is None or call.deployment is None or call.principal in (MIRROR, PROBER):
            return
        targets = targets_of(call.deployment)
        share = call.deployment.settings.get("silent_share", 1)
        if not targets or (share < 1 and self._random.random() >= share):
            return
        request = copied(call.original)
        for target in targets if request is not None else ():
            if self._running >= MOST_AT_ONCE:
                self._leave_out()
                return
            assert request is not None
            self._running += 1
            copy = Call(
                request.with_members({"model": target}),
                principal=MIRROR,
                options=CallOptions(
                    num_retries=0,
                    disable_fallbacks=True,
                    timeout=SECONDS,
                    cache=NO_CACHE,
                    metadata={COPY: True, COPY_OF: call.id},
                ),
                tags=call.tags,
                route="mirror",
            )
            gateway.spawn(self._run(gateway, copy), name="copy a call")

    async def _run(self, gateway: GatewayView, copy: Call) -> None:
        try:
            answer = await gateway.run(copy)
            if isinstance(answer, Stream):
                await _read_to_its_end(answer)
        except NovaError as error:
            logger.info("the copy of call %s to '%s' failed: %s", copy.options.metadata[COPY_OF], copy.model, error)
        finally:
            self._running -= 1

    def _leave_out(self) -> None:
        """Said at the first, the tenth, the hundredth copy that is left out, and so on."""
        self._left_out += 1
        if set(str(self._left_out)[1:]) <= {"0"} and str(self._left_out)[0] == "1":
            logger.warning("%d copies were left out so far: %d run already", self._left_out, MOST_AT_ONCE)


async def _read_to_its_end(stream: Stream) -> None:
    """What is read is counted; what breaks the stream is raised."""
    try:
        if stream.frames is not None:
            async for _ in stream.frames:
                pass
        elif stream.chunks is not None:
            async for _ in stream.chunks:
                pass
    finally:
        await stream.aclose()


def targets_of(deployment: Deployment) -> tuple[str, ...]:
    """The model groups that calls of a deployment are copied to."""
    given = deployment.settings.get("silent_model") or ()
    return (given,) if isinstance(given, str) else tuple(map(str, given))


def copied(request: Request) -> Request | None:
    """The request without what ties it to the caller's conversation; None when it cannot be without.

    Nor can a request with a file be copied: its bytes are gone with the caller's request.
    """
    if files_of(request.members):
        return None
    if request.dialect.name != RESPONSES:
        return request
    if "previous_response_id" in request.members:
        return None
    return Request(request.operation, OPENAI_RESPONSES, {**request.members, "store": False})
