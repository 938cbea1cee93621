"""The handshake of a WebSocket: who asks for it, from which page, and how it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from nova_core.errors import BadRequestError, NovaError, PermissionDeniedError
from nova_core.server.auth import key_of
from nova_core.server.body import Send
from nova_core.server.headers import RawHeaders
from nova_core.server.scope import Scope, headers_of

KEY_PREFIX = "openai-insecure-api-key."
OWN_PREFIX = "openai-"
"""How names of subprotocols begin that say something to the server, and are no protocol."""
OF_CONNECTION = frozenset({"connection", "upgrade"})
REFUSED_CODE = 1008
REFUSABLE = "websocket.http.response"
"""The ASGI extension for servers that can refuse a handshake with an answer of one's own."""
NOT_INSTALLED = "this gateway has no WebSockets: its operator can add them with `pip install 'nova-core[websockets]'`"


@dataclass(frozen=True, slots=True)
class Handshake:
    """What was said: headers without those of the connection itself, and the subprotocol to agree on, if any."""

    headers: dict[str, str]
    subprotocol: str | None


def handshake_of(scope: Scope) -> Handshake:
    """Read a handshake. Browsers, which can send no headers, send the key as a subprotocol beside another one."""
    found = headers_of(scope)
    headers = {
        name: found[name] for name in found if name not in OF_CONNECTION and not name.startswith("sec-websocket")
    }
    offered: list[str] = list(scope.get("subprotocols") or ())
    keys = [name.removeprefix(KEY_PREFIX) for name in offered if name.startswith(KEY_PREFIX)]
    if keys and key_of(headers)[0] is None:
        headers["authorization"] = f"Bearer {keys[0]}"
    return Handshake(headers, next((name for name in offered if not name.startswith(OWN_PREFIX)), None))


def check_origin(headers: Mapping[str, str], allowed: frozenset[str]) -> None:
    """Browsers let every page open WebSockets to everywhere, and say which it is. Raises PermissionDeniedError."""
    origin = headers.get("origin")
    if origin is None or origin in allowed or "*" in allowed:
        return
    host = _host(origin)
    if host is None or host != _host(f"//{headers.get('host', '')}"):
        raise PermissionDeniedError(
            "Web pages of other origins may not open WebSockets here; "
            "the operator can allow them with general_settings.cors_origins."
        )


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def offers_socket(headers: Mapping[str, str]) -> bool:
    """Whether a request is the handshake of a WebSocket."""
    return headers.get("upgrade", "").lower() == "websocket"


def not_installed() -> NovaError:
    """The answer where WebSockets would be served. Clients take this status for: go on over HTTP."""
    return BadRequestError(NOT_INSTALLED, status=426, code="websockets_not_installed")


async def refuse(scope: Scope, send: Send, status: int, headers: RawHeaders, content: bytes) -> None:
    """Refuse the handshake with an HTTP answer, where the server can; elsewhere it is a bare 403."""
    if REFUSABLE not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": REFUSED_CODE})
        return
    await send({"type": f"{REFUSABLE}.start", "status": status, "headers": headers})
    await send({"type": f"{REFUSABLE}.body", "body": content})
