"""Images of Amazon's and Stability's models as dialects that upstreams speak."""

# https://docs.aws.amazon.com/nova/latest/userguide/image-gen-req-resp-structure.html,
# https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-image.html and …-stability-diffusion.html

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from nova_core.errors import BadGatewayError, ContentPolicyViolationError
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import Image, ImageEditRequest, ImageRequest, ImagesReply
from nova_core.types.message import Members, Operation, Request, TypedReply, TypedRequest, decoded, plain
from nova_core.types.upstream import Gathered, UpstreamRequest
from nova_core.types.usage import Units, Usage
from nova_core.wire.file_in_json import FilesInJson
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.plain_images import as_data, asked_size, own_inputs, plain_request
from nova_core.wire.provider import Lane
from nova_core.wire.sigv4 import Keychain
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_bedrock.notes import Body
from nova_plugin_bedrock.signed import NOT_SENT, ModelRuntime

OPTIONS: Final[Mapping[str, str]] = {"seed": "seed", "cfg_scale": "cfgScale", "cfgScale": "cfgScale"}
RATIOS: Final = frozenset({"16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"})
QUALITIES: Final = {"hd": "premium", "high": "premium", "medium": "standard", "low": "standard", "auto": "standard"}
FILTERED: Final = re.compile(r"filter|blocked|responsible ai", re.IGNORECASE)
FORMATS: Final = frozenset({"png", "jpeg", "webp"})
MOST_SENT: Final = 64 * 1024 * 1024
"""Bytes of a request with images, which is read before it is signed."""


class BedrockImages(UpstreamOnly):
    """What both kinds share: images in base64, and reasons where there is none. `settings` are fields they know."""

    operation: Operation = "image_generation"
    settings: tuple[str, ...] = ()

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream."""
        notes = ForeignNotes(own=False, dialect=self.name)
        request = plain_request(typed, notes, *self.settings)
        as_data(request, notes)
        return {"model": request.model, **self.said(request, own_inputs(request), notes)}, notes.fidelity()

    def said(self, typed: ImageRequest, extras: Body, notes: ForeignNotes) -> Body:
        """The request in the model's words; `extras` are members that callers add."""
        raise AssertionError("subclasses render")

    def check_reply(self, members: Members) -> None:
        """Raises ContentPolicyViolationError for images that were held back, BadGatewayError where there are none."""
        reasons = [decoded(members.get("error")), *_listed(members, "finish_reasons")]
        why = next((reason for reason in reasons if isinstance(reason, str) and reason), None)
        if _drawn(members):
            return
        if why is not None and FILTERED.search(why):
            raise ContentPolicyViolationError(why)
        raise BadGatewayError(why or "the upstream's answer has no `images`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """An `ImagesReply`."""
        self.check_reply(members)
        return ImagesReply(tuple(Image(data=each) for each in _drawn(members)), usage=self.usage_of(members))

    def usage_of(self, members: Members) -> Usage:
        """The number of images."""
        return Usage(units=Units(images=len(_drawn(members))))


class AmazonImages(BedrockImages):
    """Titan's image generator and Nova Canvas. A caller may send `imageGenerationConfig` members at top level."""

    name = "amazon_images"
    settings = ("n", "quality")
    TEXT: Final = {"negative_prompt": "negativeText", "negativeText": "negativeText", "style_preset": "style"}

    def said(self, typed: ImageRequest, extras: Body, notes: ForeignNotes) -> Body:
        """A task of text to image."""
        config = configured(typed, extras, notes) | sized(typed, notes)
        text: Body = {"text": typed.prompt}
        for name, value in extras.items():
            if name in self.TEXT:
                text[self.TEXT[name]] = value
            elif name not in OPTIONS:
                notes.foreign({"": {name: value}})
        options = {"imageGenerationConfig": config} if config else {}
        return {"taskType": "TEXT_IMAGE", "textToImageParams": text, **options}


class StabilityImages(BedrockImages):
    """Stable Image and Stable Diffusion 3: one image, of a ratio."""

    name = "stability_images"
    settings = ("output_format",)
    OWN: Final = ("seed", "negative_prompt", "aspect_ratio", "style_preset")

    def said(self, typed: ImageRequest, extras: Body, notes: ForeignNotes) -> Body:
        """A prompt, and a ratio for the size."""
        body: Body = {"prompt": typed.prompt}
        if typed.output_format in FORMATS:
            body["output_format"] = typed.output_format
        elif typed.output_format is not None:
            notes.lost("output_format", "there is no such format")
        if (size := asked_size(typed, notes)) is not None:
            ratio = _ratio(size)
            if ratio in RATIOS:
                body["aspect_ratio"] = ratio
                notes.approximated("size", f"said as {ratio}")
            else:
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

    def __init__(self, dialect: Dialect, edits: Dialect, keychain: Keychain) -> None:
        super().__init__(keychain)
        self.dialects: Mapping[Operation, Dialect] = {"image_generation": dialect, "image_edit": edits}

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request with its credentials. Images to edit are read first: what is signed must be known."""
        if lane.dialect.operation != "image_edit":
            return super().outgoing(lane, request, headers, streamed)
        parts = urlsplit(lane.url)
        url = urlunsplit((parts.scheme, parts.netloc, parts.path + self.action, parts.query, ""))
        made = partial(self.signed_request, lane, url, headers, streamed=False)
        body = FilesInJson(plain(request.without(*NOT_SENT).members))
        return Gathered(url, body=body, made=made, most=MOST_SENT)

    def action_of(self, lane: Lane, streamed: bool) -> str:
        """Images are never streamed."""
        return self.action

    def with_usage(self, request: Request) -> Request:
        """Nothing is asked for: the images are counted."""
        return request


def configured(typed: ImageRequest | ImageEditRequest, extras: Body, notes: ForeignNotes) -> Body:
    """Number and quality of images, and the callers' options."""
    config: Body = {} if typed.n is None else {"numberOfImages": typed.n}
    if typed.quality is not None:
        config["quality"] = QUALITIES.get(typed.quality, typed.quality)
        if typed.quality in QUALITIES:
            notes.approximated("quality", f"said as {config['quality']}")
    return config | {OPTIONS[name]: value for name, value in extras.items() if name in OPTIONS}


def sized(typed: ImageRequest | ImageEditRequest, notes: ForeignNotes) -> Body:
    """The size as a width and a height."""
    size = asked_size(typed, notes)
    return {} if size is None else {"width": size[0], "height": size[1]}


def _listed(members: Members, name: str) -> list[Any]:
    found = decoded(members.get(name))
    return found if isinstance(found, list) else []


def _drawn(members: Members) -> list[str]:
    return [each for each in _listed(members, "images") if isinstance(each, str) and each]


def _ratio(size: tuple[int, int]) -> str:
    common = math.gcd(*size)
    return f"{size[0] // common}:{size[1] // common}"


AMAZON_IMAGES: Final = AmazonImages()
STABILITY_IMAGES: Final = StabilityImages()
