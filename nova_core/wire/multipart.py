"""`multipart/form-data`: a body made of members, and members made of a form's fields."""

# Source: RFC 7578, and OpenAI's API reference for `name[]`, which stands for one item of a list.

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from nova_core.errors import BadRequestError
from nova_core.types.message import Members, decoded
from nova_core.types.upload import File
from nova_core.types.upstream import UpstreamRequest

LIST_MARK = "[]"
TRUE_FALSE = {"true": True, "false": False}
# What a name between quotes cannot hold, as browsers write it.
_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


class FormBody:
    """A form as a `StreamedBody`: first its fields, then its files, whose bytes are passed on as they come."""

    __slots__ = ("_boundary", "_end", "_files", "_start")

    def __init__(self, parts: Iterable[tuple[str, str | File]]) -> None:
        self._boundary = f"nova-{secrets.token_hex(16)}"
        self._end = f"--{self._boundary}--\r\n".encode()
        start: list[bytes] = []
        self._files: list[tuple[bytes, File]] = []
        for name, value in parts:
            if isinstance(value, File):
                self._files.append((self._head(name, value), value))
            else:
                start.append(self._head(name) + value.encode() + b"\r\n")
        self._start = b"".join(start)

    @property
    def content_type(self) -> str:
        """The value of the header `Content-Type`."""
        return f"multipart/form-data; boundary={self._boundary}"

    @property
    def length(self) -> int | None:
        """See `StreamedBody.length`."""
        total = len(self._start) + len(self._end)
        for head, file in self._files:
            size = file.length
            if size is None:
                return None
            total += len(head) + size + 2
        return total

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `StreamedBody.chunks`."""
        before = self._start
        for head, file in self._files:
            yield before + head
            async for piece in file.chunks():
                yield piece
            before = b"\r\n"
        yield before + self._end

    def _head(self, name: str, file: File | None = None) -> bytes:
        lines = f'--{self._boundary}\r\nContent-Disposition: form-data; name="{name.translate(_QUOTED)}"'
        if file is not None:
            kind = file.content_type if file.content_type.isprintable() else "application/octet-stream"
            lines += f'; filename="{file.name.translate(_QUOTED)}"\r\nContent-Type: {kind}'
        return f"{lines}\r\n\r\n".encode()


def form_parts(members: Members, *, mark: str = LIST_MARK) -> Iterator[tuple[str, str | File]]:
    """The parts that say these members: a list becomes its name and `mark` again and again, an object its JSON."""
    for name, given in members.items():
        value = decoded(given)
        if isinstance(value, list):
            for item in value:
                yield f"{name}{mark}", _said(item)
        elif value is not None:
            yield name, _said(value)


def form_request(
    url: str, members: Members, headers: tuple[tuple[str, str], ...], streamed: bool, *, mark: str = LIST_MARK
) -> UpstreamRequest:
    """The request that sends these members as a form; see `form_parts`."""
    body = FormBody(form_parts(members, mark=mark))
    others = (header for header in headers if header[0].lower() != "content-type")
    return UpstreamRequest(url, "POST", (*others, ("Content-Type", body.content_type)), body, streamed)


def form_members(fields: Iterable[tuple[str, str | File]]) -> dict[str, Any]:
    """The members that a form's fields say: `name[]` and repeated names are lists, everything else stays text.

    Raises BadRequestError for a second `model`: a name that is checked must be the one that is used.
    """
    members: dict[str, Any] = {}
    for name, value in fields:
        plain = name.removesuffix(LIST_MARK)
        if plain not in members:
            members[plain] = [value] if plain != name else value
            continue
        if plain == "model":
            raise BadRequestError("`model` is given more than once", param="model")
        known = members[plain]
        members[plain] = [*(known if isinstance(known, list) else (known,)), value]
    return members


def flags(members: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The members with `true` and `false` of these fields as what they mean. Raises BadRequestError for others."""
    changed = dict(members)
    for name in names:
        value = changed.get(name)
        if isinstance(value, str):
            if value.lower() not in TRUE_FALSE:
                raise BadRequestError(f"`{name}` must be true or false", param=name)
            changed[name] = TRUE_FALSE[value.lower()]
    return changed


def unformed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A form's fields as the JSON that they say, for vendors who are sent JSON: numbers, flags, objects and arrays."""
    return {name: _meant(value) if isinstance(value, str) else value for name, value in fields.items()}


def _meant(text: str) -> Any:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return text
    return text if value is None else value


def _said(value: Any) -> str | File:
    if isinstance(value, str | File):
        return value
    return msgspec.json.encode(value).decode()
