"""Where a model lives on Vertex AI: project, location, publisher."""

# https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from nova_core.types.deployment import Deployment

DEFAULT_LOCATION = "us-central1"
GLOBAL = "global"
GEOGRAPHIES = ("us", "eu")
GLOBAL_MODELS = re.compile(r"^(models/)?gemini-([3-9]|\d\d)")
"""Models that are served globally, whatever region others are in."""
VERSION = re.compile(r"/v1(beta1|alpha1)?$")
WHOLE = re.compile(r"/locations/[^/]+$")
PROJECT = ("vertex_project", "vertex_ai_project")
LOCATION = ("vertex_location", "vertex_ai_location")
PROJECT_ENV = ("VERTEXAI_PROJECT", "GOOGLE_CLOUD_PROJECT")
LOCATION_ENV = ("VERTEXAI_LOCATION", "VERTEX_LOCATION", "GOOGLE_CLOUD_LOCATION")


def stated(settings: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The first of these settings that says something."""
    return next((value for name in names if isinstance(value := settings.get(name), str) and value.strip()), None)


def location_of(deployment: Deployment, environ: Mapping[str, str]) -> str:
    """The deployment's location; models that are only served globally need none."""
    fallback = GLOBAL if GLOBAL_MODELS.match(deployment.model) else DEFAULT_LOCATION
    return stated(deployment.settings, LOCATION) or stated(environ, LOCATION_ENV) or fallback


def host_of(location: str) -> str:
    """The vendor's address for a location."""
    if location == GLOBAL:
        return "https://aiplatform.googleapis.com"
    if location in GEOGRAPHIES:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def collection(deployment: Deployment, version: str) -> str:
    """The address up to and with the location, below which publishers and endpoints are.

    A base may end anywhere before that: at its host, a version, or the location itself.
    """
    parts = urlsplit(deployment.api_base or "")
    path = parts.path.rstrip("/")
    if not WHOLE.search(path):
        project, location = stated(deployment.settings, PROJECT), stated(deployment.settings, LOCATION)
        path = path if VERSION.search(path) else f"{path}/{version}"
        if project is not None:
            path += f"/projects/{quote(project, safe=':')}/locations/{location}"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def below(address: str, path: str) -> str:
    """A path below an address, whose query stays."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc, f"{parts.path}/{path}", parts.query, ""))
