"""fal: models that make and edit images, each at an address of its own, and chat through a router."""

# https://docs.fal.ai/model-apis and the models' own pages, such as https://fal.ai/models/fal-ai/flux/dev/api

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity, FieldNote
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange
from nova_core.wire.enveloped import Body, failure
from nova_core.wire.enveloped_images import IMAGES, EnvelopedImages
from nova_core.wire.fetched_images import with_data
from nova_core.wire.file_in_json import DataUrl
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
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.painted_masks import Marked
from nova_core.wire.provider import Lane, of_deployment

SHAPED = re.compile(r"imagen|banana|gemini|kontext|ultra|luma|minimax|ideogram/v2|grok|kling|reve")
"""Models that are told a shape, where others are told width and height."""
SHAPES = ("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16")
SEVERAL = re.compile(
    r"banana|gemini|gpt-image|seedream|flux-2|multi|reve/remix|qwen-image-(edit-(plus|2)|2)|wan/v2\.[5-9]|hunyuan|glm-image"
)
"""Models that edit several images, where others take one."""
MASKED = re.compile(r"fill|inpaint|erase|removal|mask|gpt-image|ideogram/.*edit|fibo")
"""Models that are told by a mask what to change."""
MARKED = ((re.compile(r"gpt-image"), None), (re.compile(r"ideogram"), Marked.BLACK))
"""Models whose masks do not mark in white."""
MOST_EDITED = 16
SAID = frozenset({"n", "size", "output_format"})
ROUTER = "/openrouter/router/openai/v1/chat/completions"


class Fal(EnvelopedImages):
    """`fal_ai/{model}`: `fal-ai/flux/dev` and the like make images, `fal-ai/flux-pro/kontext` and the like edit them,
    `openai/gpt-4.1` and the like chat.
    """

    providers = ("fal_ai",)
    base_url = "https://fal.run"
    api_base_env = ("FAL_AI_API_BASE",)
    api_key_env = ("FAL_AI_API_KEY", "FAL_KEY")
    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_CHAT, **IMAGES}
    paths: Mapping[Operation, str] = {"chat": ROUTER}

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`Authorization: Key`."""
        key = self.key(deployment)
        return [("Authorization", f"Key {key}")] if key else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The router, or the model's address."""
        if operation not in IMAGES:
            return super().url(deployment, operation)
        parts = urlsplit(deployment.api_base or self.base_url)
        path = parts.path.rstrip("/").removesuffix(f"/{deployment.model}")
        return urlunsplit((parts.scheme, parts.netloc, f"{path}/{deployment.model}", parts.query, ""))

    def review(self, request: Request) -> Fidelity:
        """What the models have no input for."""
        if request.dialect.operation not in IMAGES:
            return super().review(request)
        said = SAID | {"mask"} if MASKED.search(request.model) else SAID
        shown = unshown(images_in(request.members), _most(request.model))
        unsaid = unsaid_fields(request, said, marked=_marked(request.model))
        return Fidelity((*unsaid, *shown, *_shape(request)))

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """The inputs of a model. Raises BadRequestError for a size that is none."""
        members = members_of(request)
        body: Body = {"prompt": members["prompt"], **own_words(members)}
        if request.operation == "image_edit":
            body |= _edited(members, lane.deployment.model)
        for name, said in (("n", "num_images"), ("output_format", "output_format")):
            if members.get(name) is not None:
                body[said] = members[name]
        if (size := size_of(request)) is not None:
            if SHAPED.search(lane.deployment.model):
                body["aspect_ratio"] = nearest_shape(size, SHAPES)
            else:
                body["image_size"] = {"width": size[0], "height": size[1]}
        return body

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """The images of an output, one or several."""
        images = answer.get("images") or ([answer["image"]] if answer.get("image") else None)
        if not images:
            return failure(answer.get("detail"))
        return answered({"url": image if isinstance(image, str) else image["url"]} for image in images)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; images are fetched for callers who want their data."""
        exchange = super().provider_call(call, request, deployment)
        wanted = request.operation in IMAGES and request.get("response_format") == "b64_json"
        return with_data(exchange) if wanted else exchange


def _edited(members: Mapping[str, Any], model: str) -> Body:
    """The images to edit, as `data:` URLs, and the mask."""
    images = [DataUrl(image) for image in images_in(members, _most(model))]
    body: Body = {"image_urls": images} if SEVERAL.search(model) else {"image_url": images[0]}
    if (mask := mask_in(members, _marked(model))) is not None:
        body["mask_image_url" if "gpt-image" in model else "mask_url"] = DataUrl(mask)
    return body


def _marked(model: str) -> Marked | None:
    """The colour of what is to change in a model's masks; None for models whose masks are OpenAI's."""
    return next((marked for models, marked in MARKED if models.search(model)), Marked.WHITE)


def _most(model: str) -> int:
    return MOST_EDITED if SEVERAL.search(model) else 1


def _shape(request: Request) -> Iterator[FieldNote]:
    if SHAPED.search(request.model) and (size := size_of(request)) is not None:
        yield shape_note(size, nearest_shape(size, SHAPES))
