"""Images of Gemini's models, which are asked for as content is: by `generateContent`."""

# Source: Gemini API reference, "Image generation", and Vertex AI's of `GenerationConfig.imageConfig`.

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from nova_core.errors import BadGatewayError, ContentPolicyViolationError
from nova_core.types.chat import ChatReply
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import Image, ImageEditRequest, ImageRequest, ImagesReply
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded, plain
from nova_core.types.usage import Units, Usage
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.gemini import GEMINI_GENERATE
from nova_core.wire.image_words import nearest_shape
from nova_core.wire.json_operation import count
from nova_core.wire.plain_images import as_data, asked_size, own_inputs, plain_edit, plain_request
from nova_core.wire.upstream_only import UpstreamOnly

SHAPES: Final = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
SIZED: Final = re.compile(r"gemini-([3-9]|\d\d)")
"""Models that are told how large an image is to be, too."""
SIZES: Final = ((1536, "1K"), (3072, "2K"))
"""How long the longer side of an image may be for each of the sizes; all others are 4K."""
DRAWS: Final = re.compile(r"image|banana|^\d+$")
"""Models that make images, and tuned ones, whose names say nothing."""
IMAGE_WORDS: Final = ("aspectRatio", "imageSize", "personGeneration")
CONFIG_WORDS: Final = ("seed", "temperature", "topP")
MOST_IMAGES: Final = 14


class GeminiImages(UpstreamOnly):
    """Images from a prompt; one is made for each request. `chooses_format` says that their format can be chosen."""

    name = "gemini_images"
    operation: Operation = "image_generation"

    def __init__(self, *, chooses_format: bool = False) -> None:
        self._formats = ("output_format", "compression") if chooses_format else ()

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """The prompt as a content."""
        notes = ForeignNotes(own=False, dialect=self.name)
        request = plain_request(typed, notes, *self._formats)
        return self._rendered(request, [{"text": request.prompt}], notes), notes.fidelity()

    def _rendered(
        self, request: ImageRequest | ImageEditRequest, parts: list[dict[str, Any]], notes: ForeignNotes
    ) -> dict[str, Any]:
        as_data(request, notes)
        image = _shaped(request, notes)
        config: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
        for name, value in own_inputs(request).items():
            if name in IMAGE_WORDS:
                image[name] = value
            elif name in CONFIG_WORDS:
                config[name] = value
            else:
                notes.foreign({"": {name: value}})
        if self._formats and (options := output_options(request)):
            image["imageOutputOptions"] = options
        if image:
            config["imageConfig"] = image
        return {
            "model": request.model,
            "contents": [{"role": "user", "parts": parts}],
            "generationConfig": config,
        }

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError without an image, ContentPolicyViolationError where one was withheld."""
        GEMINI_GENERATE.check_reply(members)
        if any(_inline(members)):
            return
        chat = GEMINI_GENERATE.parse_reply(plain(members))
        assert isinstance(chat, ChatReply)
        if any(choice.finish == "content_filter" for choice in chat.choices):
            raise ContentPolicyViolationError("the upstream withheld the image")
        raise BadGatewayError("the upstream's answer holds no image")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """An `ImagesReply`, its usage in tokens."""
        self.check_reply(members)
        found = list(_inline(members))
        form = next((kind.partition("/")[2] for kind, _ in found if kind), None)
        images = tuple(Image(data=data) for _, data in found)
        return ImagesReply(images, output_format=form or None, usage=self.usage_of(members))

    def usage_of(self, members: Members) -> Usage:
        """The tokens, those of images apart, and the number of images."""
        usage = GEMINI_GENERATE.usage_of(members) or Usage()
        stated = decoded(members.get("usageMetadata"))
        seen = min(_tokens_of_images(stated, "promptTokensDetails"), usage.input)
        return msgspec.structs.replace(
            usage,
            input=usage.input - seen,
            input_image=seen,
            units=Units(images=sum(1 for _ in _inline(members))),
        )


class GeminiImageEdits(GeminiImages):
    """Images from a prompt and others, which stand in it as data."""

    name = "gemini_image_edits"
    operation: Operation = "image_edit"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """The prompt and the images as a content. A mask has no place in it."""
        notes = ForeignNotes(own=False, dialect=self.name)
        request = plain_edit(typed, notes, *self._formats, most=MOST_IMAGES)
        images = [{"inlineData": {"mimeType": image.content_type, "data": image}} for image in request.images]
        return self._rendered(request, [*images, {"text": request.prompt}], notes), notes.fidelity()


def drawing_operations(served: frozenset[str], model: str) -> frozenset[str]:
    """What a model serves of what its server does: its name says whether it makes images; no name may be any model."""
    return served if not model or DRAWS.search(model) else served - {"image_generation", "image_edit"}


def output_options(request: ImageRequest | ImageEditRequest) -> dict[str, Any]:
    """The format of images as Google's APIs say it."""
    options: dict[str, Any] = {}
    if request.output_format is not None:
        options["mimeType"] = f"image/{request.output_format}"
    if request.compression is not None:
        options["compressionQuality"] = request.compression
    return options


def _shaped(request: ImageRequest | ImageEditRequest, notes: ForeignNotes) -> dict[str, Any]:
    size = asked_size(request, notes)
    if size is None:
        return {}
    shape = nearest_shape(size, SHAPES)
    if not SIZED.search(request.model):
        notes.approximated("size", f"sent as the aspect ratio {shape}")
        return {"aspectRatio": shape}
    large = next((name for most, name in SIZES if max(size) <= most), "4K")
    notes.approximated("size", f"sent as the aspect ratio {shape}, {large}")
    return {"aspectRatio": shape, "imageSize": large}


def _inline(members: Members) -> Iterator[tuple[str, str]]:
    """Type and data of the images in a reply, without those that were only thought of."""
    candidates = decoded(members.get("candidates"))
    for candidate in candidates if isinstance(candidates, list) else ():
        content = candidate.get("content") if isinstance(candidate, Mapping) else None
        parts = content.get("parts") if isinstance(content, Mapping) else None
        for part in parts if isinstance(parts, list) else ():
            image = part.get("inlineData") if isinstance(part, Mapping) and not part.get("thought") else None
            if isinstance(image, Mapping) and isinstance(image.get("data"), str):
                yield str(image.get("mimeType") or ""), image["data"]


def _tokens_of_images(stated: Any, name: str) -> int:
    details = stated.get(name) if isinstance(stated, Mapping) else None
    listed = details if isinstance(details, list) else ()
    found = (each for each in listed if isinstance(each, Mapping) and each.get("modality") == "IMAGE")
    return sum(count(each.get("tokenCount")) for each in found)


def gemini_images(*, chooses_format: bool = False) -> Mapping[Operation, Dialect]:
    """Both operations on images, for servers that let callers choose the format or not."""
    return {
        "image_generation": GeminiImages(chooses_format=chooses_format),
        "image_edit": GeminiImageEdits(chooses_format=chooses_format),
    }
