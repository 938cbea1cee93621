"""Predictions of image models as a dialect that only an upstream speaks."""

# The input schemas on the models' own pages, such as https://replicate.com/black-forest-labs/flux-schnell/api/schema

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import Image, ImagesReply
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Units, Usage
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.plain_images import plain_request, width_and_height
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_replicate import prediction

NAME: Final = "replicate_images"
INPUTS: Final = {"n": "num_outputs", "output_format": "output_format", "compression": "output_quality"}
"""Fields of a request, and inputs that most models have."""
DATA_URL: Final = re.compile(r"data:[^,]*;base64,")


class ReplicateImages(UpstreamOnly):
    """`{"input": {"prompt", "width", "height", "num_outputs", …}}` in, addresses of images out."""

    name = NAME
    operation: Operation = "image_generation"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream. Members that callers add are inputs that only the model knows."""
        notes = ForeignNotes(own=False, dialect=NAME)
        request = plain_request(typed, notes, *INPUTS)
        said: dict[str, Any] = {"prompt": request.prompt, **width_and_height(request, notes)}
        said |= {name: value for field, name in INPUTS.items() if (value := getattr(request, field)) is not None}
        for members in request.extra.values():
            said |= members
        return {"model": request.model, "input": said}, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError for what is no prediction, and why one did not succeed."""
        prediction.check(members)

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """An `ImagesReply`. Raises BadGatewayError for an output that is no image."""
        self.check_reply(members)
        images = tuple(map(_image, _outputs(members)))
        return ImagesReply(images, prediction.created_at(members), usage=self.usage_of(members))

    def usage_of(self, members: Members) -> Usage | None:
        """The number of images."""
        return Usage(units=Units(images=len(_outputs(members))))


def _outputs(members: Members) -> list[Any]:
    output = decoded(members.get("output"))
    return output if isinstance(output, list) else [] if output is None else [output]


def _image(output: Any) -> Image:
    if not isinstance(output, str) or not output:
        raise BadGatewayError("the upstream's prediction holds no images")
    inline = DATA_URL.match(output)
    return Image(data=output[inline.end() :]) if inline else Image(url=output)


REPLICATE_IMAGES: Final = ReplicateImages()
