"""OpenAI's image variations (`/v1/images/variations`): a form with one image, and no prompt."""

# Source: OpenAI API reference, "Create image variation".

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nova_core.errors import BadRequestError
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import ImageVariationRequest
from nova_core.types.message import Members, Operation, TypedRequest, decoded
from nova_core.types.upload import File
from nova_core.wire.json_operation import given
from nova_core.wire.multipart import form_members
from nova_core.wire.openai_chat.fields import bad_field
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_image_edits import whole_number
from nova_core.wire.openai_images import OpenAIImages

TEXTS = ("size", "response_format", "user")
KNOWN = frozenset({"model", "image", "n", *TEXTS})


class OpenAIImageVariations(OpenAIImages):
    """The dialect; its replies are those of images made from a prompt, never streamed. `model` may be left out."""

    name = "openai_image_variations"
    operation: Operation = "image_variation"
    live_after: tuple[str, ...] = ("model",)

    def from_form(self, fields: Iterable[tuple[str, str | File]]) -> dict[str, Any]:
        """See `TakesForms`."""
        return form_members(fields)

    def check_request(self, members: Members) -> None:
        """One `image`, and the kinds of the documented fields. Raises BadRequestError."""
        image = members.get("image")
        if image is None:
            raise BadRequestError("`image` is required", param="image", code="missing_required_parameter")
        if not isinstance(image, File):
            raise bad_field("image", "must be one file, sent as a part with a filename")
        for name in ("model", *TEXTS):
            if not isinstance(decoded(members.get(name)), str | None):
                raise bad_field(name, "must be a string")
        whole_number(members, "n")

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """Typed request. Raises BadRequestError whose `param` is the field."""
        self.check_request(members)
        rest = {name: value for name, value in members.items() if name not in KNOWN}
        said: dict[str, Any] = {name: members.get(name) for name in TEXTS}
        return ImageVariationRequest(
            model=members.get("model") or self.default_model,
            image=members["image"],
            n=whole_number(members, "n"),
            **said,
            extra={self.name: rest} if rest else {},
        )

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the form."""
        if not isinstance(typed, ImageVariationRequest):
            raise BadRequestError("only a request to vary an image can be sent as one")
        notes = Notes(own=self.name in typed.extra, dialect=self.name)
        members: dict[str, Any] = {"model": typed.model}
        members |= given({name: getattr(typed, name) for name in ("n", *TEXTS)})
        notes.extra(members, typed.extra)
        members["image"] = typed.image
        return members, notes.fidelity()


OPENAI_IMAGE_VARIATIONS = OpenAIImageVariations()
