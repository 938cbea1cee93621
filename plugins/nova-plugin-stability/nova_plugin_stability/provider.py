"""Stability AI: one image from a form, made in one of three services."""

# https://platform.stability.ai/docs/api-reference, "Generate" (v2beta)

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from nova_core.errors import ContentPolicyViolationError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.enveloped import Body, Enveloped, Opener, failure
from nova_core.wire.image_words import answered, nearest_shape, own_words, shape_note, size_of, unsaid_fields
from nova_core.wire.multipart import form_request
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_core.wire.provider import Lane, of_deployment

SHAPES = ("1:1", "16:9", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
GENERATE = "/v2beta/stable-image/generate"
FAMILY = "sd3"
"""The service of the models that begin so; others are services themselves."""
STOPPED = "CONTENT_FILTERED"


class Stability(Enveloped):
    """`stability/{model}`: `stable-image-ultra`, `stable-image-core`, or a model of the `sd3.5` family."""

    providers = ("stability",)
    base_url = "https://api.stability.ai"
    api_base_env = ("STABILITY_API_BASE",)
    api_key_env = ("STABILITY_API_KEY",)
    dialects: Mapping[Operation, Dialect] = {"image_generation": OPENAI_IMAGES}
    enveloped = frozenset({"image_generation"})
    paths: Mapping[Operation, str] = {"image_generation": GENERATE}

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The key, and that images come as data in JSON."""
        return [*super().headers(deployment, call), ("Accept", "application/json")]

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The service of the model."""
        service = service_of(deployment.model)
        parts = urlsplit(deployment.api_base or self.base_url)
        path = parts.path.rstrip("/").removesuffix(f"/{service}").removesuffix(GENERATE)
        return urlunsplit((parts.scheme, parts.netloc, f"{path}{GENERATE}/{service}", parts.query, ""))

    def review(self, request: Request) -> Fidelity:
        """What the forms have no field for."""
        return Fidelity((*unsaid_fields(request, ("size", "output_format")), *_notes(request)))

    def to_upstream(self, request: Request) -> Request:
        """Images come when they are done."""
        return request.without("stream", "partial_images")

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """The fields of the form. Raises BadRequestError for a size that is none."""
        members = plain(request.members)
        body: Body = {"prompt": members["prompt"], **own_words(members)}
        if service_of(lane.deployment.model) == FAMILY:
            body["model"] = lane.deployment.model
        if members.get("output_format") is not None:
            body["output_format"] = members["output_format"]
        if (size := size_of(request)) is not None:
            body["aspect_ratio"] = nearest_shape(size, SHAPES)
        return body

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The form."""
        return form_request(lane.url, self.body(request, lane, streamed=streamed), headers, streamed)

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """The image. Raises ContentPolicyViolationError where a filter has blurred it."""
        if answer.get("finish_reason") == STOPPED:
            raise ContentPolicyViolationError("the upstream's content filter stopped the image")
        if not answer.get("image"):
            return failure("; ".join(map(str, answer.get("errors") or ())) or answer.get("name"))
        return answered([{"b64_json": answer["image"]}])

    def opener(self, seed: str) -> Opener:
        """Never asked: images come whole."""
        raise AssertionError("images are not streamed")


def service_of(model: str) -> str:
    """The service that makes a model's images."""
    return FAMILY if model.startswith(FAMILY) else model.removeprefix("stable-image-")


def _notes(request: Request) -> Iterator[FieldNote]:
    if (size := size_of(request)) is not None:
        yield shape_note(size, nearest_shape(size, SHAPES))
    if request.get("response_format") == "url":
        yield FieldNote("response_format", Fate.LOST, "images come as data")
