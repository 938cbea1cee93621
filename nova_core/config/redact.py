"""Printing settings without their secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"

_SECRET_KEY = re.compile(
    r"(?:^|[_-])key(?:_id)?$|apikey|secret|passw(?:or)?d|passphrase|credentials?$|authorization|cookie|webhook"
    r"|(?:^|[_-])(?:dsn|bearer|sas|jwt)$|token$",
    re.IGNORECASE,
)
_COUNTS = re.compile(r"per_token$|_tokens$", re.IGNORECASE)
_HIDDEN_SECTIONS = frozenset({"environment_variables"})
_LOOKS_SECRET = re.compile(r"\b(?:sk|pk|rk|ghp|gho|xox[abp])[-_][A-Za-z0-9_\-]{4,}|\bBearer\s+\S+")
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_QUERY_SECRET = re.compile(r"([?&][^=&\s]*(?:key|token|secret|sig|password)[^=&\s]*=)[^&\s]+", re.IGNORECASE)


def redacted(value: Any) -> Any:
    """A deep copy safe to print: secrets, found by key name or by looks, become `***`; nulls and shapes stay."""
    if isinstance(value, Mapping):
        return {key: _entry(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return redacted_text(value) if isinstance(value, str) else value


def redacted_text(text: str) -> str:
    """Mask what looks like a key, a bearer token, or credentials inside a URL."""
    text = _USER_INFO.sub(f"{MASK}@", text)
    text = _QUERY_SECRET.sub(rf"\g<1>{MASK}", text)
    return _LOOKS_SECRET.sub(MASK, text)


def is_secret_key(name: str) -> bool:
    """Whether a key of this name holds a secret. Counts of tokens and prices per token do not."""
    return bool(_SECRET_KEY.search(name)) and not _COUNTS.search(name)


def _entry(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if is_secret_key(key):
        return MASK
    if key in _HIDDEN_SECTIONS:
        return _masked(value)
    return redacted(value)


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value if value is None else MASK
