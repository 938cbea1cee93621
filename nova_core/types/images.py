"""Images: made from a prompt, from a prompt and other images, or from another image alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from nova_core.types.chat import Extra
from nova_core.types.upload import File
from nova_core.types.usage import Usage


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """`size` is `WIDTHxHEIGHT` in pixels or `auto`; `response_format` is `url` or `b64_json`.

    `compression` is in percent, `partial_images` the number of unfinished ones in a stream.
    """

    model: str
    prompt: str
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    style: str | None = None
    response_format: str | None = None
    background: str | None = None
    output_format: str | None = None
    compression: int | None = None
    moderation: str | None = None
    partial_images: int | None = None
    stream: bool = False
    user: str | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageEditRequest:
    """New images from others. Where `mask` (as large as the first image) is transparent, that one is to be changed."""

    model: str
    prompt: str
    images: tuple[File, ...]
    mask: File | None = None
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    response_format: str | None = None
    background: str | None = None
    output_format: str | None = None
    compression: int | None = None
    input_fidelity: str | None = None
    partial_images: int | None = None
    stream: bool = False
    user: str | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageVariationRequest:
    """New images like another one."""

    model: str
    image: File
    n: int | None = None
    size: str | None = None
    response_format: str | None = None
    user: str | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Image:
    """One image: base64 text in `data`, or a `url` that lasts for a while."""

    data: str | None = None
    url: str | None = None
    revised_prompt: str | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImagesReply:
    """What was made; `created` in seconds of Unix time. Usage counts the images, and tokens where the vendor says."""

    images: tuple[Image, ...]
    created: int | None = None
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    model: str = ""
    usage: Usage | None = None
    extra: Extra = field(default_factory=dict)
