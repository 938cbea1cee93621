"""Black Forest Labs: a task that makes or edits one image, asked about until it is done."""

# https://docs.bfl.ai/quick_start/generating_images, …/kontext/kontext_image_editing, …/flux_tools/flux_1_fill

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from nova_core.errors import ContentPolicyViolationError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange
from nova_core.wire.enveloped import Body, failure
from nova_core.wire.enveloped_images import EnvelopedImages
from nova_core.wire.fetched_images import with_data
from nova_core.wire.image_words import (
    answered,
    images_in,
    mask_in,
    members_of,
    nearest_shape,
    own_words,
    shape_note,
    size_of,
    unsaid_fields,
    unshown,
)
from nova_core.wire.json_operation import given
from nova_core.wire.polled import followed
from nova_core.wire.provider import Lane, of_deployment

WORKING = frozenset({"Pending", "Queued", "Processing", "Generating"})
MODERATED = frozenset({"Request Moderated", "Content Moderated"})
SHAPED = re.compile(r"kontext|ultra")
"""Models that are told a shape, where others are told width and height."""
SHAPES = ("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "21:9", "9:21")
OWN_HOST = ".bfl.ai"
FILLS = re.compile(r"fill|expand")
"""Models that keep an image as large as it is, or make it larger at its sides."""
INPUTS: tuple[tuple[re.Pattern[str], str, int], ...] = (
    (FILLS, "image", 1),
    (re.compile(r"canny|depth"), "control_image", 1),
    (re.compile(r"kontext"), "input_image", 4),
    (re.compile(r"flux-2"), "input_image", 8),
    (re.compile(r""), "image_prompt", 1),
)
"""What models call the first image, and how many they take; the others are numbered."""


class BlackForestLabs(EnvelopedImages):
    """`black_forest_labs/{model}`: `flux-2-pro`, `flux-kontext-max`, `flux-pro-1.0-fill` and the like."""

    providers = ("black_forest_labs",)
    base_url = "https://api.bfl.ai"
    api_base_env = ("BFL_API_BASE",)
    api_key_env = ("BFL_API_KEY", "BLACK_FOREST_LABS_API_KEY")
    secret_headers = frozenset({*EnvelopedImages.secret_headers, "x-key"})

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`x-key`."""
        key = self.key(deployment)
        return [("x-key", key)] if key else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The model's address."""
        parts = urlsplit(deployment.api_base or self.base_url)
        path = parts.path.rstrip("/").removesuffix(f"/{deployment.model}").removesuffix("/v1")
        return urlunsplit((parts.scheme, parts.netloc, f"{path}/v1/{deployment.model}", parts.query, ""))

    def review(self, request: Request) -> Fidelity:
        """What a task has no word for."""
        own = ("output_format", "mask") if FILLS.search(request.model) else ("output_format", "size")
        shown = unshown(images_in(request.members), _inputs(request.model)[1])
        return Fidelity((*unsaid_fields(request, own), *shown, *_shape(request)))

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """A task. Raises BadRequestError for a size that is none."""
        members = members_of(request)
        body: Body = {"prompt": members["prompt"], **own_words(members)}
        if request.operation == "image_edit":
            body |= _edited(members, lane.deployment.model)
        if members.get("output_format") is not None:
            body["output_format"] = members["output_format"]
        if (size := size_of(request)) is not None:
            shaped = SHAPED.search(lane.deployment.model)
            body |= {"aspect_ratio": nearest_shape(size, SHAPES)} if shaped else {"width": size[0], "height": size[1]}
        return body

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """The image of a task that is done. Raises ContentPolicyViolationError for one that was moderated."""
        status = answer.get("status")
        if status in MODERATED:
            raise ContentPolicyViolationError(f"the upstream stopped the image: {status}")
        if status != "Ready":
            return failure(_said(answer) or f"the task ended as {status}")
        return answered([{"url": answer["result"]["sample"]}])

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt: the task, and questions about it; images are fetched for callers who want their data."""
        exchange = super().provider_call(call, request, deployment)
        base = deployment.api_base or self.base_url
        task = followed(exchange, _next, base, OWN_HOST)
        return with_data(task) if request.get("response_format") == "b64_json" else task


def _edited(members: Mapping[str, Any], model: str) -> Body:
    """The images to edit, and the mask."""
    name, most = _inputs(model)
    images = images_in(members, most)
    body: Body = {name if place == 1 else f"{name}_{place}": image for place, image in enumerate(images, start=1)}
    return {**body, **given({"mask": mask_in(members)})}


def _inputs(model: str) -> tuple[str, int]:
    return next((name, most) for models, name, most in INPUTS if models.search(model))


def _next(task: Mapping[str, Any]) -> str | None:
    """Where a task that goes on is asked about, which it says when it begins."""
    if url := task.get("polling_url"):
        return str(url)
    return "" if task.get("status") in WORKING else None


def _said(answer: Mapping[str, Any]) -> str:
    details = answer.get("details") or answer.get("detail") or answer.get("result")
    return details if isinstance(details, str) else msgspec.json.encode(details).decode() if details else ""


def _shape(request: Request) -> Iterator[FieldNote]:
    if SHAPED.search(request.model) and (size := size_of(request)) is not None:
        yield shape_note(size, nearest_shape(size, SHAPES))
    if request.get("response_format") == "url":
        yield FieldNote("response_format", Fate.MAPPED, "addresses last for ten minutes")
