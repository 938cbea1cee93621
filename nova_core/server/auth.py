"""Who is calling: where a credential is read from, and which principal it stands for."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

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
    key, source = key_of(headers)
    return Credential(key, source, client_host, path, visible)


def key_of(headers: Mapping[str, str]) -> tuple[str | None, str]:
    """The key and the header it stood in; None and `none` without one."""
    for name in CREDENTIAL_HEADERS:
        sent = headers.get(name)
        if sent and (key := _without_scheme(sent)):
            return key, name
    return None, "none"


def with_key_of_query(headers: dict[str, str], query: bytes) -> dict[str, str]:
    """The headers, with the `key` of a query where they have none; it goes no further than a header's key does."""
    found = parse_qs(query.decode("latin-1")).get("key")
    return {**headers, "x-goog-api-key": found[0]} if found and key_of(headers)[0] is None else headers


def _without_scheme(value: str) -> str:
    """The key of `Bearer KEY`, `Basic …` (its user name) or of a bare value."""
    if value.startswith("Bearer ") and (key := value[7:].strip()):
        return key
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
    """The keys of one configuration, by digest. Without keys and without plugins that authenticate it is open."""

    entries: Mapping[bytes, Principal] = field(default_factory=dict, repr=False)
    plugins: tuple[Step, ...] = ()
    origins: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        """Whether everybody may call."""
        return not self.entries and not self.plugins

    def at_once(self, headers: Mapping[str, str]) -> Principal | None:
        """The principal where nobody has to be asked for it, else None. Raises AuthenticationError."""
        if self.plugins:
            return None
        if self.entries:
            return self._of_key(key_of(headers)[0])
        return None if "origin" in headers else ANONYMOUS

    async def authenticate(self, credential: Credential) -> Principal:
        """The principal: a plugin's answer, else the owner of the key. Raises AuthenticationError."""
        for step in self.plugins:
            principal = await step.ask(credential)
            if isinstance(principal, Principal):
                return principal
        if self.is_open:
            self._refuse_strange_origin(credential)
            return ANONYMOUS
        return self._of_key(credential.key)

    def _of_key(self, key: str | None) -> Principal:
        if key is None:
            raise AuthenticationError(
                "No API key was sent: send it as `Authorization: Bearer KEY`, `x-api-key` or `api-key`.",
                type="auth_error",
            )
        # Found by its digest: what the search compares tells nothing about a key.
        principal = self.entries.get(hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest())
        if principal is None:
            raise AuthenticationError("The API key is not valid here.", type="auth_error")
        return principal

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
    entries: dict[bytes, Principal] = {}
    if settings.master_key is not None:
        digest = _digest(settings.master_key.get_secret_value())
        entries[digest] = Principal(id="master", name="master", admin=True)
    entries.update(_entry(key) for key in settings.keys)
    return Keyring(entries, plugins, frozenset(settings.cors_origins))


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
