"""OpenAI's image edits as JSON: images by their address, in a `data:` URL, or by the id of a file."""

# Source: OpenAI API reference, "Create image edit" with the content type application/json.

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from nova_core.errors import BadRequestError
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import ImageEditRequest
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.upload import File, InMemory
from nova_core.wire.json_operation import check_kinds
from nova_core.wire.openai_chat.fields import bad_field
from nova_core.wire.openai_image_edits import COUNTS, OPENAI_IMAGE_EDITS, TEXTS, check_prompt, whole_number
from nova_core.wire.openai_images import OpenAIImages
from nova_core.wire.translate import foreign

PLACES: Final = ("image_url", "file_id")
DATA_URL: Final = re.compile(r"data:(?P<type>image/(?P<kind>[\w.+-]+));base64,(?P<data>.*)", re.DOTALL)
LISTED: Final = re.compile(r"image\b")
KINDS: Final[Mapping[str, str]] = {"images": "array", "mask": "object", "stream": "flag"}


class DataUrlFile(File):
    """A file that came in a `data:` URL."""

    __slots__ = ("url",)

    def __init__(self, name: str, content_type: str, content: bytes, url: str) -> None:
        super().__init__(name, content_type, InMemory(content))
        self.url = url


class OpenAIImageEditsJson(OpenAIImages):
    """The dialect; its replies and streams are those of edits that came as a form. `model` may be left out.

    Only what is in a `data:` URL can be said as a form: an address, or the id of a file at its vendor, reaches
    providers that speak this dialect, and is refused by name elsewhere.
    """

    name = "openai_image_edits_json"
    operation: Operation = "image_edit"
    kind = "image_edit"

    def check_request(self, members: Members) -> None:
        """A `prompt`, at least one of `images`, and the kinds of the documented fields. Raises BadRequestError."""
        check_prompt(members)
        check_kinds(members, {**KINDS, "model": "text", **dict.fromkeys(TEXTS, "text")})
        for name in COUNTS:
            whole_number(members, name)
        if not decoded(members.get("images")):
            raise BadRequestError("`images` is required", param="images", code="missing_required_parameter")
        for path, reference in _references(members):
            if not isinstance(reference, dict) or not any(isinstance(reference.get(place), str) for place in PLACES):
                raise bad_field(path, f"must be an object with one of {', '.join(PLACES)}")

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """Typed request. Raises BadRequestError whose `param` is the field's path."""
        self.check_request(members)
        files = {path: _file(reference, path) for path, reference in _references(members)}
        mask = files.pop("mask", None)
        form = {name: value for name, value in members.items() if name not in ("images", "mask") and value is not None}
        form |= {"image": list(files.values()), **({} if mask is None else {"mask": mask})}
        return OPENAI_IMAGE_EDITS.parse_request(form)

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the request. Raises BadRequestError for files that did not come in one of this dialect."""
        if not isinstance(typed, ImageEditRequest):
            raise BadRequestError("only a request to edit images can be sent as one")
        form, fidelity = OPENAI_IMAGE_EDITS.render_request(typed)
        members = {name: value for name, value in form.items() if name not in ("image", "mask")}
        members["images"] = [_reference(image) for image in typed.images]
        if typed.mask is not None:
            members["mask"] = _reference(typed.mask)
        return members, fidelity

    def caller_path(self, members: Mapping[str, Any], field: str) -> str:
        """A field's path in the caller's request."""
        return LISTED.sub("images", field)

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for an image without data and address."""
        return OPENAI_IMAGE_EDITS.parse_reply(members)

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """OpenAI's list of images; usage only where tokens were counted."""
        return OPENAI_IMAGE_EDITS.render_reply(typed)

    def reply_fidelity(self, typed: TypedReply) -> Fidelity:
        """Both kinds of edits are answered alike."""
        return foreign(typed, OPENAI_IMAGE_EDITS.name)


def _references(members: Members) -> Iterator[tuple[str, Any]]:
    for place, reference in enumerate(decoded(members.get("images")) or ()):
        yield f"images[{place}]", reference
    if (mask := decoded(members.get("mask"))) is not None:
        yield "mask", mask


def _file(reference: Mapping[str, Any], path: str) -> File:
    url = reference.get("image_url")
    if not isinstance(url, str):
        raise BadRequestError(f"`{path}.file_id`: only the vendor that has the file knows it", param=f"{path}.file_id")
    path = f"{path}.image_url"
    found = DATA_URL.fullmatch(url)
    if found is None:
        raise BadRequestError(f"`{path}`: this model takes images in `data:` URLs, not by their address", param=path)
    try:
        content = base64.b64decode(found["data"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_field(path, "must hold valid base64") from error
    return DataUrlFile(f"image.{found['kind'].partition('+')[0]}", found["type"], content, url)


def _reference(image: File) -> dict[str, str]:
    if not isinstance(image, DataUrlFile):
        raise BadRequestError("only images that came in `data:` URLs can be sent in JSON", param="images")
    return {"image_url": image.url}


OPENAI_IMAGE_EDITS_JSON = OpenAIImageEditsJson()
