"""What a call says about itself to the caller, by header name without a prefix."""

from __future__ import annotations

import time
from functools import lru_cache
from urllib.parse import urlsplit

from nova_core._version import __version__
from nova_core.gateway.accounting import cost_of
from nova_core.types.call import Call

MILLISECONDS = 1000.0


def summary(call: Call) -> dict[str, str]:
    """Call id, deployment, group, cost (absent when unknown), attempts, overhead and what plugins add."""
    seconds = time.monotonic() - call.started
    found = {
        "call-id": call.id,
        "version": __version__,
        "attempted-retries": str(max(0, len(call.attempts) - 1 - call.fallbacks)),
        "attempted-fallbacks": str(call.fallbacks),
        "response-duration-ms": f"{seconds * MILLISECONDS:.3f}",
        "overhead-duration-ms": f"{max(0.0, seconds - call.upstream_seconds) * MILLISECONDS:.3f}",
    }
    if call.deployment is not None:
        found["model-id"] = call.deployment.id
        found["model-group"] = call.group
        if call.deployment.api_base:
            found["model-api-base"] = bare_address(call.deployment.api_base)
    cost = None if call.streaming else cost_of(call)
    if cost is not None:
        found["response-cost"] = f"{cost:f}"
    if call.space is not None:
        found["embedding-space"] = call.space.name
    if call.fidelity.dropped:
        found["dropped-params"] = ",".join(call.fidelity.dropped)
    found.update(call.reply_headers)
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
