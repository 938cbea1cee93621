"""The services of the Stable Image API, which their vendor is sent in forms, and other places in JSON."""

# https://platform.stability.ai/docs/api-reference, "Generate", "Edit", "Upscale" and "Control" (v2beta), and
# https://docs.aws.amazon.com/bedrock/latest/userguide/stable-image-services.html

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nova_core.errors import BadRequestError

FAMILY: Final = "sd3"
"""The service of the models that begin so; others are services themselves."""
RELEASE: Final = re.compile(r"-v\d+:\d+$")
"""What may stand after a name."""
SHAPES: Final = ("1:1", "16:9", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")


@dataclass(frozen=True, slots=True)
class Service:
    """`images` are the fields of the first image and the following ones. `masked`, `prompted` and `shaped` say whether
    there are fields for a mask, a prompt and an aspect ratio; `mode` is sent where a request must say what it asks for.
    """

    path: str
    images: tuple[str, ...] = ("image",)
    masked: bool = False
    prompted: bool = True
    shaped: bool = False
    mode: str | None = None


SERVICES: Final[Mapping[str, Service]] = {
    "erase": Service("edit/erase", masked=True, prompted=False),
    "inpaint": Service("edit/inpaint", masked=True),
    "outpaint": Service("edit/outpaint"),
    "search-and-replace": Service("edit/search-and-replace"),
    "search-and-recolor": Service("edit/search-and-recolor"),
    "remove-background": Service("edit/remove-background", prompted=False),
    "replace-background-and-relight": Service(
        "edit/replace-background-and-relight", images=("subject_image", "background_reference"), prompted=False
    ),
    "upscale-fast": Service("upscale/fast", prompted=False),
    "upscale-conservative": Service("upscale/conservative"),
    "upscale-creative": Service("upscale/creative"),
    "sketch": Service("control/sketch"),
    "structure": Service("control/structure"),
    "style": Service("control/style", shaped=True),
    "style-transfer": Service("control/style-transfer", images=("init_image", "style_image")),
    "ultra": Service("generate/ultra"),
    FAMILY: Service("generate/sd3", mode="image-to-image"),
}
"""Services that take images, by name."""
NAMES: Final[Mapping[str, str]] = {
    "erase-object": "erase",
    "search-replace": "search-and-replace",
    "search-recolor": "search-and-recolor",
    "fast-upscale": "upscale-fast",
    "conservative-upscale": "upscale-conservative",
    "creative-upscale": "upscale-creative",
    "control-sketch": "sketch",
    "control-structure": "structure",
    "style-guide": "style",
}
"""Names that services have elsewhere."""


def service_of(model: str) -> str:
    """The name of the service that a model is, or that makes its images."""
    if model.startswith(FAMILY):
        return FAMILY
    name = RELEASE.sub("", model).removeprefix("stable-image-").removeprefix("stable-")
    return NAMES.get(name, name)


def drawing_operations(served: frozenset[str], model: str) -> frozenset[str]:
    """What a model does of what its server does: make images, edit them, or both; no name may be any model."""
    service = SERVICES.get(service_of(model))
    if service is None:
        return served - {"image_edit"} if model else served
    return served if service.path.startswith("generate/") else served - {"image_generation"}


def editing_service(model: str) -> Service:
    """The service that edits images. Raises BadRequestError for a model that edits none."""
    service = SERVICES.get(service_of(model))
    if service is None:
        raise BadRequestError(f"{model} edits no images; these do: {', '.join(SERVICES)}", param="model")
    return service
