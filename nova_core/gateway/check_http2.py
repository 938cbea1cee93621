"""Whether the extra for HTTP/2 is there, where a configuration needs it."""

from __future__ import annotations

from nova_core.config.explain import Problem
from nova_core.config.schema import Settings
from nova_core.gateway.http2 import HOW_TO_INSTALL, NOT_INSTALLED, http2_installed


def http2_problems(settings: Settings) -> list[Problem]:
    """What is missing: without it nothing starts, rather than failing at the first call."""
    if not settings.nova.http2_hosts or http2_installed():
        return []
    where = settings.locate(("nova_settings", "http2_hosts"))
    return [Problem("error", "http2_missing", NOT_INSTALLED, HOW_TO_INSTALL, where)]
