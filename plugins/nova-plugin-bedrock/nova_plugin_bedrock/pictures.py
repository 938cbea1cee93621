"""Images of Amazon's and Stability's models as dialects that upstreams speak."""

# https://docs.aws.amazon.com/nova/latest/userguide/image-gen-req-resp-structure.html,
# https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-image.html and …-stability-diffusion.html

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError, BadRequestError, ContentPolicyViolationError
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import Image, ImageRequest, ImagesReply
from nova_core.types.message import Members, Operation, Request, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Units, Usage
from nova_core.wire.drop_policy import is_default
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.provider import Lane
from nova_core.wire.sigv4 import Keychain
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_bedrock.notes import Body
from nova_plugin_bedrock.signed import ModelRuntime

SIZE: Final = re.compile(r"(\d+)x(\d+)")
RATIOS: Final = frozenset({"16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"})
QUALITIES: Final = {"hd": "premium", "high": "premium", "medium": "standard", "low": "standard", "auto": "standard"}
FILTERED: Final = re.compile(r"filter|blocked|responsible ai", re.IGNORECASE)
FORMATS: Final = frozenset({"png", "jpeg", "webp"})


class _Images(UpstreamOnly):
    """What both kinds share: images in base64, and reasons where there is none."""

    operation: Operation = "image_generation"
    unsaid: tuple[str, ...] = ("style", "background", "compression", "moderation")

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream."""
        if not isinstance(typed, ImageRequest):
            raise BadRequestError("only a request for images can be sent as one")
        notes = ForeignNotes(own=False, dialect=self.name)
        for name in self.unsaid:
            value = getattr(typed, name)
            if value not in (None, "auto"):
                (notes.hint if is_default(name, value) else notes.lost)(name, "the model has no such choice")
        if typed.response_format == "url":
            notes.lost("response_format", "images are answered as data")
        if typed.user is not None:
            notes.hint("user")
        if typed.stream or typed.partial_images:
            notes.hint("stream", "images are answered when they are done")
        extras = {name: value for said in typed.extra.values() for name, value in said.items()}
        return {"model": typed.model, **self.said(typed, extras, notes)}, notes.fidelity()

    def said(self, typed: ImageRequest, extras: Body, notes: ForeignNotes) -> Body:
        """The request in the model's words; `extras` are members that callers add."""
        raise AssertionError("subclasses render")

    def check_reply(self, members: Members) -> None:
        """Raises ContentPolicyViolationError for images that were held back, BadGatewayError where there are none."""
        reasons = [decoded(members.get("error")), *(decoded(members.get("finish_reasons")) or ())]
        why = next((reason for reason in reasons if isinstance(reason, str) and reason), None)
        if any(decoded(members.get("images")) or ()):
            return
        if why is not None and FILTERED.search(why):
            raise ContentPolicyViolationError(why)
        raise BadGatewayError(why or "the upstream's answer has no `images`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """An `ImagesReply`."""
        self.check_reply(members)
        images = tuple(Image(data=each) for each in members["images"] if isinstance(each, str) and each)
        return ImagesReply(images, usage=self.usage_of(members))

    def usage_of(self, members: Members) -> Usage:
        """The number of images."""
        return Usage(units=Units(images=len(decoded(members.get("images")) or ())))


class AmazonImages(_Images):
    """Titan's image generator and Nova Canvas. A caller may send `imageGenerationConfig` members at top level."""

    name = "amazon_images"
    unsaid = (*_Images.unsaid, "output_format")
    OPTIONS: Final = {"seed": "seed", "cfg_scale": "cfgScale", "cfgScale": "cfgScale"}
    TEXT: Final = {"negative_prompt": "negativeText", "negativeText": "negativeText", "style_preset": "style"}

    def said(self, typed: ImageRequest, extras: Body, notes: ForeignNotes) -> Body:
        """A task of text to image."""
        config: Body = {} if typed.n is None else {"numberOfImages": typed.n}
        if (size := SIZE.fullmatch(typed.size or "")) is not None:
            config |= {"width": int(size[1]), "height": int(size[2])}
        elif typed.size not in (None, "auto"):
            notes.lost("size", "must be WIDTHxHEIGHT")
        if typed.quality is not None:
            config["quality"] = QUALITIES.get(typed.quality, typed.quality)
            if typed.quality in QUALITIES:
                notes.approximated("quality", f"said as {config['quality']}")
        text: Body = {"text": typed.prompt}
        for name, value in extras.items():
            if name in self.OPTIONS:
                config[self.OPTIONS[name]] = value
            elif name in self.TEXT:
                text[self.TEXT[name]] = value
            else:
                notes.foreign({"": {name: value}})
        options = {"imageGenerationConfig": config} if config else {}
        return {"taskType": "TEXT_IMAGE", "textToImageParams": text, **options}


class StabilityImages(_Images):
    """Stable Image and Stable Diffusion 3: one image, of a ratio."""

    name = "stability_images"
    OWN: Final = ("seed", "negative_prompt", "aspect_ratio", "style_preset")

    def said(self, typed: ImageRequest, extras: Body, notes: ForeignNotes) -> Body:
        """A prompt, and a ratio for the size."""
        body: Body = {"prompt": typed.prompt}
        if typed.n not in (None, 1):
            notes.lost("n", "the model makes one image")
        if typed.quality is not None:
            notes.hint("quality")
        if typed.output_format in FORMATS:
            body["output_format"] = typed.output_format
        elif typed.output_format is not None:
            notes.lost("output_format", "there is no such format")
        ratio = _ratio(typed.size)
        if ratio in RATIOS:
            body["aspect_ratio"] = ratio
            notes.approximated("size", f"said as {ratio}")
        elif typed.size not in (None, "auto"):
            notes.lost("size", "the model has no such ratio")
        for name, value in extras.items():
            if name in self.OWN:
                body[name] = value
            else:
                notes.foreign({"": {name: value}})
        return body


class Images(ModelRuntime):
    """The family of models that make images."""

    action = "/invoke"

    def __init__(self, dialect: Dialect, keychain: Keychain) -> None:
        super().__init__(keychain)
        self.dialects: Mapping[Operation, Dialect] = {"image_generation": dialect}

    def action_of(self, lane: Lane, streamed: bool) -> str:
        """Images are never streamed."""
        return self.action

    def with_usage(self, request: Request) -> Request:
        """Nothing is asked for: the images are counted."""
        return request


def _ratio(size: str | None) -> str | None:
    found = SIZE.fullmatch(size or "")
    if found is None:
        return None
    width, height = int(found[1]), int(found[2])
    common = math.gcd(width, height) or 1
    return f"{width // common}:{height // common}"


AMAZON_IMAGES: Final = AmazonImages()
STABILITY_IMAGES: Final = StabilityImages()
