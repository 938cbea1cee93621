"""Logins as tests write them, and the service that renews them."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

import msgspec

from nova_core.testing import ScriptedUpstream
from nova_core.types.deployment import Deployment
from nova_plugin_chatgpt.provider import Chatgpt

CLAIM = "https://api.openai.com/auth"


def token(name: str, *, seconds: float = 86_400, account: str | None = "acc-1") -> str:
    """An access token that ends in so many seconds."""
    claims: dict[str, Any] = {"exp": int(time.time() + seconds), "jti": name}
    if account is not None:
        claims[CLAIM] = {"chatgpt_account_id": account}
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (
        b'{"alg":"RS256"}', msgspec.json.encode(claims), name.encode() * 4
    ))  # fmt: skip


def written(folder: Path, **members: Any) -> Path:
    """The file of a login."""
    file = folder / "auth.json"
    file.write_bytes(msgspec.json.encode(members))
    return file


def read(file: Path) -> Any:
    """What the file of a login holds."""
    return msgspec.json.decode(file.read_bytes())


def deployed(provider: Chatgpt, upstream: ScriptedUpstream, folder: Path, **settings: Any) -> Deployment:
    """A deployment whose login is in this folder, and whose login service is the upstream."""
    base = f"{upstream.url}/codex"
    bare = Deployment("d", "public", "chatgpt", "gpt-5.4", api_base=base, settings=settings)
    return provider.complete(bare, {"CHATGPT_TOKEN_DIR": str(folder), "CHATGPT_AUTH_BASE": f"{upstream.url}/"})
