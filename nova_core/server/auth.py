"""Who is calling: where a credential is read from, and which principal it stands for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from nova_core.config.sections import GeneralSettings, StaticKey
from nova_core.errors import AuthenticationError, PermissionDeniedError
from nova_core.plugins.compiler import Step
from nova_core.types.principal import ANONYMOUS, Credential, Principal

CREDENTIAL_HEADERS = (
    "x-nova-api-key",
    "x-litellm-api-key",
    "authorization",
    "api-key",
    "x-api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
)
"""Where a key may stand; the first that is not empty counts."""

PRIVATE_HEADERS = frozenset({*CREDENTIAL_HEADERS, "cookie", "proxy-authorization"})
"""Headers that no plugin, upstream or log sees."""

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def credential_of(headers: Mapping[str, str], *, client_host: str | None, path: str) -> Credential:
    """What the caller sent as proof."""
    visible = {name: value for name, value in headers.items() if name not in PRIVATE_HEADERS}
    for name in CREDENTIAL_HEADERS:
        sent = headers.get(name)
        if sent and (key := _without_scheme(sent)):
            return Credential(key, name, client_host, path, visible)
    return Credential(None, "none", client_host, path, visible)


def _without_scheme(value: str) -> str:
    """The key of `Bearer KEY`, `Basic …` (its user name) or of a bare value."""
    scheme, space, rest = value.strip().partition(" ")
    if not space:
        return "" if scheme.lower() == "bearer" else scheme
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return value.strip()


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of one configuration, as digests. Without keys and without plugins that authenticate it is open."""

    entries: tuple[tuple[bytes, Principal], ...] = field(default=(), repr=False)
    plugins: tuple[Step, ...] = ()
    origins: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        """Whether everybody may call."""
        return not self.entries and not self.plugins

    async def authenticate(self, credential: Credential) -> Principal:
        """The principal: a plugin's answer, else the owner of the key. Raises AuthenticationError."""
        for step in self.plugins:
            principal = await step.ask(credential)
            if isinstance(principal, Principal):
                return principal
        if self.is_open:
            self._refuse_strange_origin(credential)
            return ANONYMOUS
        if credential.key is None:
            raise AuthenticationError(
                "No API key was sent: send it as `Authorization: Bearer KEY`, `x-api-key` or `api-key`.",
                type="auth_error",
            )
        principal = self._owner(credential.key)
        if principal is None:
            raise AuthenticationError("The API key is not valid here.", type="auth_error")
        return principal

    def _owner(self, key: str) -> Principal | None:
        """Compare with every entry, so that the time taken tells nothing about any of them."""
        sent = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        found: Principal | None = None
        for digest, principal in self.entries:
            if hmac.compare_digest(digest, sent):
                found = principal
        return found

    def _refuse_strange_origin(self, credential: Credential) -> None:
        """An open gateway on the loopback must not be used by any web page that the operator's browser shows."""
        origin = credential.headers.get("origin")
        if origin is None or origin in self.origins or "*" in self.origins:
            return
        try:
            host = urlsplit(origin).hostname
        except ValueError:
            host = None
        if host not in LOOPBACK_HOSTS:
            raise PermissionDeniedError(
                "Web pages of other origins may not call a gateway without keys; "
                "the operator can allow them with general_settings.cors_origins."
            )


def keyring_of(settings: GeneralSettings, plugins: tuple[Step, ...]) -> Keyring:
    """The master key and the static keys of these settings."""
    entries: list[tuple[bytes, Principal]] = []
    if settings.master_key is not None:
        digest = _digest(settings.master_key.get_secret_value())
        entries.append((digest, Principal(id="master", name="master", admin=True)))
    entries.extend(_entry(key) for key in settings.keys)
    return Keyring(tuple(entries), plugins, frozenset(settings.cors_origins))


def _entry(key: StaticKey) -> tuple[bytes, Principal]:
    digest = _digest(key.key.get_secret_value())
    tags = key.metadata.get("tags")
    principal = Principal(
        id=f"key-{digest.hex()[:16]}",
        name=key.name,
        models=tuple(key.models),
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        metadata=key.metadata,
    )
    return digest, principal


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
