"""Our own HTTP/2 client, on the protocol's rules as `h2` keeps them: an extra, imported where a host wants it."""

from __future__ import annotations

from importlib.util import find_spec

NOT_INSTALLED = "nova_settings.http2_hosts names hosts to be called over HTTP/2, which is not installed"
HOW_TO_INSTALL = "pip install 'nova-core[http2]'"


def http2_installed() -> bool:
    """Whether HTTP/2 can be spoken: its package is an extra."""
    return find_spec("h2") is not None
