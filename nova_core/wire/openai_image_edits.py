"""OpenAI's image edits (`/v1/images/edits`): a form with a prompt, one image or several, and perhaps a mask."""

# Source: OpenAI API reference, "Create image edit" and "Image streaming".

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nova_core.errors import BadRequestError
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import ImageEditRequest
from nova_core.types.message import Members, Operation, TypedRequest, decoded
from nova_core.types.upload import File
from nova_core.wire.json_operation import given
from nova_core.wire.multipart import flags, form_members
from nova_core.wire.openai_chat.fields import bad_field
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_images import MOST_IMAGES, OpenAIImages

TEXTS = ("size", "quality", "response_format", "background", "output_format", "input_fidelity", "user")
COUNTS: Mapping[str, str] = {"n": "n", "output_compression": "compression", "partial_images": "partial_images"}
"""Fields that are whole numbers, and what the typed request calls them."""
KNOWN = frozenset({"model", "prompt", "image", "mask", "stream", *TEXTS, *COUNTS})


class OpenAIImageEdits(OpenAIImages):
    """The dialect; its replies and streams are those of images made from a prompt. `model` may be left out."""

    name = "openai_image_edits"
    operation: Operation = "image_edit"
    kind = "image_edit"
    live_after: tuple[str, ...] = ()

    def from_form(self, fields: Iterable[tuple[str, str | File]]) -> dict[str, Any]:
        """See `TakesForms`."""
        return flags(form_members(fields), "stream")

    def check_request(self, members: Members) -> None:
        """A `prompt`, at least one `image`, and the kinds of the documented fields. Raises BadRequestError."""
        check_prompt(members)
        if not _images(members):
            raise BadRequestError("`image` is required", param="image", code="missing_required_parameter")
        _mask(members)
        for name in ("model", *TEXTS):
            if not isinstance(decoded(members.get(name)), str | None):
                raise bad_field(name, "must be a string")
        for name in COUNTS:
            whole_number(members, name)

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """Typed request. Raises BadRequestError whose `param` is the field."""
        self.check_request(members)
        rest = {name: value for name, value in members.items() if name not in KNOWN}
        said: dict[str, Any] = {name: members.get(name) for name in TEXTS}
        said |= {called: whole_number(members, name) for name, called in COUNTS.items()}
        return ImageEditRequest(
            model=members.get("model") or self.default_model,
            prompt=members["prompt"],
            images=_images(members),
            mask=_mask(members),
            stream=members.get("stream") is True,
            **said,
            extra={self.name: rest} if rest else {},
        )

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the form."""
        if not isinstance(typed, ImageEditRequest):
            raise BadRequestError("only a request to edit images can be sent as one")
        notes = Notes(own=self.name in typed.extra, dialect=self.name)
        members: dict[str, Any] = {"model": typed.model, "prompt": typed.prompt}
        members |= given({name: getattr(typed, name) for name in TEXTS})
        members |= given({name: getattr(typed, called) for name, called in COUNTS.items()})
        if typed.stream:
            members["stream"] = True
        members["image"] = list(typed.images) if len(typed.images) > 1 else typed.images[0]
        members |= given({"mask": typed.mask})
        notes.extra(members, typed.extra)
        return members, notes.fidelity()


def check_prompt(members: Members) -> None:
    """Raises BadRequestError without a `prompt`."""
    prompt = decoded(members.get("prompt"))
    if not isinstance(prompt, str) or not prompt.strip():
        problem = "is required" if prompt is None else "must be a string that is not empty"
        raise BadRequestError(f"`prompt` {problem}", param="prompt", code="missing_required_parameter")


def _images(members: Members) -> tuple[File, ...]:
    """The images, one or several. Raises BadRequestError for what is no file."""
    value = members.get("image")
    images = value if isinstance(value, list | tuple) else () if value is None else (value,)
    if not all(isinstance(image, File) for image in images):
        raise bad_field("image", "must be a file, or several of them as `image[]`, sent as parts with filenames")
    return tuple(images)


def _mask(members: Members) -> File | None:
    mask = members.get("mask")
    if isinstance(mask, File | None):
        return mask
    raise bad_field("mask", "must be one file")


def whole_number(members: Members, name: str) -> int | None:
    """A whole number, which forms write as text. Raises BadRequestError."""
    value = decoded(members.get(name))
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if value is None or (type(value) is int and 0 <= value <= MOST_IMAGES):
        return value
    raise bad_field(name, f"must be a whole number up to {MOST_IMAGES}")


OPENAI_IMAGE_EDITS = OpenAIImageEdits()
