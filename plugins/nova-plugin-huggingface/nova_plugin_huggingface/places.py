"""Where models are served: behind the router, or by a server of one's own."""

# https://huggingface.co/docs/inference-providers/index and …/hub-api,
# https://huggingface.co/docs/text-embeddings-inference/quick_tour

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

ROUTER: Final = "https://router.huggingface.co/v1"
ROUTER_HOST: Final = "router.huggingface.co"
OWN_SERVICE: Final = "hf-inference"
SUB_PROVIDER: Final = re.compile(r"([^/]+)/([^/]+/[^/]+)")
"""`provider/organisation/name`; names on the hub have two parts."""
FEATURES: Final = "/pipeline/feature-extraction"
OPENAI_BASE: Final = re.compile(r"/v1(/embeddings|/chat/completions)?$")
KNOWN: Final = re.compile(r"(/v1(/embeddings|/chat/completions)?|/embed|/rerank|/generate(_stream)?)$")
"""What may stand at the end of a base that was copied from documentation."""


def is_router(base: str) -> bool:
    """Whether it is the vendor's router that is asked."""
    return urlsplit(base).hostname == ROUTER_HOST


def routed(model: str) -> str:
    """A model's name as the router takes it: the provider that is to serve it after a colon."""
    named = SUB_PROVIDER.fullmatch(model)
    return f"{named[2]}:{named[1]}" if named else model


def service_of(model: str) -> tuple[str, str]:
    """The provider that a name says, else the vendor's own service; and the name on the hub."""
    named = SUB_PROVIDER.fullmatch(model)
    return (named[1], named[2]) if named else (OWN_SERVICE, model)


def service_url(base: str, model: str, pipeline: str = "") -> str:
    """Where the vendor's own service runs a model, and which of its pipelines where it has several."""
    parts = urlsplit(base)
    return urlunsplit((parts.scheme, parts.netloc, f"/{OWN_SERVICE}/models/{quote(model)}{pipeline}", "", ""))


def server_url(base: str, path: str) -> str:
    """Where a server of one's own has `path`; a base that ends in it stays, other known ends give way."""
    parts = urlsplit(base)
    place = KNOWN.sub("", parts.path.rstrip("/")) + path
    return urlunsplit((parts.scheme, parts.netloc, place, parts.query, ""))


def speaks_openai(base: str) -> bool:
    """Whether a base names the OpenAI-compatible half of a server."""
    return OPENAI_BASE.search(urlsplit(base).path.rstrip("/")) is not None


def extracts_features(base: str) -> bool:
    """Whether a base is the whole address of a pipeline."""
    return urlsplit(base).path.rstrip("/").endswith(FEATURES)
