"""Runway: a task that makes an image or speech, asked about until it is done."""

# https://docs.dev.runwayml.com/api, "Text to image" and "Task management"

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from nova_core.errors import ContentPolicyViolationError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import Exchange
from nova_core.wire.enveloped import Body, Enveloped, failure
from nova_core.wire.fetched_images import with_data
from nova_core.wire.image_words import answered, own_words, size_of, unsaid_fields
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_core.wire.polled import followed
from nova_core.wire.provider import Lane, of_deployment
from nova_plugin_runwayml.speech import RUNWAY_SPEECH, with_audio

VERSION = "2024-11-06"
FAMILY = "gen4_image"
SIZES = (
    *("1024:1024", "1080:1080", "1168:880", "1360:768", "1440:1080", "1080:1440", "1808:768", "1920:1080"),
    *("1080:1920", "2112:912", "1280:720", "720:1280", "720:720", "960:720", "720:960", "1680:720"),
)
"""What models of the family make; others are told the size that is asked for."""
USUAL = "1024:1024"
WORKING = frozenset({"PENDING", "RUNNING", "THROTTLED"})
UNSAFE = "SAFETY"


class Runway(Enveloped):
    """`runwayml/{model}`: `gen4_image`, `gen4_image_turbo` and the like; `eleven_multilingual_v2` speaks."""

    providers = ("runwayml",)
    base_url = "https://api.dev.runwayml.com"
    api_base_env = ("RUNWAYML_API_BASE",)
    api_key_env = ("RUNWAYML_API_SECRET", "RUNWAYML_API_KEY")
    dialects: Mapping[Operation, Dialect] = {"image_generation": OPENAI_IMAGES, "speech": RUNWAY_SPEECH}
    enveloped = frozenset({"image_generation"})
    paths: Mapping[Operation, str] = {"image_generation": "/v1/text_to_image", "speech": "/v1/text_to_speech"}

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The key, and the version of the API."""
        return [*super().headers(deployment, call), ("X-Runway-Version", VERSION)]

    def review(self, request: Request) -> Fidelity:
        """What a task has no word for."""
        if request.dialect.operation == "speech":
            return super().review(request)
        return Fidelity((*unsaid_fields(request, ("size",)), *_resized(request)))

    def to_upstream(self, request: Request) -> Request:
        """Images come when they are done."""
        return request.without("stream", "partial_images")

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """A task. Raises BadRequestError for a size that is none."""
        members = plain(request.members)
        ratio = _ratio(size_of(request), lane.deployment.model)
        return {"model": lane.deployment.model, "promptText": members["prompt"], "ratio": ratio, **own_words(members)}

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """The images of a task that is done. Raises ContentPolicyViolationError for one that was moderated."""
        if answer.get("status") == "SUCCEEDED":
            return answered({"url": url} for url in answer["output"])
        reason, code = answer.get("failure"), str(answer.get("failureCode") or "")
        if code.startswith(UNSAFE):
            raise ContentPolicyViolationError(f"the upstream stopped the image: {reason or code}")
        return failure(reason or answer.get("error") or f"the task ended as {answer.get('status')}", code or None)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt: the task, and questions about it; what it made is fetched for callers who want its data."""
        exchange = super().provider_call(call, request, deployment)
        speaks = request.operation == "speech"
        tasks = self.url(deployment, request.operation).rpartition("/")[0] + "/tasks/"

        def where(task: Mapping[str, Any]) -> str | None:
            if task.get("status") in WORKING or ("status" not in task and "id" in task):
                return tasks + quote(str(task.get("id")), safe="")
            return None

        task = followed(with_audio(exchange) if speaks else exchange, where, deployment.api_base or self.base_url)
        return with_data(task) if not speaks and request.get("response_format") == "b64_json" else task


def _ratio(size: tuple[int, int] | None, model: str) -> str:
    """The size in Runway's words; of the sizes that a model makes the one that is most alike."""
    if size is None:
        return USUAL
    if not model.startswith(FAMILY):
        return f"{size[0]}:{size[1]}"
    width, height = size

    def distance(known: str) -> float:
        wide, high = map(int, known.split(":"))
        return abs(math.log(wide * height / (high * width))) * 4 + abs(math.log(wide * high / (width * height)))

    return min(SIZES, key=distance)


def _resized(request: Request) -> Iterator[FieldNote]:
    size = size_of(request)
    if size is not None and (made := _ratio(size, request.model)) != f"{size[0]}:{size[1]}":
        yield FieldNote("size", Fate.APPROXIMATED, f"made as {made.replace(':', 'x')}")
