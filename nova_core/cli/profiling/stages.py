"""Which function belongs to which stage of a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

CALLER = "caller"
"""What is used in several stages counts for the one that uses it."""
OUTSIDE = "outside"
OTHER = "event loop"
"""What runs under no function of the gateway."""
STAGES: Mapping[str, Sequence[str]] = {
    "http": (
        "nova_core.server.protocol",
        "nova_core.server.direct",
        "nova_core.server.known_head",
        "nova_core.server.framing",
        "nova_core.server.upgrades",
        "nova_core.server.calls",
        "nova_core.server.body",
        "nova_core.server.app",
        "uvicorn",
    ),
    "parse": (
        "nova_core.server.desk",
        "nova_core.server.paths",
        "nova_core.server.scope",
        "nova_core.gateway.options",
    ),
    "auth": (
        "nova_core.server.auth",
        "nova_core.server.access",
        "nova_core.server.serving",
        "nova_core.gateway.routing:check_access",
        "nova_core.types.principal",
    ),
    "pre_call": ("nova_core.gateway.layers", "nova_core.plugins.steps"),
    "route": (
        "nova_core.gateway.gateway",
        "nova_core.gateway.routing",
        "nova_core.gateway.selection",
        "nova_core.gateway.fallbacks",
        "nova_core.gateway.attempts",
        "nova_core.gateway.cooldowns",
        "nova_core.gateway.policy",
        "nova_core.gateway.underway",
    ),
    "provider": (
        "nova_core.gateway.trying",
        "nova_core.wire.provider",
        "nova_core.wire.openai_compatible",
    ),
    "transport": (
        "nova_core.gateway.exchange",
        "nova_core.gateway.http1",
        "nova_core.gateway.http2",
        "nova_core.gateway.transport",
        "nova_core.gateway.transport_default",
    ),
    "render": (
        "nova_core.server.desk:CallDesk.reply_head",
        "nova_core.server.desk:CallDesk.stream_head",
        "nova_core.server.direct:DirectCall._write",
        "nova_core.server.direct:DirectCall.write",
        "nova_core.server.headers",
        "nova_core.server.streaming",
        "nova_core.gateway.pouring",
        "nova_core.gateway.relay",
        "nova_core.gateway.said",
        "nova_core.gateway.streamed",
        "nova_core.gateway.summary",
        "nova_core.gateway.writers",
        "nova_core.types.message:Reply.encode",
        "nova_core.wire.refrain",
        "nova_core.wire.translate",
    ),
    "accounting": (
        "nova_core.gateway.accounting",
        "nova_core.gateway.attempts:note_attempt",
        "nova_core.gateway.gateway:Gateway.finish",
        "nova_core.gateway.in_flight",
        "nova_core.server.access_log",
        "nova_core.server.ledger",
        "nova_core.server.logs",
        "nova_core.server.metrics",
        "nova_core.server.tally",
        "nova_core.types.prices",
    ),
    CALLER: ("nova_core.gateway.http1.alarm",),
    OUTSIDE: ("nova_core.cli.profiling.scene", "nova_core.cli.profiling.loopback"),
}
"""Modules and functions by stage; the longest name that fits decides, a module stands for all in it."""


class StageTable:
    """Looks functions up in such a table."""

    def __init__(self, stages: Mapping[str, Sequence[str]]) -> None:
        self._stages = {name: stage for stage, names in stages.items() for name in names}

    def __call__(self, module: str, function: str) -> str | None:
        """The stage of a function; None when it has none of its own."""
        stage = self._found(module, function)
        return None if stage == CALLER else stage

    def _found(self, module: str, function: str) -> str | None:
        parts = function.split(".")
        for end in range(len(parts), 0, -1):
            stage = self._stages.get(f"{module}:{'.'.join(parts[:end])}")
            if stage is not None:
                return stage
        while module:
            if module in self._stages:
                return self._stages[module]
            module = module.rpartition(".")[0]
        return None
