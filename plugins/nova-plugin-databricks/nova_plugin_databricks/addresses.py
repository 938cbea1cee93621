"""Where a workspace serves its models: as endpoints, or as services of its gateway."""

# https://docs.databricks.com/aws/en/machine-learning/model-serving/score-foundation-models,
# https://learn.microsoft.com/azure/databricks/ai-gateway/query-endpoints-beta

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit, urlunsplit

ENDPOINTS: Final = "/serving-endpoints"
GATEWAY: Final = "/ai-gateway"
PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "chat": (f"{ENDPOINTS}/chat/completions", f"{GATEWAY}/mlflow/v1/chat/completions"),
    "completion": (f"{ENDPOINTS}/completions", f"{GATEWAY}/mlflow/v1/completions"),
    "embedding": (f"{ENDPOINTS}/embeddings", f"{GATEWAY}/mlflow/v1/embeddings"),
    "messages": (f"{ENDPOINTS}/anthropic/v1/messages", f"{GATEWAY}/anthropic/v1/messages"),
    "responses": (f"{ENDPOINTS}/responses", f"{GATEWAY}/openai/v1/responses"),
}
"""Paths by what is served there: of endpoints, and of the gateway's services."""
KNOWN: Final = re.compile(rf"({ENDPOINTS}|{GATEWAY})(/.*)?$")
WHOLE: Final = "/invocations"
"""The end of an address that names its endpoint and takes every operation."""


def address(base: str, model: str, place: str) -> str:
    """Where `place` is served. Names of the catalog (`catalog.schema.name`) are services of the gateway."""
    parts = urlsplit(base)
    path = parts.path.rstrip("/")
    if path.endswith(WHOLE):
        return base
    through_gateway = model.count(".") >= 2 or GATEWAY in path
    served = PLACES[place][through_gateway]
    return urlunsplit((parts.scheme, parts.netloc, KNOWN.sub("", path) + served, parts.query, ""))


def workspace(base: str) -> str:
    """The address of the workspace itself."""
    parts = urlsplit(base)
    return urlunsplit((parts.scheme, parts.netloc, "", "", ""))
