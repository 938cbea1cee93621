"""Heads of responses, held to the rules that go beyond those of the protocol's frames."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nova_core.gateway.http1.faults import FramingFault
from nova_core.gateway.http1.head import HEADER_COUNT, Head

STATUS = ":status"
BODYLESS = frozenset({204, 304})
_STATUS = re.compile(r"[2-5][0-9]{2}", re.ASCII)
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def head_of(fields: Iterable[tuple[str, str]], *, bodyless: bool) -> Head:
    """The head of an answer that is not an interim one. `bodyless`: the request was a HEAD. Raises FramingFault.

    That names are lower case and pseudo-headers stand where they may is known of them.
    """
    status = ""
    headers: dict[str, str] = {}
    for number, (name, value) in enumerate(fields):
        if number > HEADER_COUNT:
            raise FramingFault("too many headers")
        if _CONTROL.search(value):
            raise FramingFault("a control character in a header")
        if name == STATUS:
            status = value
        else:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if not _STATUS.fullmatch(status):
        raise FramingFault("no status that exists")
    length = headers.get("content-length")
    if length is not None and not _LENGTH.fullmatch(length):
        raise FramingFault("a length that is none")
    nothing = bodyless or int(status) in BODYLESS
    return Head(int(status), headers, 0 if nothing else None if length is None else int(length), False, True)
