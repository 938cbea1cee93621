"""Images in the words of vendors whose APIs are not OpenAI's: sizes and shapes, what is left unsaid, and answers."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from nova_core.errors import BadRequestError
from nova_core.types.fidelity import Fate, FieldNote
from nova_core.types.message import Request, plain
from nova_core.types.upload import File, files_of
from nova_core.wire.drop_policy import is_default
from nova_core.wire.multipart import unformed
from nova_core.wire.openai_image_edits import TEXTS
from nova_core.wire.painted_masks import Marked, painted

SIZE: Final = re.compile(r"(\d{1,5})x(\d{1,5})")
FIELDS: Final = (
    *("n", "size", "quality", "style", "background", "output_format", "output_compression", "moderation"),
    *("partial_images", "stream", "user", "input_fidelity"),
)
"""Members of a request beside model and prompt; `response_format` is for whoever fetches or keeps images."""
HINTS: Final = frozenset({"quality", "partial_images", "stream", "user", "input_fidelity"})
"""Members that do not change what is to be seen."""
FORMS: Final = frozenset({"image_edit", "image_variation"})
"""Operations that are asked for with a form."""
OWN: Final = frozenset({"model", "prompt", "response_format", *FIELDS})
WORDS: Final = frozenset({"model", "prompt", *TEXTS})
"""Members of a request to edit images that are texts, whatever they look like."""


def size_of(request: Request) -> tuple[int, int] | None:
    """Width and height in pixels, None for `auto`. Raises BadRequestError for anything else."""
    size = request.get("size")
    if size in (None, "auto"):
        return None
    found = SIZE.fullmatch(size) if isinstance(size, str) else None
    if found is None or not int(found[1]) * int(found[2]):
        raise BadRequestError("`size` must be WIDTHxHEIGHT or auto", param="size")
    return int(found[1]), int(found[2])


def nearest_shape(size: tuple[int, int], shapes: Iterable[str]) -> str:
    """The shape, such as `16:9`, that is most like an image of this size."""
    return min(shapes, key=lambda shape: abs(math.log(_ratio(shape) * size[1] / size[0])))


def shape_note(size: tuple[int, int], shape: str) -> FieldNote:
    """What it means that a size is said as a shape."""
    return FieldNote("size", Fate.APPROXIMATED, f"sent as the aspect ratio {shape}: the model decides how large it is")


def members_of(request: Request) -> dict[str, Any]:
    """The members, decoded; those of a form, in which all is text, as what they mean."""
    members = plain(request.members)
    if request.operation not in FORMS:
        return members
    return {**unformed(members), **{name: members[name] for name in WORDS & members.keys()}}


def unsaid_fields(
    request: Request, said: Collection[str], *, marked: Marked | None = Marked.WHITE
) -> Iterator[FieldNote]:
    """Notes on the members that are given and not among those that are `said`, and on a mask as `mask_in` paints it."""
    members = members_of(request)
    for name in FIELDS:
        value = members.get(name)
        if name in said or value in (None, "auto", False):
            continue
        yield FieldNote(name, Fate.HINT if name in HINTS or is_default(name, value) else Fate.LOST)
    if isinstance(members.get("mask"), File):
        if "mask" not in said:
            yield FieldNote("mask", Fate.LOST, "the model takes no mask")
        elif marked is not None:
            yield FieldNote("mask", Fate.MAPPED, marked.note)


def own_words(members: Mapping[str, Any]) -> dict[str, Any]:
    """Members that OpenAI does not have, which are the vendor's own."""
    rest = {name: value for name, value in members.items() if name not in OWN and value is not None}
    files = {name for name in ("image", "mask") if files_of({name: rest.get(name)})}
    return {name: value for name, value in rest.items() if name not in files}


def images_in(members: Mapping[str, Any], most: int | None = None) -> list[File]:
    """The images to edit, no more than a model takes."""
    return files_of({"image": members.get("image")})[:most]


def mask_in(members: Mapping[str, Any], marked: Marked | None = Marked.WHITE) -> File | None:
    """The mask in the vendor's colour; None for `marked` where the vendor's masks are like OpenAI's."""
    mask = members.get("mask")
    return painted(mask, marked) if marked is not None and isinstance(mask, File) else mask


def unshown(images: Sequence[File], most: int) -> Iterator[FieldNote]:
    """The note on more images to edit than a model takes."""
    if len(images) > most:
        yield FieldNote(f"image[{most}]", Fate.LOST, f"this model takes {most} image{'s' if most > 1 else ''} at most")


def answered(images: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A reply with these images, each with a `url` or `b64_json`."""
    return {"created": int(time.time()), "data": list(images)}


def _ratio(shape: str) -> float:
    width, _, height = shape.partition(":")
    return int(width) / int(height)
