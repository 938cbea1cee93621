"""Edits of images by Amazon's and Stability's models as dialects that upstreams speak."""

# https://docs.aws.amazon.com/nova/latest/userguide/image-gen-req-resp-structure.html, and of
# https://docs.aws.amazon.com/bedrock/latest/userguide: model-parameters-titan-image.html, stable-image-services.html

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from nova_core.errors import BadRequestError
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import ImageEditRequest
from nova_core.types.message import Operation, TypedRequest
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.painted_masks import Marked, painted
from nova_core.wire.plain_images import as_data, own_inputs, plain_edit, shape_of
from nova_core.wire.stable_image import FAMILY, SHAPES, editing_service, service_of
from nova_plugin_bedrock.notes import Body
from nova_plugin_bedrock.pictures import FORMATS, OPTIONS, BedrockImages, configured, sized

INPAINTING, OUTPAINTING, VARIATION, REMOVAL = "INPAINTING", "OUTPAINTING", "IMAGE_VARIATION", "BACKGROUND_REMOVAL"
PARAMS: Final = {
    INPAINTING: "inPaintingParams",
    OUTPAINTING: "outPaintingParams",
    VARIATION: "imageVariationParams",
    REMOVAL: "backgroundRemovalParams",
}
"""Tasks, and the objects of their parameters."""
TASK_WORDS: Final = ("taskType", "task_type")
WORDS: Final = {
    "negative_prompt": "negativeText",
    "negativeText": "negativeText",
    "maskPrompt": "maskPrompt",
    "mask_prompt": "maskPrompt",
    "outPaintingMode": "outPaintingMode",
    "similarityStrength": "similarityStrength",
    "returnMask": "returnMask",
}
MOST_VARIED: Final = 5
MARKED: Final = {INPAINTING: Marked.BLACK, OUTPAINTING: Marked.WHITE}
"""What changes: the inside of a mask, which is black, or what is outside."""


class AmazonEdits(BedrockImages):
    """Tasks of Titan's image generator and of Nova Canvas, chosen by `taskType`: with a mask, or words that find one,
    INPAINTING, and IMAGE_VARIATION without.
    """

    name = "amazon_image_edits"
    operation: Operation = "image_edit"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """The task with its images. Raises BadRequestError for a task that is none."""
        notes = ForeignNotes(own=False, dialect=self.name)
        mask = typed.mask if isinstance(typed, ImageEditRequest) else None
        unmasked = replace(typed, mask=None) if isinstance(typed, ImageEditRequest) else typed
        request = plain_edit(unmasked, notes, "n", "quality", most=MOST_VARIED)
        as_data(request, notes)
        own = own_inputs(request)
        task = _task(own, masked=mask is not None)
        if task != VARIATION and len(request.images) > 1:
            notes.lost("image[1]", f"{task} takes one image")
        params: Body = {"images": list(request.images)} if task == VARIATION else {"image": request.images[0]}
        if mask is not None and task in MARKED:
            params["maskImage"] = painted(mask, MARKED[task])
            notes.mapped("mask", MARKED[task].note)
        elif mask is not None:
            notes.lost("mask", f"{task} takes no mask")
        for name, value in own.items():
            if name in WORDS:
                params[WORDS[name]] = value
            elif name not in (*OPTIONS, *TASK_WORDS):
                notes.foreign({"": {name: value}})
        body: Body = {"model": request.model, "taskType": task, PARAMS[task]: params}
        if task == REMOVAL:
            notes.hint("prompt", "only the background is removed")
            return body, notes.fidelity()
        params["text"] = request.prompt
        config = configured(request, own, notes)
        if task == VARIATION:
            config |= sized(request, notes)
        elif request.size not in (None, "auto"):
            notes.lost("size", "an edited image is as large as before")
        return body | ({"imageGenerationConfig": config} if config else {}), notes.fidelity()


class StabilityEdits(BedrockImages):
    """Stability's services, which are told the same as at their vendor's, in JSON."""

    name = "stability_image_edits"
    operation: Operation = "image_edit"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """The images in the service's words. Raises BadRequestError for a model that edits none."""
        notes = ForeignNotes(own=False, dialect=self.name)
        named = getattr(typed, "model", "").rpartition("stability.")[2]
        service = editing_service(named)
        masked = ("mask",) if service.masked else ()
        request = plain_edit(typed, notes, "output_format", *masked, most=len(service.images))
        as_data(request, notes)
        body: Body = {"model": request.model}
        if service.mode is not None and service_of(named) == FAMILY:
            body["mode"] = service.mode
        if service.prompted:
            body["prompt"] = request.prompt
        else:
            notes.hint("prompt", "the service needs none")
        if request.output_format in FORMATS:
            body["output_format"] = request.output_format
        elif request.output_format is not None:
            notes.lost("output_format", "there is no such format")
        if not service.shaped and request.size not in (None, "auto"):
            notes.lost("size", "the service decides how large an image is")
        elif (shape := shape_of(request, notes, SHAPES)) is not None:
            body["aspect_ratio"] = shape
        body |= own_inputs(request) | dict(zip(service.images, request.images, strict=False))
        return body | ({} if request.mask is None or not masked else {"mask": request.mask}), notes.fidelity()


def _task(own: Body, *, masked: bool) -> str:
    """The task that a caller chooses, or that the mask does. Raises BadRequestError for what is none."""
    given = next((own[name] for name in TASK_WORDS if name in own), None)
    if given is None:
        return INPAINTING if masked or any(WORDS.get(name) == "maskPrompt" for name in own) else VARIATION
    if given not in PARAMS:
        raise BadRequestError(f"`taskType` must be one of {', '.join(PARAMS)}", param="taskType")
    return str(given)


AMAZON_EDITS: Final = AmazonEdits()
STABILITY_EDITS: Final = StabilityEdits()
