"""Topaz Labs' services: which of them has a model."""

# https://developer.topazlabs.com/api-reference/api-endpoints/image, and the pages of the models

from __future__ import annotations

import re
from typing import Final

SERVICES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("enhance", re.compile(r"Standard V2|Low Resolution V2|CGI|(Upscale )?High Fidelity V\d|Text Refine")),
    ("enhance-gen", re.compile(r"(Wonder|Bloom|Recover|Recovery)\b.*|Standard MAX|Redefine|Reimagine|Detail")),
    ("sharpen", re.compile(r"(Lens|Motion) Blur.*|Standard|Strong|Natural|Refocus|Wildlife|Portrait")),
    ("sharpen-gen", re.compile(r"Super Focus.*")),
    ("denoise", re.compile(r"Normal|Strong|Extreme")),
    ("restore-gen", re.compile(r"Dust-Scratch.*")),
    ("lighting", re.compile(r"Adjust.*|White Balance|Colorize|Relight.*")),
    ("matting", re.compile(r"Object|RemoveBG")),
    ("tool", re.compile(r"Transparency Upscale")),
)
"""The paths of the services, and the whole names of their models; `Strong` sharpens unless its service is named."""
SIZED: Final = frozenset({"enhance", "enhance-gen", "tool"})
"""Services that make images of another size."""


def service_of(model: str) -> tuple[str, str]:
    """The service and the model of a name: `denoise/Strong` says both, models that nobody knows enhance."""
    named, slash, own = model.partition("/")
    if slash and any(named == service for service, _ in SERVICES):
        return named, own
    return next((service for service, models in SERVICES if models.fullmatch(model)), SERVICES[0][0]), model
