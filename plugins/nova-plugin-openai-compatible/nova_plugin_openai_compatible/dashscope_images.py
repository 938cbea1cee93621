"""Images of DashScope's models: at once of newer models, in tasks that are asked about of older ones."""

# https://help.aliyun.com/en/model-studio/qwen-image-api, …/qwen-image-edit-api, …/wan-image-generation-api-reference,
# …/text-to-image-v2-api-reference and …/wan2-5-image-edit-api-reference

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from nova_core.errors import BadGatewayError, ContentPolicyViolationError
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import Image, ImageEditRequest, ImageRequest, ImagesReply
from nova_core.types.message import Members, Operation, Request, TypedReply, TypedRequest, decoded
from nova_core.types.upload import File
from nova_core.types.upstream import Exchange
from nova_core.types.usage import Units, Usage
from nova_core.wire.file_in_json import DataUrl
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.json_operation import given
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.plain_images import asked_size, own_inputs, plain_edit, plain_request
from nova_core.wire.upstream_errors import classify
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_openai_compatible.drawing import as_task, as_wanted

AT_ONCE = re.compile(r"qwen-image(?!(-plus)?$)|z-image|wan(2\.[6-9]|[3-9])")
"""Models that are spoken to as in a chat, and answer at once."""
BY_FUNCTION = re.compile(r"wanx.*imageedit")
"""Models that are told by name what to do with an image."""
BESIDE_PROMPT = ("negative_prompt", "ref_img", "function")
"""Inputs of tasks that stand beside the prompt, where others are parameters."""
CHAT_PATH = "/compatible-mode/v1"
API = "/api/v1"
SERVICES = f"{API}/services/aigc"
BEGINS = ("X-DashScope-Async", "enable")
WORKING = frozenset({"PENDING", "RUNNING", "SUSPENDED"})
INSPECTED = "DataInspectionFailed"
REFUSED = "Invalid"
"""What codes begin with where it is the request that is wrong."""
MOST_EDITED = 4


class DashScopeImages(UpstreamOnly):
    """`{"model", "input", "parameters"}` in, addresses of images out; what callers add is a parameter."""

    name = "dashscope_images"
    operation: Operation = "image_generation"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """The prompt, as a message or as it is."""
        notes = ForeignNotes(own=False, dialect=self.name)
        request = plain_request(typed, notes, "n")
        return _rendered(request, (), notes), notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """Raises what it means that a task failed, ContentPolicyViolationError for what was inspected."""
        if any(_urls(members)):
            return
        output = decoded(members.get("output"))
        said = next((each for each in _failures(output, members) if each.get("code")), {})
        code, message = str(said.get("code") or ""), str(said.get("message") or "the upstream's answer has no images")
        if code == INSPECTED:
            raise ContentPolicyViolationError(message)
        raise classify(400 if code.startswith(REFUSED) else 500, message, code) if code else BadGatewayError(message)

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """An `ImagesReply`; images have addresses that last for a day."""
        self.check_reply(members)
        return ImagesReply(tuple(Image(url=url) for url in _urls(members)), usage=self.usage_of(members))

    def usage_of(self, members: Members) -> Usage:
        """The number of images."""
        return Usage(units=Units(images=sum(1 for _ in _urls(members))))


class DashScopeImageEdits(DashScopeImages):
    """The same with images in a message, or beside the prompt."""

    name = "dashscope_image_edits"
    operation: Operation = "image_edit"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """The prompt and the images. A mask is known to models that are told a function."""
        notes = ForeignNotes(own=False, dialect=self.name)
        masked = ("mask",) if BY_FUNCTION.search(getattr(typed, "model", "")) else ()
        request = plain_edit(typed, notes, "n", *masked, most=1 if masked else MOST_EDITED)
        return _rendered(request, request.images, notes), notes.fidelity()


class DashScopeDrawing:
    """Where models make and edit images, and how tasks are followed. See `Drawing`."""

    def address(self, base: str, model: str, operation: Operation) -> str | None:
        """The service of a model, at the host whose chat completions `base` is."""
        parts = urlsplit(base)
        path = parts.path.rstrip("/").removesuffix(CHAT_PATH).removesuffix(API)
        if AT_ONCE.search(model):
            service = "multimodal-generation/generation"
        else:
            service = f"{'image2image' if operation == 'image_edit' else 'text2image'}/image-synthesis"
        return urlunsplit((parts.scheme, parts.netloc, f"{path}{SERVICES}/{service}", parts.query, ""))

    def drawn(self, exchange: Exchange, request: Request, base: str) -> Exchange:
        """A task is asked about until it is done; what is answered at once is the answer."""
        url = exchange.request.url
        if url.endswith("/image-synthesis"):
            exchange = as_task(exchange, BEGINS, lambda task: _next(task, url.partition(SERVICES)[0]), base)
        return as_wanted(exchange, request)


def _rendered(request: ImageRequest | ImageEditRequest, images: tuple[File, ...], notes: Notes) -> dict[str, Any]:
    own = own_inputs(request)
    # Without a number some models make four images.
    parameters: dict[str, Any] = {"n": request.n or 1}
    if (size := asked_size(request, notes)) is not None:
        parameters["size"] = f"{size[0]}*{size[1]}"
    shown = [DataUrl(image) for image in images]
    if AT_ONCE.search(request.model):
        content = [*({"image": each} for each in shown), {"text": request.prompt}]
        members: dict[str, Any] = {"messages": [{"role": "user", "content": content}]}
    else:
        beside = {name: own.pop(name) for name in BESIDE_PROMPT if name in own}
        members = {"prompt": request.prompt, **beside}
        if isinstance(request, ImageEditRequest):
            members |= _beside(request, shown, beside)
    return {"model": request.model, "input": members, "parameters": parameters | own}


def _beside(request: ImageEditRequest, shown: list[DataUrl], beside: Mapping[str, Any]) -> dict[str, Any]:
    if not BY_FUNCTION.search(request.model):
        return {"images": shown}
    mask = None if request.mask is None else DataUrl(request.mask)
    function = beside.get("function") or ("description_edit" if mask is None else "description_edit_with_mask")
    return given({"function": function, "base_image_url": shown[0], "mask_image_url": mask})


def _next(task: Mapping[str, Any], host: str) -> str | None:
    """Where a task that is not done is asked about."""
    output = task.get("output")
    if not isinstance(output, Mapping) or output.get("task_status") not in WORKING:
        return None
    return f"{host}{API}/tasks/{quote(str(output.get('task_id')), safe='')}"


def _urls(members: Members) -> Iterator[str]:
    """The addresses in a task's results, or in the messages of an answer."""
    output = decoded(members.get("output"))
    for result in _objects(output, "results"):
        if isinstance(result.get("url"), str):
            yield result["url"]
    for choice in _objects(output, "choices"):
        for part in _objects(choice.get("message"), "content"):
            if isinstance(part.get("image"), str):
                yield part["image"]


def _objects(holder: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects in a list that another object holds."""
    found = holder.get(name) if isinstance(holder, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _failures(output: Any, members: Members) -> Iterator[Mapping[str, Any]]:
    """What may say why there is no image: the task, one of its results, or the answer itself."""
    if isinstance(output, Mapping):
        yield output
        yield from _objects(output, "results")
    yield {name: decoded(members[name]) for name in ("code", "message") if name in members}


DASHSCOPE_IMAGES = DashScopeImages()
DASHSCOPE_IMAGE_EDITS = DashScopeImageEdits()
DASHSCOPE_DRAWING = DashScopeDrawing()
