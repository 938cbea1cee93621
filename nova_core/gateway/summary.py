"""What a call says about itself to the caller, by header name without a prefix."""

from __future__ import annotations

import time
from functools import lru_cache
from urllib.parse import urlsplit

from nova_core._version import __version__
from nova_core.gateway.accounting import cost_of
from nova_core.gateway.why import decision_line
from nova_core.types.call import Call

MILLISECONDS = 1000.0


def summary(call: Call) -> dict[str, str]:
    """Call id, deployment, group, cost (absent when unknown), attempts, overhead and what plugins add."""
    retries, fallbacks, total, own = course(call)
    return {
        "call-id": call.id,
        "attempted-retries": str(retries),
        "attempted-fallbacks": str(fallbacks),
        "response-duration-ms": f"{total:.3f}",
        "overhead-duration-ms": f"{own:.3f}",
        **place(call),
        **({} if (cost := shown_cost(call)) is None else {"response-cost": cost}),
        **said(call),
    }


def course(call: Call) -> tuple[int, int, float, float]:
    """Retries, fallbacks, and the milliseconds of the whole call and of the gateway's own part."""
    seconds = time.monotonic() - call.started
    retries = len(call.attempts) - 1 - call.fallbacks
    own = seconds - call.upstream_seconds
    return (
        retries if retries > 0 else 0,
        call.fallbacks,
        seconds * MILLISECONDS,
        own * MILLISECONDS if own > 0 else 0.0,
    )


def place(call: Call) -> dict[str, str]:
    """Version, deployment, group and space of vectors: what does not change from call to call."""
    found = {"version": __version__}
    if call.deployment is not None:
        found["model-id"] = call.deployment.id
        found["model-group"] = call.group
        if call.deployment.api_base:
            found["model-api-base"] = bare_address(call.deployment.api_base)
    if call.space is not None:
        found["embedding-space"] = call.space.name
    return found


def shown_cost(call: Call) -> str | None:
    """The cost in US dollars, where it is known; that of a stream is known at its end alone.

    Speech is always a stream. What it costs by the character is known before, and for who reads all of it before asking
    for this, the end is there.
    """
    cost = None if call.streaming and call.operation != "speech" else cost_of(call)
    return None if cost is None else f"{cost:f}"


def said(call: Call) -> dict[str, str]:
    """What only some calls have: dropped parameters, what plugins say."""
    found: dict[str, str] = {}
    if call.fidelity.notes and (dropped := call.fidelity.dropped):
        found["dropped-params"] = ",".join(dropped)
    if call.reply_headers:
        found.update(call.reply_headers)
    if call.options.explain and call.principal.admin:
        found["decision"] = decision_line(call)
    return found


@lru_cache(maxsize=1024)
def bare_address(url: str) -> str:
    """An address without credentials, query or fragment."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.scheme}://{host}{port}{parts.path}"
