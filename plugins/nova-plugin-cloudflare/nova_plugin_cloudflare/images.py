"""Images: a prompt in; base64 text in an envelope, or the image itself, out."""

# https://developers.cloudflare.com/workers-ai/models/flux-1-schnell/ and …/stable-diffusion-xl-base-1.0/

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import Image, ImagesReply
from nova_core.types.message import Members, Operation, Reply, TypedReply, TypedRequest
from nova_core.types.upstream import UpstreamResponse
from nova_core.types.usage import Units, Usage
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.plain_images import as_data, plain_request, width_and_height
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_cloudflare.results import result_of


class WorkersImages(UpstreamOnly):
    """`POST /ai/run/{model}` of a text-to-image model."""

    name = "workers_images"
    operation: Operation = "image_generation"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream; those that callers add are inputs that only the model knows."""
        notes = ForeignNotes(own=False, dialect=self.name)
        request = plain_request(typed, notes)
        as_data(request, notes)
        members: dict[str, Any] = {"model": request.model, "prompt": request.prompt}
        members |= width_and_height(request, notes)
        for extra in request.extra.values():
            members |= extra
        return members, notes.fidelity()

    def read_raw(self, response: UpstreamResponse) -> Reply | None:
        """An image that is answered as it is, as if it were in the envelope; None for JSON."""
        if not response.headers.get("content-type", "").lower().startswith("image/"):
            return None
        data = base64.b64encode(response.body).decode()
        return Reply(self.operation, self, {"result": {"image": data}, "success": True})

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError without an image, or for a failure."""
        if not isinstance(result_of(members).get("image"), str):
            raise BadGatewayError("the upstream's answer has no `result.image`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """An `ImagesReply` of one image."""
        self.check_reply(members)
        return ImagesReply((Image(data=result_of(members)["image"]),), usage=self.usage_of(members))

    def usage_of(self, members: Members) -> Usage:
        """One image."""
        return Usage(units=Units(images=1))


WORKERS_IMAGES: Final = WorkersImages()
