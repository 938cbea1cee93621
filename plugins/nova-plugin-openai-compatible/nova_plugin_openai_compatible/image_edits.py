"""Images, and edits of images, as the vendors say them that do not say them like OpenAI."""

from __future__ import annotations

from typing import Any

from nova_core.types.fidelity import Fidelity
from nova_core.types.images import ImageEditRequest, ImageRequest
from nova_core.types.message import Operation, TypedRequest
from nova_core.types.upload import File
from nova_core.wire.file_in_json import DataUrl
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.json_operation import given
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_image_edits import OpenAIImageEdits
from nova_core.wire.openai_images import OpenAIImages
from nova_core.wire.plain_images import own_inputs, plain_edit, plain_request

STRENGTH = 0.5
"""How far from its original an image may go, from 0 to 1, where the caller does not say."""


class RecraftEdits(OpenAIImageEdits):
    """Recraft (https://www.recraft.ai/docs/api-reference/tools/image-to-image and …/inpaint-image): a form."""

    name = "recraft_edits"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the form. What is masked goes as far as it likes."""
        notes = ForeignNotes(own=False, dialect=self.name)
        request = plain_edit(typed, notes, "n", "mask")
        if request.size not in (None, "auto"):
            notes.lost("size", "an edited image is as large as before")
        members: dict[str, Any] = {"model": request.model, "prompt": request.prompt}
        if request.mask is None:
            members["strength"] = STRENGTH
        members |= given({"n": request.n, "response_format": request.response_format}) | own_inputs(request)
        return {**members, "image": request.images[0], **given({"mask": request.mask})}, notes.fidelity()


class JsonEdits(OpenAIImages):
    """Edits that are sent as JSON. Subclasses say how many images a model takes, and where they stand in it."""

    operation: Operation = "image_edit"
    kind = "image_edit"
    most: int
    said: tuple[str, ...] = ("n",)

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the request."""
        notes = ForeignNotes(own=False, dialect=self.name)
        request = plain_edit(typed, notes, *self.said, most=self.most)
        members: dict[str, Any] = {"model": request.model, "prompt": request.prompt}
        members |= self.settings(request, notes)
        return {**members, **own_inputs(request), **self.shown(request.images)}, notes.fidelity()

    def settings(self, request: ImageEditRequest, notes: Notes) -> dict[str, Any]:
        """How many images are wanted, and what they are to be like."""
        raise AssertionError("subclasses say")

    def shown(self, images: tuple[File, ...]) -> dict[str, Any]:
        """The images to edit."""
        raise AssertionError("subclasses show")


class OpenRouterEdits(JsonEdits):
    """OpenRouter (https://openrouter.ai/docs/guides/overview/multimodal/image-generation): references of a prompt."""

    name = "openrouter_edits"
    most = 16
    said = ("n", "background", "output_format", "compression", "quality")

    def settings(self, request: ImageEditRequest, notes: Notes) -> dict[str, Any]:
        """The settings of images that are made without references."""
        names = ("n", "size", "quality", "background", "output_format", "response_format")
        return given({name: getattr(request, name) for name in names} | {"output_compression": request.compression})

    def shown(self, images: tuple[File, ...]) -> dict[str, Any]:
        """As parts of messages have them."""
        return {"input_references": [{"type": "image_url", "image_url": {"url": DataUrl(each)}} for each in images]}


class XaiImages(OpenAIImages):
    """Grok Imagine (https://docs.x.ai/docs/guides/image-generations): a prompt, and how many images are wanted."""

    name = "xai_images"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the request."""
        notes = ForeignNotes(own=False, dialect=self.name)
        request = plain_request(typed, notes, "n")
        members = {"model": request.model, "prompt": request.prompt, **_counted(request, notes), **own_inputs(request)}
        return members, notes.fidelity()


class XaiEdits(JsonEdits):
    """Grok Imagine (https://docs.x.ai/docs/guides/image-generations, "Image editing"): `image`, or several `images`."""

    name = "xai_edits"
    most = 3

    def settings(self, request: ImageEditRequest, notes: Notes) -> dict[str, Any]:
        """The number."""
        return _counted(request, notes)

    def shown(self, images: tuple[File, ...]) -> dict[str, Any]:
        """Each with its address, which is a `data:` URL."""
        references = [{"type": "image_url", "url": DataUrl(each)} for each in images]
        return {"images": references} if len(references) > 1 else {"image": references[0]}


def _counted(request: ImageRequest | ImageEditRequest, notes: Notes) -> dict[str, Any]:
    """The number; the size is a matter of `aspect_ratio` and `resolution`, which callers may add."""
    if request.size not in (None, "auto"):
        notes.lost("size", "it is said by `aspect_ratio` and `resolution`")
    return given({"n": request.n, "response_format": request.response_format})


RECRAFT_EDITS = RecraftEdits()
OPENROUTER_EDITS = OpenRouterEdits()
XAI_IMAGES = XaiImages()
XAI_EDITS = XaiEdits()
