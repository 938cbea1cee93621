"""Where a deployment of Azure OpenAI is served: deployment URLs of a dated version, or version 1."""

# https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

DEFAULT_VERSION: Final = "2025-02-01-preview"
UNDATED: Final = frozenset({"v1", "latest", "preview"})
"""Versions that name the API at `/openai/v1`, where the model stands in the body."""
RESPONSES: Final = "/responses"
WHOLE: Final = re.compile(r"/openai/deployments/[^/]+")
RESOURCE: Final = re.compile(r"(/openai(/v1|/responses|/deployments.*)?)?/?$")
"""What may stand after the resource's own address in a base that was copied from documentation."""


def operation_url(base: str, model: str, path: str, version: str) -> str:
    """The address of an operation, such as `/chat/completions`. A base with a deployment's name stays as it is."""
    parts = urlsplit(base)
    place = parts.path.rstrip("/").removesuffix(path)
    if WHOLE.search(place):
        return _joined(base, place + path, version)
    if version in UNDATED or place.endswith("/openai/v1"):
        return _joined(base, f"{_resource(place)}/openai/v1{path}", "preview" if version == "preview" else None)
    return _joined(base, f"{_resource(place)}/openai/deployments/{quote(model, safe='')}{path}", version)


def responses_url(base: str, version: str, path: str = RESPONSES) -> str:
    """The address of the Responses API, or of another `path` beside it.

    It has no deployment URLs; outside of version 1 it is in preview.
    """
    place = urlsplit(base).path.rstrip("/")
    stable = version in ("v1", "latest") or (place.endswith("/openai/v1") and version != "preview")
    return _joined(base, f"{_resource(place.removesuffix(RESPONSES))}/openai/v1{path}", None if stable else "preview")


def _resource(place: str) -> str:
    return RESOURCE.sub("", place)


def _joined(base: str, path: str, version: str | None) -> str:
    """The path at the base's host; a version that the base states is kept."""
    parts = urlsplit(base)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if version is not None:
        query.setdefault("api-version", version)
    return urlunsplit((parts.scheme, parts.netloc, path, urlencode(query), ""))
