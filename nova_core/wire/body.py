"""JSON bodies into top-level members whose values are still undecoded bytes."""

from __future__ import annotations

from array import array
from itertools import accumulate
from typing import Any, Final

import msgspec

from nova_core.errors import BadRequestError

# msgspec skips over undecoded values and checks their syntax on the way, but not that strings are UTF-8.
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODE = msgspec.json.Encoder().encode
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_LONG = 1024
_SMALLEST_LEVEL = len(b'{"":}')
# As signed bytes: an opening bracket is 1, a closing one -1.
_STEPS = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")


NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding bytes raises that are no JSON, or none that anything can hold."""


def parse_members(body: bytes, *, max_depth: int = 128) -> dict[str, Any]:
    """Top-level members of a JSON object, values as `msgspec.Raw` so that their bytes pass on unchanged.

    Of duplicate keys the last one counts. The whole body is checked: no malformed JSON hides in a member.
    `max_depth` counts nested arrays and objects, the outermost included. Raises BadRequestError.
    """
    if not body.isascii() or body.isspace() or not body:
        _check_text(body)
    try:
        members = _MEMBERS.decode(body)
    except msgspec.ValidationError as error:
        raise BadRequestError("the request body must be a JSON object") from error
    except msgspec.DecodeError as error:
        raise BadRequestError(f"the request body is not valid JSON: {_reason(error)}") from error
    except RecursionError as error:
        raise _too_deep(max_depth) from error
    # What is nested so deep has as many closing brackets.
    if len(body) > 2 * max_depth and _opened(body, max_depth) > max_depth and _depth(body) > max_depth:
        raise _too_deep(max_depth)
    return members


def holds(data: bytes, word: bytes) -> bool:
    """Whether `word` is somewhere in `data`. Searching from the end takes CPython less than half the time."""
    return data.rfind(word) >= 0


def as_bytes(value: Any) -> bytes:
    """A member's JSON."""
    return bytes(value) if type(value) is msgspec.Raw else _ENCODE(value)


def _check_text(body: bytes) -> None:
    if not body.strip(b" \t\r\n"):
        raise BadRequestError("the request body is empty; send a JSON object")
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise BadRequestError(f"the request body is not valid UTF-8 (byte {error.start})") from error


def _opened(body: bytes, most: int) -> int:
    """How many brackets open, up to one more than `most`; `most` where it is plain that they are not more."""
    if len(body) < _LONG:
        arrays, objects = body.count(b"["), len(body) // _SMALLEST_LEVEL + 1  # the innermost may be empty
        if arrays + objects <= most:
            return most
        return arrays + body.count(b"{")
    found = 0
    for bracket in (b"{", b"["):  # in a long body searching, which goes by blocks, beats counting, which goes by bytes
        place = body.find(bracket)
        while place >= 0 and found <= most:
            found += 1
            place = body.find(bracket, place + 1)
    return found


def _depth(body: bytes) -> int:
    """How deep valid JSON is nested."""
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(body.split(b'"')[::2])
    return max(accumulate(array("b", outside_strings.translate(_STEPS, _NOT_BRACKETS))), default=0)


def _too_deep(max_depth: int) -> BadRequestError:
    return BadRequestError(f"the request body is nested too deeply; at most {max_depth} levels are allowed")


def _reason(error: msgspec.DecodeError) -> str:
    return str(error).removeprefix("JSON is malformed: ")
