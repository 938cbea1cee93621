"""Images of ModelScope's models, which are made in tasks that are asked about."""

# https://www.modelscope.cn/docs/model-service/API-Inference/intro, "AIGC models"

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import Image, ImagesReply
from nova_core.types.message import Members, Operation, Request, TypedReply, TypedRequest, decoded
from nova_core.types.upstream import Exchange
from nova_core.types.usage import Units, Usage
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.json_operation import given
from nova_core.wire.plain_images import asked_size, own_inputs, plain_request
from nova_core.wire.upstream_errors import classify, facts_of
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_openai_compatible.drawing import as_task, as_wanted

PATH = "/images/generations"
BEGINS = ("X-ModelScope-Async-Mode", "true")
ASKS = ("X-ModelScope-Task-Type", "image_generation")
FAILED = "FAILED"


class ModelScopeImages(UpstreamOnly):
    """`{"prompt", "size", "negative_prompt", "seed", "steps", "guidance", "image_url"}` in, addresses of images out.

    Images to edit are known by addresses alone, which callers add as `image_url`.
    """

    name = "modelscope_images"
    operation: Operation = "image_generation"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for the vendor; those that callers add are its own."""
        notes = ForeignNotes(own=False, dialect=self.name)
        request = plain_request(typed, notes)
        size = None if asked_size(request, notes) is None else request.size
        members = {"model": request.model, "prompt": request.prompt, **given({"size": size}), **own_inputs(request)}
        return members, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """Raises what it means that a task failed, BadGatewayError where there are no images."""
        if any(_outputs(members)):
            return
        if decoded(members.get("task_status")) == FAILED:
            said = decoded(members.get("errors")) or decoded(members.get("error"))
            facts = facts_of(msgspec.json.encode(said if isinstance(said, Mapping) else {"message": str(said or "")}))
            raise classify(None, facts.message or "the task failed", code=facts.code)
        raise BadGatewayError("the upstream's answer has no `output_images`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """An `ImagesReply`."""
        self.check_reply(members)
        return ImagesReply(tuple(Image(url=url) for url in _outputs(members)), usage=self.usage_of(members))

    def usage_of(self, members: Members) -> Usage:
        """The number of images."""
        return Usage(units=Units(images=len(_outputs(members))))


class ModelScopeDrawing:
    """How tasks are followed. See `Drawing`."""

    def address(self, base: str, model: str, operation: Operation) -> str | None:
        """Where the row's paths say."""
        return None

    def drawn(self, exchange: Exchange, request: Request, base: str) -> Exchange:
        """A task that is asked about, as one of images, until it has them or has failed."""
        place = exchange.request.url.removesuffix(PATH)
        return as_wanted(as_task(exchange, BEGINS, lambda task: _next(task, place), base, ASKS), request)


def _next(task: Mapping[str, Any], place: str) -> str | None:
    """Where a task without images is asked about."""
    if "task_id" not in task or _outputs(task) or task.get("task_status") == FAILED:
        return None
    return f"{place}/tasks/{quote(str(task['task_id']), safe='')}"


def _outputs(members: Members) -> list[str]:
    found = decoded(members.get("output_images"))
    return [url for url in found if isinstance(url, str)] if isinstance(found, list) else []


MODELSCOPE_IMAGES = ModelScopeImages()
MODELSCOPE_DRAWING = ModelScopeDrawing()
