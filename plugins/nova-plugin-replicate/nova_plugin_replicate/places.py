"""Which resource makes the predictions of a model: the model, one version of it, or a deployment."""

# https://replicate.com/docs/reference/http (models.predictions.create, predictions.create, deployments.predictions…)

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

VERSION: Final = re.compile(r"(?:[^/:]+/[^/:]+:)?([0-9a-f]{64})")
DEPLOYMENT: Final = re.compile(r"deployments/([^/]+/[^/]+)")
KNOWN: Final = re.compile(r"(/(models|deployments)/[^/]+/[^/]+)?/predictions$")
"""What may stand at the end of a base that was copied from documentation."""


def version_of(model: str) -> str | None:
    """The version that a name ends in; None for a model whose owner says which one runs."""
    found = VERSION.fullmatch(model)
    return found[1] if found else None


def predictions_url(base: str, model: str) -> str:
    """Where predictions of a model are made."""
    if version_of(model) is not None:
        return below(base, "/predictions")
    deployed = DEPLOYMENT.fullmatch(model)
    resource = f"/deployments/{quote(deployed[1])}" if deployed else f"/models/{quote(model)}"
    return below(base, f"{resource}/predictions")


def below(base: str, path: str) -> str:
    """A path of the API whose address is `base`."""
    parts = urlsplit(base)
    return urlunsplit((parts.scheme, parts.netloc, KNOWN.sub("", parts.path.rstrip("/")) + path, parts.query, ""))


def is_near(url: str, base: str) -> bool:
    """Whether an address that an answer names belongs to whom the base belongs, so that it may be sent the key."""
    host, home = urlsplit(url).hostname or "", urlsplit(base).hostname or ""
    return host == home or (home.endswith(".replicate.com") and host.endswith(".replicate.com"))
