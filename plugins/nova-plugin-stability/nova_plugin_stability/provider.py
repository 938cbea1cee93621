"""Stability AI: one image from a form, made or edited in one of its services."""

# https://platform.stability.ai/docs/api-reference (v2beta)

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from nova_core.errors import ContentPolicyViolationError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange, UpstreamRequest
from nova_core.wire.enveloped import Body, failure
from nova_core.wire.enveloped_images import EnvelopedImages
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
from nova_core.wire.multipart import form_request
from nova_core.wire.polled import followed
from nova_core.wire.provider import Lane, of_deployment
from nova_core.wire.stable_image import (
    FAMILY,
    SERVICES,
    SHAPES,
    Service,
    drawing_operations,
    editing_service,
    service_of,
)

SERVED = "/v2beta/stable-image"
RESULTS = "/v2beta/results"
STOPPED = "CONTENT_FILTERED"
IMAGES = ("result", "image")
"""Members of an answer that hold the image, of tasks and of all others."""


class Stability(EnvelopedImages):
    """`stability/{model}`: `stable-image-ultra`, `stable-image-core` or a model of the `sd3.5` family makes images,
    services such as `inpaint` and `search-and-replace` edit them.
    """

    providers = ("stability",)
    base_url = "https://api.stability.ai"
    api_base_env = ("STABILITY_API_BASE",)
    api_key_env = ("STABILITY_API_KEY",)

    def operations(self, model: str) -> frozenset[str]:
        """What the model's service does."""
        return drawing_operations(super().operations(model), model)

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The key, and that images come as data in JSON."""
        return [*super().headers(deployment, call), ("Accept", "application/json")]

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The service of the model."""
        name = service_of(deployment.model)
        service = SERVICES[name].path if operation == "image_edit" and name in SERVICES else f"generate/{name}"
        parts = urlsplit(deployment.api_base or self.base_url)
        path = parts.path.rstrip("/").removesuffix(f"/{service}").removesuffix("/generate").removesuffix(SERVED)
        return urlunsplit((parts.scheme, parts.netloc, f"{path}{SERVED}/{service}", parts.query, ""))

    def review(self, request: Request) -> Fidelity:
        """What the forms have no field for."""
        return Fidelity((*unsaid_fields(request, _said(request)), *_notes(request)))

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """The fields of the form. Raises BadRequestError for a size that is none."""
        members = members_of(request)
        body: Body = {**given({"prompt": members.get("prompt")}), **own_words(members)}
        if service_of(lane.deployment.model) == FAMILY:
            body["model"] = lane.deployment.model
        if members.get("output_format") is not None:
            body["output_format"] = members["output_format"]
        service = _edits(request)
        if (size := size_of(request)) is not None and (service is None or service.shaped):
            body["aspect_ratio"] = nearest_shape(size, SHAPES)
        return body if service is None else _edited(body, members, service)

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The form."""
        return form_request(lane.url, self.body(request, lane, streamed=streamed), headers, streamed)

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """The image. Raises ContentPolicyViolationError where a filter has blurred it."""
        if answer.get("finish_reason") == STOPPED:
            raise ContentPolicyViolationError("the upstream's content filter stopped the image")
        image = next((answer[name] for name in IMAGES if answer.get(name)), None)
        if image is None:
            return failure("; ".join(map(str, answer.get("errors") or ())) or answer.get("name"))
        return answered([{"b64_json": image}])

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; some services only begin with it, and are asked about until they are done."""
        exchange = super().provider_call(call, request, deployment)
        if request.operation != "image_edit":
            return exchange
        base = deployment.api_base or self.base_url
        before = exchange.request.url.partition(SERVED)[0]

        def where(task: Mapping[str, Any]) -> str | None:
            if any(task.get(name) for name in (*IMAGES, "errors", "finish_reason")) or "id" not in task:
                return None
            return f"{before}{RESULTS}/{quote(str(task['id']), safe='')}"

        return followed(exchange, where, base)


def _edits(request: Request) -> Service | None:
    """The service that edits; None where an image is made. Raises BadRequestError for models that edit none."""
    return editing_service(request.model) if request.operation == "image_edit" else None


def _edited(body: Body, members: Mapping[str, Any], service: Service) -> Body:
    """The fields with the images to edit."""
    body |= dict(zip(service.images, images_in(members), strict=False))
    if service.mode is not None:
        body = {"mode": service.mode, **body}
    return {**body, **given({"mask": mask_in(members)})}


def _said(request: Request) -> tuple[str, ...]:
    service = _edits(request)
    if service is None:
        return ("size", "output_format")
    words = {"size": service.shaped, "mask": service.masked, "output_format": True}
    return tuple(name for name, has in words.items() if has)


def _notes(request: Request) -> Iterator[FieldNote]:
    service = _edits(request)
    if (size := size_of(request)) is not None and (service is None or service.shaped):
        yield shape_note(size, nearest_shape(size, SHAPES))
    if request.get("response_format") == "url":
        yield FieldNote("response_format", Fate.LOST, "images come as data")
    if service is not None:
        yield from unshown(images_in(request.members), len(service.images))
    if service is not None and not service.prompted:
        yield FieldNote("prompt", Fate.HINT, "the service needs none")
