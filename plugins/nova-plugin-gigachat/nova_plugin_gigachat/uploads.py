"""Images of a conversation, which are uploaded before it is told: messages name files by their ids."""

# https://developers.sber.ru/docs/ru/gigachat/api/reference/rest/post-file

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.upload import File, InMemory
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.enveloped import Body, Enveloped
from nova_core.wire.multipart import form_request

DATA = "data:"
CHAT, FILES = "/chat/completions", "/files"
MARK = b'"attachments":['
"""What a body holds that names files; only then is it decoded."""


class Uploading(Enveloped):
    """A provider whose conversations name images by ids, which each gets in an exchange before."""

    functions_only = True

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt, after the uploads. Raises BadRequestError for an image that is no Base64."""
        exchange = super().provider_call(call, request, deployment)
        if MARK not in exchange.request.content:
            return exchange
        return _next(exchange, msgspec.json.decode(exchange.request.content))


def is_data(url: Any) -> bool:
    """Whether an image is there to be uploaded, and not somewhere else."""
    return isinstance(url, str) and url.startswith(DATA)


def _next(exchange: Exchange, body: Body) -> Exchange:
    """The upload of the first image that has no id, or the conversation."""
    found = next(_images(body), None)
    if found is None:
        request = msgspec.structs.replace(exchange.request, body=msgspec.json.encode(body))
        return msgspec.structs.replace(exchange, request=request)
    attachments, place = found
    url = exchange.request.url.removesuffix(CHAT) + FILES
    upload = form_request(
        url, {"file": _file(attachments[place]), "purpose": "general"}, exchange.request.headers, False
    )
    stored = partial(_stored, exchange, body, attachments, place)
    return Exchange(upload, exchange.dialect, stored, exchange.read_error)


def _stored(exchange: Exchange, body: Body, attachments: list[str], place: int, response: UpstreamResponse) -> Exchange:
    try:
        attachments[place] = str(msgspec.json.decode(response.body)["id"])
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise BadGatewayError("the upstream stored an image without giving its id") from error
    return _next(exchange, body)


def _images(body: Body) -> Iterator[tuple[list[str], int]]:
    for message in body["messages"]:
        attachments = message.get("attachments") or []
        yield from ((attachments, place) for place, name in enumerate(attachments) if is_data(name))


def _file(url: str) -> File:
    head, _, data = url.partition(",")
    kind = head.removeprefix(DATA).partition(";")[0] or "image/png"
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequestError("an image's `url` is no Base64", param="messages") from error
    return File(f"image.{kind.partition('/')[2] or 'png'}", kind, InMemory(content))
