"""Imagen on Vertex AI: images as predictions."""

# https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api and …/imagen-api-edit

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError, ContentPolicyViolationError
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import Image, ImageEditRequest, ImageRequest, ImagesReply
from nova_core.types.message import Members, Operation, Request, TypedReply, TypedRequest, decoded
from nova_core.types.upstream import UpstreamRequest
from nova_core.types.usage import Units, Usage
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.gemini_api import in_json, with_verb
from nova_core.wire.gemini_images import output_options
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.plain_images import as_data, own_inputs, plain_edit, plain_request, shape_of
from nova_core.wire.provider import Lane
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_vertex_ai.gemini import VertexGemini

SHAPES: Final = ("1:1", "3:4", "4:3", "9:16", "16:9")
LARGE: Final = re.compile(r"imagen-(?!3|.*fast)")
"""Models that make images of two thousand pixels."""
ONE_K: Final = 1536
"""How long the longer side may be of an image that is not made in two thousand pixels."""
FORMATS: Final = frozenset({"png", "jpeg"})
MASKED: Final = "EDIT_MODE_INPAINT_INSERTION"


class ImagenPredict(UpstreamOnly):
    """`{"instances": [{"prompt"}], "parameters": {"sampleCount", …}}`; what callers add is a parameter."""

    name = "imagen_predict"
    operation: Operation = "image_generation"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """The prompt, and how it is to be drawn."""
        notes = ForeignNotes(own=False, dialect=self.name)
        request = plain_request(typed, notes, "n", "output_format", "compression")
        parameters = _parameters(request, notes)
        if (shape := shape_of(request, notes, SHAPES)) is not None:
            parameters["aspectRatio"] = shape
            if LARGE.search(request.model) and max(map(int, (request.size or "").split("x"))) > ONE_K:
                parameters["sampleImageSize"] = "2K"
        parameters |= own_inputs(request)
        members = {"model": request.model, "instances": [{"prompt": request.prompt}], "parameters": parameters}
        return members, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """Raises ContentPolicyViolationError where all images were held back, BadGatewayError where there are none."""
        found = _predictions(members)
        if any(_drawn(each) for each in found):
            return
        reasons = [each["raiFilteredReason"] for each in found if each.get("raiFilteredReason")]
        if reasons:
            raise ContentPolicyViolationError(str(reasons[0]))
        raise BadGatewayError("the upstream's answer has no images among its `predictions`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """An `ImagesReply`; of what was held back nothing is told."""
        self.check_reply(members)
        found = [each for each in _predictions(members) if _drawn(each)]
        images = tuple(
            Image(each.get("bytesBase64Encoded"), each.get("gcsUri"), revised_prompt=each.get("prompt"))
            for each in found
        )
        kind = str(found[0].get("mimeType") or "").partition("/")[2]
        return ImagesReply(images, output_format=kind or None, usage=self.usage_of(members))

    def usage_of(self, members: Members) -> Usage:
        """The number of images."""
        return Usage(units=Units(images=sum(1 for each in _predictions(members) if _drawn(each))))


class ImagenEdits(ImagenPredict):
    """An image to change and the mask that says where: white, or what `maskMode` finds. The size stays."""

    name = "imagen_edits"
    operation: Operation = "image_edit"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """The prompt with its reference images."""
        notes = ForeignNotes(own=False, dialect=self.name)
        request = plain_edit(typed, notes, "n", "output_format", "compression", "mask")
        if request.size not in (None, "auto"):
            notes.lost("size", "an edited image is as large as before")
        own = own_inputs(request)
        parameters = _parameters(request, notes)
        references = [_reference(1, "REFERENCE_TYPE_RAW", request.images[0])]
        mask = _mask(request, own)
        if mask is not None:
            references.append(mask)
            parameters["editMode"] = MASKED
        if (steps := own.pop("baseSteps", None)) is not None:
            parameters["editConfig"] = {"baseSteps": steps}
        instance = {"prompt": request.prompt, "referenceImages": references}
        members = {"model": request.model, "instances": [instance], "parameters": parameters | own}
        return members, notes.fidelity()


class VertexImagen(VertexGemini):
    """`…/publishers/google/models/imagen-…:predict`."""

    dialects: Mapping[Operation, Dialect] = {"image_generation": ImagenPredict(), "image_edit": ImagenEdits()}

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """A prediction; images are sent as they come."""
        return in_json(with_verb(lane.url, "predict"), request, headers)


def _parameters(request: ImageRequest | ImageEditRequest, notes: Notes) -> dict[str, Any]:
    """What both operations say. Without a number four images would be made."""
    as_data(request, notes)
    parameters: dict[str, Any] = {"sampleCount": request.n or 1, "includeRaiReason": True}
    if request.output_format not in (None, *FORMATS):
        notes.lost("output_format", f"it is one of {', '.join(sorted(FORMATS))}")
    elif options := output_options(request):
        parameters["outputOptions"] = options
    return parameters


def _mask(request: ImageEditRequest, own: dict[str, Any]) -> dict[str, Any] | None:
    """The reference that says where to change the image; its words are taken out of the caller's own."""
    mode, dilation = own.pop("maskMode", None), own.pop("maskDilation", None)
    if request.mask is None and mode is None:
        return None
    config: dict[str, Any] = {"maskMode": "MASK_MODE_USER_PROVIDED" if request.mask is not None else mode}
    if dilation is not None:
        config["dilation"] = dilation
    return {**_reference(2, "REFERENCE_TYPE_MASK", request.mask), "maskImageConfig": config}


def _reference(number: int, kind: str, file: Any) -> dict[str, Any]:
    reference: dict[str, Any] = {"referenceType": kind, "referenceId": number}
    return reference if file is None else {**reference, "referenceImage": {"bytesBase64Encoded": file}}


def _predictions(members: Members) -> list[Mapping[str, Any]]:
    found = decoded(members.get("predictions"))
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _drawn(prediction: Mapping[str, Any]) -> bool:
    return bool(prediction.get("bytesBase64Encoded") or prediction.get("gcsUri"))
