"""Checks the vectors of a reply, and turns them into the encoding that was asked for; pure functions."""

# OpenAI API reference, "Embeddings": `encoding_format: base64` is the bytes of little-endian float32 numbers.

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from nova_core.errors import BadGatewayError
from nova_core.types.message import Reply
from nova_plugin_embeddings.opening import opening

Datum: TypeAlias = dict[str, msgspec.Raw]
Floats: TypeAlias = npt.NDArray[np.float32]

_DATA = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
# Typed decoding refuses null, true, text, and numbers that are too large for a double: what is left is finite.
_NUMBERS = msgspec.json.Decoder(list[float])
_ROWS = msgspec.json.Decoder(list[list[float]])
_TEXT = msgspec.json.Decoder(str)
WIDTH_OF_NUMBER = 4
_DIGITS_AND_SPACE = b"0123456789. \t\r\n"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reply must hold. `dimensions` None: any width, the same for all. `multivector` None: either form."""

    count: int
    encoding: str = "float"
    dimensions: int | None = None
    multivector: bool | None = False


def data_of(reply: Reply) -> list[Datum]:
    """The items of `data`, their members undecoded. Raises BadGatewayError when it is no list of objects."""
    data = reply.members.get("data")
    raw = data if isinstance(data, msgspec.Raw) else msgspec.json.encode(data)
    try:
        return _DATA.decode(raw)
    except msgspec.DecodeError as error:
        raise BadGatewayError("the upstream's `data` is not a list of embedding objects") from error


def in_order(data: list[Datum]) -> list[Datum]:
    """The items by their `index`. Raises BadGatewayError unless the indexes count the items (or none has one)."""
    if not any("index" in datum for datum in data):
        return data
    indexes = [_index(datum) for datum in data]
    if sorted(index for index in indexes if index is not None) != list(range(len(data))):
        raise BadGatewayError(f"the upstream's `index` of the vectors are not the numbers from 0 to {len(data) - 1}")
    return [datum for _, datum in sorted(zip(indexes, data, strict=True), key=lambda pair: pair[0] or 0)]


def checked(reply: Reply, expected: Expected) -> Reply | None:
    """The reply in the expected encoding and by `index`; None when it is that already and no byte need change.

    Raises BadGatewayError naming what is wrong: the count, the width, a number that is not finite, the form.
    """
    data = data_of(reply)
    if len(data) != expected.count:
        raise BadGatewayError(f"the upstream answered {len(data)} vectors for {expected.count} items of `input`")
    ordered = in_order(data)
    width = expected.dimensions
    changed: dict[int, msgspec.Raw] = {}
    for place, datum in enumerate(ordered):
        found, encoded = _one(place, datum.get("embedding"), expected)
        width = _same_width(place, found, width, expected.dimensions)
        if encoded is not None:
            changed[place] = encoded
    if not changed and ordered == data:
        return None
    renewed = [
        {**datum, "embedding": changed[place]} if place in changed else datum for place, datum in enumerate(ordered)
    ]
    return reply.with_members({"data": msgspec.Raw(msgspec.json.encode(renewed))})


def _one(place: int, raw: msgspec.Raw | None, expected: Expected) -> tuple[int | None, msgspec.Raw | None]:
    """The width of one embedding (None: not to be known), and its bytes anew where the encoding must change."""
    start = b"" if raw is None else opening(raw)
    if raw is None or start[:1] not in (b'"', b"["):
        raise BadGatewayError(f"the upstream's `data[{place}]` has no embedding")
    if expected.multivector is True and start[:1] == b'"':
        return None, None  # how base64 frames several vectors is the upstream's own, so it passes as it is
    nested = start in (b"[[", b'["')
    if expected.multivector is not None and nested is not expected.multivector:
        forms = ("one vector", "one vector per token")
        raise BadGatewayError(
            f"the upstream's `data[{place}]` has {forms[nested]} where {forms[expected.multivector]} was asked for"
        )
    if nested:
        return _rows(place, raw), None
    if start[:1] == b'"':
        numbers = _unpacked(place, raw)
        return len(numbers), None if expected.encoding == "base64" else _raw(numbers.tolist())
    if expected.encoding != "base64" and (width := width_of(bytes(raw))) is not None:
        return width, None
    values = _decoded(place, raw, _NUMBERS)
    return len(values), _packed(place, values) if expected.encoding == "base64" else None


def width_of(vector: bytes) -> int | None:
    """How many numbers an array holds, from the shape of its JSON alone, which is known to be well formed.

    None where that does not show that all of them are numbers that a double can hold: an exponent that is not negative
    may be one too many.
    """
    shape = vector.translate(None, _DIGITS_AND_SPACE)
    commas = shape.count(b",")
    only_numbers = shape.replace(b"e-", b"").translate(None, b"-,") == b"[]"
    return commas + 1 if commas and only_numbers else None


def _rows(place: int, raw: msgspec.Raw) -> int | None:
    if opening(raw) == b'["':
        return None
    rows = _decoded(place, raw, _ROWS)
    widths = {len(row) for row in rows}
    if len(widths) != 1:
        raise BadGatewayError(f"the vectors in the upstream's `data[{place}]` are of different widths")
    return widths.pop()


def _same_width(place: int, found: int | None, width: int | None, asked: int | None) -> int | None:
    if found is None:
        return width
    if found == 0:
        raise BadGatewayError(f"the upstream's `data[{place}]` is an empty vector")
    if width is not None and found != width:
        wanted = f"{asked} were asked for" if asked is not None else f"the vectors before it have {width}"
        raise BadGatewayError(f"the upstream's `data[{place}]` is a vector of {found} numbers, and {wanted}")
    return found


def _unpacked(place: int, raw: msgspec.Raw) -> Floats:
    try:
        data = base64.b64decode(_TEXT.decode(raw), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadGatewayError(f"the upstream's `data[{place}]` is not valid base64") from error
    if len(data) % WIDTH_OF_NUMBER:
        raise BadGatewayError(f"the upstream's `data[{place}]` has {len(data)} bytes, which are no float32 numbers")
    numbers = np.frombuffer(data, dtype="<f4")
    if not np.isfinite(numbers).all():
        raise _not_finite(place)
    return numbers


def _packed(place: int, values: Sequence[float]) -> msgspec.Raw:
    with np.errstate(over="ignore"):
        numbers = np.asarray(values, dtype="<f4")
    if not np.isfinite(numbers).all():
        raise _not_finite(place)
    return _raw(base64.b64encode(numbers.tobytes()).decode())


def _decoded(place: int, raw: msgspec.Raw, decoder: msgspec.json.Decoder[Any]) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.DecodeError as error:
        raise _not_finite(place) from error


def _not_finite(place: int) -> BadGatewayError:
    return BadGatewayError(f"the upstream's `data[{place}]` holds something that is no finite number")


def _index(datum: Datum) -> int | None:
    value = msgspec.json.decode(datum["index"]) if "index" in datum else None
    return value if type(value) is int else None


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
