"""Files that come with a request: they are uploaded first, and the agent is told their ids."""

# https://open.manus.ai/docs/v1/create-file: the vendor deletes files by itself

from __future__ import annotations

import base64
import binascii
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.openai_chat.content import data_url
from nova_core.wire.steps import Steps
from nova_core.wire.tidied import document, named

INLINE: Final[Mapping[str, str]] = {"input_image": "image_url", "input_file": "file_data"}
"""Parts that may hold their file, and where."""


class Asking(UpstreamRequest, frozen=True, kw_only=True):
    """A request for the agent; `members` are what it is told, with files that are still to be uploaded."""

    members: Mapping[str, Any]
    files_url: str

    def __repr__(self) -> str:
        return f"Asking({self.url!r})"


@dataclass(frozen=True, slots=True)
class Inline:
    """A file in a request."""

    name: str
    content: bytes


def has_files(members: Mapping[str, Any]) -> bool:
    """Whether a message holds a file."""
    return any(file is not None for _, file in _parts(members))


def uploaded(asking: Asking) -> Steps[UpstreamRequest]:
    """The request with the ids of its files, after each of them was uploaded."""
    content = []
    for part, file in list(_parts(asking.members)):
        if file is None:
            content.append(part)
            continue
        body = msgspec.json.encode({"filename": file.name})
        record = document((yield UpstreamRequest(asking.files_url, "POST", asking.headers, body)))
        id, url = named(record, "id"), named(record, "upload_url")
        if not _is_safe(url, asking.url):
            raise BadGatewayError("the upstream wants a file at an address without encryption")
        yield UpstreamRequest(url, "PUT", (), file.content)  # signed: it needs no key, and must not get one
        content.append({"type": "input_file", "file_id": id})
    members = {**asking.members, "input": [{"role": "user", "content": content}]}
    return UpstreamRequest(asking.url, asking.method, asking.headers, msgspec.json.encode(members))


def _parts(members: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Inline | None]]:
    for number, part in enumerate(members["input"][0]["content"]):
        yield part, _inline(part, number)


def _inline(part: Mapping[str, Any], number: int) -> Inline | None:
    """The file that a part holds; None where it only says which. Raises BadRequestError for what is no base64."""
    member = INLINE.get(str(part.get("type")), "")
    said = part.get(member)
    if not isinstance(said, str):
        return None
    found = data_url(said)
    if found is None and member == "image_url":
        return None
    kind, data = found or (None, said)
    try:
        content = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise BadRequestError("a file's data is not base64", param="input") from error
    ending = mimetypes.guess_extension(kind or "") or ""
    return Inline(str(part.get("filename") or f"file-{number}{ending}"), content)


def _is_safe(url: str, asked: str) -> bool:
    parts, base = urlsplit(url), urlsplit(asked)
    return parts.scheme == "https" or (parts.scheme, parts.netloc) == (base.scheme, base.netloc)
