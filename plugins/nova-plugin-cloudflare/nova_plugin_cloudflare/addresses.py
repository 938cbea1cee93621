"""Where an account's models are run: through OpenAI's API, or in their own words."""

# https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility and …/get-started/rest-api

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

OWN: Final = "https://api.cloudflare.com/client/v4/accounts/{CLOUDFLARE_ACCOUNT_ID}/ai/v1"
KNOWN: Final = re.compile(r"/ai(/(v1|run)(/.*)?)?$")
"""What may stand at the end of a base that was copied from documentation."""
GATEWAY: Final = re.compile(r"(/workers-ai)(/.*)?$")
"""The end of a base that leads through an AI Gateway, where paths are shorter."""


def openai_url(base: str, path: str) -> str:
    """Where the OpenAI-compatible API has `path`."""
    return _below(base, f"/v1{path}", f"/ai/v1{path}")


def run_url(base: str, model: str) -> str:
    """Where a model is run in its own words."""
    name = quote(model, safe="/@")
    return _below(base, f"/{name}", f"/ai/run/{name}")


def _below(base: str, through_gateway: str, direct: str) -> str:
    parts = urlsplit(base)
    path = parts.path.rstrip("/")
    if GATEWAY.search(path):
        place = GATEWAY.sub(r"\1", path) + through_gateway
    else:
        place = KNOWN.sub("", path) + direct
    return urlunsplit((parts.scheme, parts.netloc, place, parts.query, ""))
