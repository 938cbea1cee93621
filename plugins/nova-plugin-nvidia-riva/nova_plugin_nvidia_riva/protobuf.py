"""Protocol Buffers, as far as a few messages of the third version need them: members in and out of bytes."""

# https://protobuf.dev/programming-guides/encoding/

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import msgspec

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Types of fields on the wire."""
LONGEST_VARINT: Final = 10
SIXTY_FOUR: Final = 2**64 - 1
"""All bits of the longest number."""
NOTHING: Final[Mapping[type, Any]] = {int: 0, bool: False, float: 0.0, str: "", bytes: b""}
"""What a field says that is left out."""
NAMED: Final[Mapping[type, str]] = {bool: "true or false", float: "a number", str: "a text", int: "a whole number"}


@dataclass(frozen=True, slots=True)
class Field:
    """`kind` is `int` (32 bits), an enumeration, `bool`, `float` (32 bits), `str`, `bytes`, `dict` (a map of texts) or
    a message.
    """

    number: int
    kind: Any
    repeated: bool = False


class Message:
    """The fields of a message by name."""

    __slots__ = ("_by_number", "fields")

    def __init__(self, **fields: Field) -> None:
        self.fields = fields
        self._by_number = {field.number: (name, field) for name, field in fields.items()}

    def encode(self, members: Mapping[str, Any], path: str = "") -> bytes:
        """The bytes of these members, of which None says nothing; numbers, lists and objects may be text, as in forms.

        Raises ValueError that names a member of no field, or with a value that its field does not take.
        """
        for name in members:
            if name not in self.fields:
                raise ValueError(f"`{path}{name}` is unknown")
        said: list[bytes] = []
        for name, field in self.fields.items():
            for value in _values(field, members.get(name), f"{path}{name}"):
                wire, data = _said(field.kind, value, f"{path}{name}")
                said += (_varint(field.number << 3 | wire), data)
        return b"".join(said)

    def decode(self, data: bytes) -> dict[str, Any]:
        """The members in these bytes; a scalar that is left out has its default, a message or a map None. What has no
        field here is passed over. Raises ValueError for what is no message.
        """
        members: dict[str, Any] = {
            name: [] if field.repeated else NOTHING.get(field.kind) for name, field in self.fields.items()
        }
        for number, wire, value in _parts(data):
            name, field = self._by_number.get(number, ("", None))
            if field is None or wire != _wire(field.kind):
                continue
            read = _read(field.kind, value)
            if field.repeated:
                members[name].append(read)
            elif field.kind is dict:
                members[name] = {**(members[name] or {}), read["key"]: read["value"]}
            else:
                members[name] = read
        return members


ENTRY: Final = Message(key=Field(1, str), value=Field(2, str))
"""One of a map of texts."""


def _values(field: Field, value: Any, where: str) -> list[Any]:
    """The values of a field: none, one, or those of a list."""
    if value is None:
        return []
    structured = field.repeated or field.kind is dict or isinstance(field.kind, Message)
    if structured and isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            raise ValueError(f"`{where}` must be JSON") from error
    if field.kind is dict:
        if not isinstance(value, Mapping):
            raise ValueError(f"`{where}` must be an object")
        return [{"key": str(key), "value": _text(each)} for key, each in value.items()]
    if not field.repeated:
        return [value]
    if not isinstance(value, list | tuple):
        raise ValueError(f"`{where}` must be a list")
    return list(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _said(kind: Any, value: Any, where: str) -> tuple[int, bytes]:
    """The type on the wire, and the data."""
    if kind is dict:
        kind = ENTRY
    if isinstance(kind, Message):
        if not isinstance(value, Mapping):
            raise ValueError(f"`{where}` must be an object")
        return LENGTH, _sized(kind.encode(value, f"{where}."))
    if kind is bytes:
        return LENGTH, _sized(value)
    if issubclass(kind, IntEnum) and isinstance(value, str):
        if value.upper() not in kind.__members__:
            raise ValueError(f"`{where}` must be one of {', '.join(kind.__members__)}")
        return VARINT, _varint(kind[value.upper()])
    try:
        value = msgspec.convert(value, int if issubclass(kind, IntEnum) else kind, strict=False)
        if kind is str:
            return LENGTH, _sized(value.encode())
        if kind is float:
            return FIXED32, struct.pack("<f", value)
        struct.pack("<i", value)  # whether it is of 32 bits; one below 0 is sent as if it had 64
        return VARINT, _varint(value & SIXTY_FOUR)
    except (msgspec.ValidationError, struct.error, OverflowError, UnicodeEncodeError) as error:
        raise ValueError(f"`{where}` must be {NAMED.get(kind, 'a number')}") from error


def _read(kind: Any, value: Any) -> Any:
    if kind is dict:
        return ENTRY.decode(value)
    if isinstance(kind, Message):
        return kind.decode(value)
    if kind is float:
        return struct.unpack("<f", value)[0]
    if kind is str:
        return value.decode()
    if kind is bytes:
        return value
    if kind is bool:
        return value != 0
    return (value + 2**31) % 2**32 - 2**31


def _wire(kind: Any) -> int:
    if kind is float:
        return FIXED32
    return LENGTH if isinstance(kind, Message) or kind in (str, bytes, dict) else VARINT


def _parts(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Number, type and value of each field on the wire."""
    at = 0
    while at < len(data):
        tag, at = _varint_at(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, at = _varint_at(data, at)
            yield number, wire, value
            continue
        if wire == LENGTH:
            size, at = _varint_at(data, at)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise ValueError(f"a field has the unknown type {wire}")
        if number == 0 or at + size > len(data):
            raise ValueError("the message is cut off")
        yield number, wire, data[at : at + size]
        at += size


def _varint(value: int) -> bytes:
    said = bytearray()
    while value > 0x7F:
        said.append(value & 0x7F | 0x80)
        value >>= 7
    said.append(value)
    return bytes(said)


def _varint_at(data: bytes, at: int) -> tuple[int, int]:
    """A number, and where what follows it begins."""
    value = 0
    for place in range(LONGEST_VARINT):
        if at + place >= len(data):
            break
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value & SIXTY_FOUR, at + place + 1
    raise ValueError("the message is cut off")


def _sized(data: bytes) -> bytes:
    return _varint(len(data)) + data
