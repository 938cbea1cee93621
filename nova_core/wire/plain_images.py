"""What image APIs have in common that take a prompt, perhaps images, a size or shape, and little else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from nova_core.errors import BadRequestError
from nova_core.types.images import ImageEditRequest, ImageRequest
from nova_core.types.message import TypedRequest
from nova_core.wire.drop_policy import is_default
from nova_core.wire.image_words import SIZE, nearest_shape, unshown
from nova_core.wire.multipart import unformed
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.painted_masks import Marked, painted

SETTINGS: Final = ("n", "style", "background", "output_format", "compression", "moderation")
"""Fields that change what is to be seen, or how it is kept."""
EDIT_SETTINGS: Final = ("n", "mask", "background", "output_format", "compression")
"""Those of a request to edit images."""
CALLED: Final = {"compression": "output_compression"}
"""Names of callers, where the typed model has others."""


def plain_request(typed: TypedRequest, notes: Notes, *said: str) -> ImageRequest:
    """A request for images, with notes on what is not among the `SETTINGS` that are `said`.

    Images come whole, when they are done. Raises BadRequestError for another request.
    """
    if not isinstance(typed, ImageRequest):
        raise BadRequestError("only a request for images can be sent as one")
    _note_unsaid(typed, notes, SETTINGS, said)
    return typed


def plain_edit(
    typed: TypedRequest, notes: Notes, *said: str, most: int = 1, marked: Marked = Marked.WHITE
) -> ImageEditRequest:
    """A request to edit images, with notes on what is not among the `EDIT_SETTINGS` that are `said`.

    `most` is the number of images that a model takes, and that are left; `marked` is the colour of what is to change in
    its masks, in which the mask is painted. Raises BadRequestError for another request.
    """
    if not isinstance(typed, ImageEditRequest):
        raise BadRequestError("only a request to edit images can be sent as one")
    for note in unshown(typed.images, most):
        notes.lost(note.field, note.detail)
    _note_unsaid(typed, notes, EDIT_SETTINGS, said)
    if typed.input_fidelity is not None:
        notes.hint("input_fidelity")
    if typed.mask is not None and "mask" in said:
        notes.mapped("mask", marked.note)
        typed = replace(typed, mask=painted(typed.mask, marked))
    return typed if len(typed.images) <= most else replace(typed, images=typed.images[:most])


def as_data(request: ImageRequest | ImageEditRequest, notes: Notes) -> None:
    """Note that an address is wanted of images that are answered as data."""
    if request.response_format == "url":
        notes.lost("response_format", "images are answered as data")


def width_and_height(request: ImageRequest | ImageEditRequest, notes: Notes) -> dict[str, int]:
    """`width` and `height` in pixels; nothing where the model decides."""
    size = asked_size(request, notes)
    if size is None:
        return {}
    notes.mapped("size", "said as width and height")
    return {"width": size[0], "height": size[1]}


def shape_of(request: ImageRequest | ImageEditRequest, notes: Notes, shapes: Iterable[str]) -> str | None:
    """The shape, such as `16:9`, that is most like the size; None where the model decides."""
    size = asked_size(request, notes)
    if size is None:
        return None
    shape = nearest_shape(size, shapes)
    notes.approximated("size", f"sent as the aspect ratio {shape}: the model decides how large it is")
    return shape


def asked_size(request: ImageRequest | ImageEditRequest, notes: Notes) -> tuple[int, int] | None:
    """Width and height in pixels, None for `auto`; another size is noted as lost."""
    size = SIZE.fullmatch(request.size or "")
    if size is not None and int(size[1]) * int(size[2]):
        return int(size[1]), int(size[2])
    if request.size not in (None, "auto"):
        notes.lost("size", "must be WIDTHxHEIGHT")
    return None


def own_inputs(request: ImageRequest | ImageEditRequest) -> dict[str, Any]:
    """Members that callers add: inputs that only the model knows. Numbers of a form are numbers again."""
    found = {name: value for members in request.extra.values() for name, value in members.items()}
    return unformed(found) if isinstance(request, ImageEditRequest) else found


def _note_unsaid(
    typed: ImageRequest | ImageEditRequest, notes: Notes, names: Iterable[str], said: tuple[str, ...]
) -> None:
    for name in names:
        value = getattr(typed, name)
        if name not in said and value not in (None, "auto"):
            lost = notes.hint if is_default(name, value) else notes.lost
            lost(CALLED.get(name, name), "models have no such input")
    for name in ("quality", "user"):
        if name not in said and getattr(typed, name) is not None:
            notes.hint(name)
    for name in ("stream", "partial_images"):
        if getattr(typed, name):
            notes.hint(name, "images are answered when they are done")
