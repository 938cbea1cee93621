"""Topaz Labs: a task that makes a better image of another, asked about until it is done."""

# https://developer.topazlabs.com/api-reference/api-endpoints/image: "Enhance", "Status" and "Download"

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Reply, Request
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.enveloped import Body, Enveloped, failure
from nova_core.wire.fetched_images import with_data
from nova_core.wire.image_words import answered, images_in, members_of, own_words, size_of, unsaid_fields
from nova_core.wire.json_operation import given
from nova_core.wire.multipart import form_request
from nova_core.wire.openai_image_variations import OPENAI_IMAGE_VARIATIONS
from nova_core.wire.polled import followed
from nova_core.wire.provider import Lane, of_deployment
from nova_plugin_topaz.services import SIZED, service_of

SERVED = "/image/v1"
TASKS = "/async"
PENDING, DONE = "Pending", "Completed"
WORKING = frozenset({PENDING, "Processing"})


class Topaz(Enveloped):
    """`topaz/{model}`: `Standard V2`, `Wonder 3.5` and the like enlarge an image, others sharpen it, free it of noise,
    restore, light or cut it out; `{service}/{model}` says which service is asked.
    """

    providers = ("topaz",)
    base_url = "https://api.topazlabs.com"
    api_base_env = ("TOPAZ_API_BASE",)
    api_key_env = ("TOPAZ_API_KEY",)
    dialects: Mapping[Operation, Dialect] = {"image_variation": OPENAI_IMAGE_VARIATIONS}
    enveloped = frozenset({"image_variation"})

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`X-API-Key`."""
        key = self.key(deployment)
        return [("X-API-Key", key)] if key else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where tasks of the model's service begin."""
        service, _ = service_of(deployment.model)
        parts = urlsplit(deployment.api_base or self.base_url)
        base = parts.path.rstrip("/").removesuffix(TASKS).removesuffix(f"/{service}").removesuffix(SERVED)
        return urlunsplit((parts.scheme, parts.netloc, f"{base}{SERVED}/{service}{TASKS}", parts.query, ""))

    def review(self, request: Request) -> Fidelity:
        """What a task has no word for."""
        sized = service_of(request.model)[0] in SIZED
        said = ("output_format", "size") if sized else ("output_format",)
        return Fidelity((*unsaid_fields(request, said), *_addressed(request)))

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """The fields of the form. Raises BadRequestError for a size that is none."""
        members = members_of(request)
        body: Body = {"model": service_of(lane.deployment.model)[1], **own_words(members)}
        body |= given({name: members.get(name) for name in ("prompt", "output_format")})
        if (size := size_of(request)) is not None:
            body |= {"output_width": size[0], "output_height": size[1]}
        return {**body, "image": images_in(members)[0]}

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The form."""
        return form_request(lane.url, self.body(request, lane, streamed=streamed), headers, streamed)

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """Where the image is; an error for a task that made none."""
        if "download_url" in answer:
            return answered([{"url": answer["download_url"]}])
        return failure(answer.get("message") or f"the task ended as {answer.get('status')}")

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt: the task, questions about it, and where its image is, which is fetched for callers who want
        its data.
        """
        exchange = super().provider_call(call, request, deployment)
        begun = exchange.request.url

        def where(task: Mapping[str, Any]) -> str | None:
            going = "process_id" in task and task.get("status", PENDING) in WORKING
            return _about(task, "status", begun) if going else None

        made = msgspec.structs.replace(exchange, read=partial(_ended, exchange))
        task = followed(made, where, begun)
        return with_data(task) if request.get("response_format") == "b64_json" else task


def _ended(exchange: Exchange, response: UpstreamResponse) -> Reply | Exchange:
    """What says where the image is, of a task that is done."""
    task = msgspec.json.decode(response.body)
    if task.get("status") != DONE or "process_id" not in task:
        return exchange.read(response)
    headers = tuple(header for header in exchange.request.headers if header[0].lower() != "content-type")
    asking = UpstreamRequest(_about(task, "download", exchange.request.url), "GET", headers)
    return msgspec.structs.replace(exchange, request=asking)


def _about(task: Mapping[str, Any], what: str, begun: str) -> str:
    """Where something about a task is to be had: beside the service where it was begun."""
    parts = urlsplit(begun)
    beside = parts.path.rsplit("/", 2)[0]
    task_id = quote(str(task["process_id"]), safe="")
    return urlunsplit((parts.scheme, parts.netloc, f"{beside}/{what}/{task_id}", parts.query, ""))


def _addressed(request: Request) -> Iterator[FieldNote]:
    if request.get("response_format") == "url":
        yield FieldNote("response_format", Fate.MAPPED, "addresses last for an hour")
