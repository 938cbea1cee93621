"""Images in the words of vendors whose APIs are not OpenAI's: sizes and shapes, what is left unsaid, and answers."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from nova_core.errors import BadRequestError
from nova_core.types.fidelity import Fate, FieldNote
from nova_core.types.message import Request
from nova_core.wire.drop_policy import is_default

SIZE: Final = re.compile(r"(\d{1,5})x(\d{1,5})")
FIELDS: Final = (
    *("n", "size", "quality", "style", "background", "output_format", "output_compression", "moderation"),
    *("partial_images", "stream", "user"),
)
"""Members of a request beside model and prompt; `response_format` is for whoever fetches or keeps images."""
HINTS: Final = frozenset({"quality", "partial_images", "stream", "user"})
"""Members that do not change what is to be seen."""
OWN: Final = frozenset({"model", "prompt", "response_format", *FIELDS})


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


def unsaid_fields(request: Request, said: Collection[str]) -> Iterator[FieldNote]:
    """Notes on the members that are given and not among those that are `said`."""
    for name in FIELDS:
        value = request.get(name)
        if name in said or value in (None, "auto", False):
            continue
        yield FieldNote(name, Fate.HINT if name in HINTS or is_default(name, value) else Fate.LOST)


def own_words(members: Mapping[str, Any]) -> dict[str, Any]:
    """Members that OpenAI does not have, which are the vendor's own."""
    return {name: value for name, value in members.items() if name not in OWN and value is not None}


def answered(images: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A reply with these images, each with a `url` or `b64_json`."""
    return {"created": int(time.time()), "data": list(images)}


def _ratio(shape: str) -> float:
    width, _, height = shape.partition(":")
    return int(width) / int(height)
