"""Credentials as operators give them: JSON text, an object, a file, or what the machine has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from nova_core.errors import ConfigurationError
from nova_core.types.secret import Secret
from nova_plugin_vertex_ai.credentials import (
    AuthorizedUser,
    Credentials,
    ExternalAccount,
    Impersonated,
    Metadata,
    ServiceAccount,
    WorkforceUser,
)
from nova_plugin_vertex_ai.federation import subject_of

ENVIRONMENT = ("VERTEXAI_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS")
TOKEN_URI = "https://oauth2.googleapis.com/token"
METADATA_HOST = "metadata.google.internal"


@dataclass(frozen=True, slots=True)
class Found:
    """Credentials, and the project that they belong to, if they say so."""

    credentials: Credentials
    project: str | None = None


def as_text(given: Any, environ: Mapping[str, str]) -> str:
    """What was given, or the environment names, as one text: JSON, or empty for the machine's own.

    Raises ConfigurationError for a file that cannot be read.
    """
    if isinstance(given, Mapping):
        return msgspec.json.encode(given).decode()
    text = given if isinstance(given, str) else ""
    text = text or next((environ[name] for name in ENVIRONMENT if environ.get(name, "").strip()), "")
    if not text.strip():
        own = Path(environ.get("HOME", "/nonexistent"), ".config/gcloud/application_default_credentials.json")
        return own.read_text(encoding="utf-8") if own.is_file() else ""
    if text.lstrip().startswith("{"):
        return text
    try:
        return Path(text).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"vertex_credentials: the file cannot be read: {error.strerror}") from error


def read(text: str, environ: Mapping[str, str], *, trusted: bool = True) -> Found:
    """The credentials in a text of `as_text`. Raises ConfigurationError.

    Credentials that make this process open files or addresses of their own are for the operator (`trusted`) alone.
    """
    if not text:
        return Found(Metadata(environ.get("GCE_METADATA_HOST") or METADATA_HOST))
    try:
        info = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ConfigurationError("vertex_credentials: neither JSON nor the path of a file with JSON") from error
    if not isinstance(info, dict):
        raise ConfigurationError("vertex_credentials: must be a JSON object")
    kind = info.get("type")
    if not trusted and kind != "service_account":
        raise ConfigurationError("vertex_credentials: callers may send keys of service accounts only")
    if not trusted:
        info["token_uri"] = TOKEN_URI
    project = info.get("project_id") or info.get("quota_project_id")
    return Found(_of_kind(kind, info, environ), project if isinstance(project, str) else None)


def _of_kind(kind: Any, info: Mapping[str, Any], environ: Mapping[str, str]) -> Credentials:
    match kind:
        case "service_account":
            key_id = info.get("private_key_id")
            email, key = _text(info, "client_email"), Secret(_text(info, "private_key"))
            return ServiceAccount(email, key, _token_uri(info), key_id if isinstance(key_id, str) else None)
        case "authorized_user":
            secrets = Secret(_text(info, "client_secret")), Secret(_text(info, "refresh_token"))
            return AuthorizedUser(_text(info, "client_id"), *secrets, _token_uri(info))
        case "external_account":
            return _external(info, environ)
        case "external_account_authorized_user":
            secrets = Secret(_text(info, "client_secret")), Secret(_text(info, "refresh_token"))
            return WorkforceUser(_text(info, "client_id"), *secrets, _text(info, "token_url"))
        case "impersonated_service_account":
            source = info.get("source_credentials")
            source = source if isinstance(source, Mapping) else {}
            url = _text(info, "service_account_impersonation_url")
            return Impersonated(_of_kind(source.get("type"), source, environ), url, tuple(info.get("delegates") or ()))
    raise ConfigurationError(f"vertex_credentials: credentials of type {kind!r} are not supported")


def _external(info: Mapping[str, Any], environ: Mapping[str, str]) -> Credentials:
    audience, kind, url = (_text(info, name) for name in ("audience", "subject_token_type", "token_url"))
    account = ExternalAccount(audience, kind, url, subject_of(info, environ))
    acting, options = info.get("service_account_impersonation_url"), info.get("service_account_impersonation")
    seconds = options.get("token_lifetime_seconds") if isinstance(options, Mapping) else None
    if not isinstance(acting, str):
        return account
    return Impersonated(account, acting, seconds=seconds) if isinstance(seconds, int) else Impersonated(account, acting)


def _token_uri(info: Mapping[str, Any]) -> str:
    uri = info.get("token_uri")
    return uri if isinstance(uri, str) and uri else TOKEN_URI


def _text(info: Mapping[str, Any], name: str) -> str:
    value = info.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"vertex_credentials: `{name}` is missing")
    return value
