"""Predictions of image models as dialects that only an upstream speaks."""

# The input schemas on the models' own pages, such as https://replicate.com/black-forest-labs/flux-schnell/api/schema

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import Image, ImagesReply
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Units, Usage
from nova_core.wire.file_in_json import DataUrl
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.painted_masks import Marked
from nova_core.wire.plain_images import own_inputs, plain_edit, plain_request, shape_of, width_and_height
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_replicate import prediction

NAME: Final = "replicate_images"
EDITS: Final = "replicate_image_edits"
INPUTS: Final = {"n": "num_outputs", "output_format": "output_format", "compression": "output_quality"}
"""Fields of a request, and inputs that most models have."""
SHAPES: Final = ("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16")
SIZED: Final = re.compile(r"sdxl|stable-diffusion")
"""Models that edit images to a width and a height, where others are told a shape."""
MASKED: Final = re.compile(r"fill|inpaint|eraser|ideogram|sdxl|stable-diffusion")
"""Models that are told by a mask what to change."""
BLACK_MASKS: Final = re.compile(r"ideogram")
"""Those of them whose masks mark it in black, where others do so in white."""
SEVERAL: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"banana|seedream"), "image_input"),
    (re.compile(r"gpt-image|flux-2"), "input_images"),
    (re.compile(r"gen4-image"), "reference_images"),
    (re.compile(r"p-image-edit"), "images"),
    (re.compile(r"qwen-image-edit-"), "image"),
)
"""Models that take a list of images, and its input."""
ONE: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"kontext"), "input_image"),
    (re.compile(r"flux-(canny|depth)"), "control_image"),
    (re.compile(r"flux-redux"), "redux_image"),
    (re.compile(r"flux-1\.1"), "image_prompt"),
    (re.compile(r""), "image"),
)
"""Models that take one, and its input."""
MOST: Final = 14
DATA_URL: Final = re.compile(r"data:[^,]*;base64,")


class ReplicateImages(UpstreamOnly):
    """`{"input": {"prompt", "width", "height", "num_outputs", …}}` in, addresses of images out."""

    name = NAME
    operation: Operation = "image_generation"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream. Members that callers add are inputs that only the model knows."""
        notes = ForeignNotes(own=False, dialect=NAME)
        request = plain_request(typed, notes, *INPUTS)
        said: dict[str, Any] = {"prompt": request.prompt, **width_and_height(request, notes)}
        said |= {name: value for field, name in INPUTS.items() if (value := getattr(request, field)) is not None}
        said |= own_inputs(request)
        return {"model": request.model, "input": said}, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError for what is no prediction, and why one did not succeed."""
        prediction.check(members)

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """An `ImagesReply`. Raises BadGatewayError for an output that is no image."""
        self.check_reply(members)
        images = tuple(map(_image, _outputs(members)))
        return ImagesReply(images, prediction.created_at(members), usage=self.usage_of(members))

    def usage_of(self, members: Members) -> Usage | None:
        """The number of images."""
        return Usage(units=Units(images=len(_outputs(members))))


class ReplicateImageEdits(ReplicateImages):
    """The same with images, as `data:` URLs, under the names that models have for them."""

    name = EDITS
    operation: Operation = "image_edit"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream."""
        notes = ForeignNotes(own=False, dialect=EDITS)
        model = getattr(typed, "model", "")
        several = next((name for models, name in SEVERAL if models.search(model)), None)
        masked = ("mask",) if MASKED.search(model) else ()
        marked = Marked.BLACK if BLACK_MASKS.search(model) else Marked.WHITE
        request = plain_edit(typed, notes, *INPUTS, *masked, most=MOST if several else 1, marked=marked)
        said: dict[str, Any] = {"prompt": request.prompt}
        if SIZED.search(model):
            said |= width_and_height(request, notes)
        elif (shape := shape_of(request, notes, SHAPES)) is not None:
            said["aspect_ratio"] = shape
        said |= {name: value for field, name in INPUTS.items() if (value := getattr(request, field)) is not None}
        said |= own_inputs(request)
        images = [DataUrl(image) for image in request.images]
        one = next(name for models, name in ONE if models.search(model))
        said |= {several: images} if several else {one: images[0]}
        if masked and request.mask is not None:
            said["mask"] = DataUrl(request.mask)
        return {"model": model, "input": said}, notes.fidelity()


def _outputs(members: Members) -> list[Any]:
    output = decoded(members.get("output"))
    return output if isinstance(output, list) else [] if output is None else [output]


def _image(output: Any) -> Image:
    if not isinstance(output, str) or not output:
        raise BadGatewayError("the upstream's prediction holds no images")
    inline = DATA_URL.match(output)
    return Image(data=output[inline.end() :]) if inline else Image(url=output)


REPLICATE_IMAGES: Final = ReplicateImages()
REPLICATE_IMAGE_EDITS: Final = ReplicateImageEdits()
