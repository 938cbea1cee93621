"""Where a tenant's deployments are served, and what stands in a model's name."""

# https://docs.predibase.com/user-guide/inference/migrate-openai

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

OWN: Final = "https://serving.app.predibase.com"
WHOLE: Final = re.compile(r"/deployments/v2/llms/[^/]+")
"""The part of a base that names a deployment by itself."""
KNOWN: Final = re.compile(r"(/v1(/chat/completions|/completions)?|/generate(_stream)?)$")
"""What may stand at the end of a base that was copied from documentation."""


def deployment_and_adapter(model: str) -> tuple[str, str]:
    """`deployment:repository/version`: the deployment, and the adapter it is to answer with; empty for none."""
    deployment, _, adapter = model.partition(":")
    return deployment, adapter


def address(base: str, tenant: str, model: str, path: str) -> str:
    """Where a deployment has `path` of OpenAI's API."""
    parts = urlsplit(base)
    place = KNOWN.sub("", parts.path.rstrip("/"))
    if not WHOLE.search(place):
        name, _ = deployment_and_adapter(model)
        owner = "" if place or not tenant else f"/{quote(tenant, safe='')}"
        place = f"{place}{owner}/deployments/v2/llms/{quote(name, safe='')}"
    return urlunsplit((parts.scheme, parts.netloc, f"{place}/v1{path}", parts.query, ""))
