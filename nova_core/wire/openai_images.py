"""OpenAI's Images format (`/v1/images/generations`), whole and streamed."""

# Source: OpenAI API reference, "Images" and "Image streaming".

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.dialect import StreamDecoder, StreamEncoder, StreamRelay
from nova_core.types.events import Event, Piece, UsageUpdate
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import Image, ImageRequest, ImagesReply
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Units, Usage
from nova_core.wire.json_operation import JsonOperation, check_kinds, check_text, count, extra_of, given
from nova_core.wire.named_events import EventDecoder, EventRelay, PieceEncoder
from nova_core.wire.openai_chat.fields import Fields, bad_field
from nova_core.wire.openai_chat.notes import Notes

IMAGE_KINDS: Mapping[str, str] = {
    "model": "text",
    "n": "number",
    "size": "text",
    "quality": "text",
    "style": "text",
    "response_format": "text",
    "background": "text",
    "output_format": "text",
    "output_compression": "number",
    "moderation": "text",
    "partial_images": "number",
    "stream": "flag",
    "user": "text",
}
"""Members of a request beside the prompt, and their kinds."""
FIELD_OF: Mapping[str, str] = {"output_compression": "compression"}
"""Members that the typed request calls otherwise."""
SAID = ("created", "size", "quality", "background", "output_format")
"""Members of a reply and of its events that the typed reply has under the same names."""
KNOWN_REPLY = frozenset({*SAID, "data", "usage", "model"})
MOST_IMAGES = 128


class OpenAIImages(JsonOperation):
    """The dialect. `model` may be left out; `kind` begins the names of a stream's events."""

    name = "openai_images"
    operation: Operation = "image_generation"
    answer = "data"
    default_model = "dall-e-2"
    kind = "image_generation"

    def check_request(self, members: Members) -> None:
        """A `prompt`, and the kinds of the documented fields. Raises BadRequestError."""
        check_text(members, "prompt")
        check_kinds(members, IMAGE_KINDS)
        n = decoded(members.get("n"))
        if n is not None and (type(n) is not int or not 1 <= n <= MOST_IMAGES):
            raise bad_field("n", f"must be a whole number from 1 to {MOST_IMAGES}")

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """Typed request. Raises BadRequestError whose `param` is the field's path."""
        self.check_request(members)
        fields = Fields(members, "")
        known: dict[str, Any] = {FIELD_OF.get(name, name): fields.take(name) for name in IMAGE_KINDS}
        known |= {"model": known["model"] or self.default_model, "stream": known["stream"] is True}
        return ImageRequest(prompt=fields.required_text("prompt"), **known, extra=fields.extra(self.name))

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the request."""
        if not isinstance(typed, ImageRequest):
            raise BadRequestError("only a request for images can be sent as one")
        notes = Notes(own=self.name in typed.extra, dialect=self.name)
        said = given({name: getattr(typed, FIELD_OF.get(name, name)) for name in IMAGE_KINDS})
        members = {**said, "prompt": typed.prompt}
        if not typed.stream:
            del members["stream"]
        notes.extra(members, typed.extra)
        return members, notes.fidelity()

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for an image without data and address."""
        self.check_reply(members)
        return ImagesReply(
            images=tuple(_image(each, place, self.name) for place, each in enumerate(members["data"])),
            **{name: members[name] for name in SAID if members.get(name) is not None},
            model=str(members.get("model") or ""),
            usage=self.usage_of(members),
            extra=extra_of(self.name, members, KNOWN_REPLY),
        )

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """OpenAI's list of images; usage only where tokens were counted."""
        reply = images_reply(typed)
        said = given({name: getattr(reply, name) for name in SAID})
        data = [_rendered(each, self.name) for each in reply.images]
        usage = given({"usage": rendered_usage(reply.usage)})
        return {**reply.extra.get(self.name, {}), "created": 0, **said, "data": data, **usage}

    def usage_of(self, members: Members) -> Usage | None:
        """The number of images, and tokens where they are stated."""
        data = members.get("data")
        images = msgspec.json.decode(data, type=list[msgspec.Raw]) if isinstance(data, msgspec.Raw) else data or ()
        return parse_usage(decoded(members.get("usage")), len(images))

    def events(self, typed: TypedReply) -> tuple[Event, ...]:
        """A last event for each image."""
        reply = images_reply(typed)
        return (*self._completed(reply), *(() if reply.usage is None else (UsageUpdate(reply.usage),)))

    def _completed(self, reply: ImagesReply) -> Iterator[Event]:
        kind = f"{self.kind}.completed"
        said = given({"created_at" if name == "created" else name: getattr(reply, name) for name in SAID})
        for place, image in enumerate(reply.images):
            usage = rendered_usage(reply.usage) if place == len(reply.images) - 1 else None
            event = {"type": kind, **_rendered(image, self.name), **said, **given({"usage": usage})}
            yield Piece(msgspec.json.encode(event), kind)

    def decoder(self) -> StreamDecoder:
        """Events as pieces."""
        return EventDecoder(frozenset({f"{self.kind}.completed"}), _event_usage)

    def encoder(self, *, model: str, include_usage: bool) -> StreamEncoder:
        """Pieces as events."""
        return PieceEncoder()

    def relay(self, *, model: str, hide_usage: bool = False) -> StreamRelay:
        """Events as they came."""
        return EventRelay(frozenset({f"{self.kind}.completed"}), _event_usage)


def images_reply(typed: TypedReply) -> ImagesReply:
    """The typed view of images. Raises BadGatewayError for any other reply."""
    if not isinstance(typed, ImagesReply):
        raise BadGatewayError("only a reply with images can be answered as one")
    return typed


def parse_usage(usage: Any, images: int) -> Usage:
    """Tokens of a `usage` object, those of images apart, and the images themselves.

    Output is all tokens of images, unless details say otherwise.
    """
    units = Units(images=images)
    if not isinstance(usage, dict):
        return Usage(units=units)
    asked, made = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    seen = min(asked, _details(usage, "input_tokens_details").get("image_tokens", 0))
    said = min(made, _details(usage, "output_tokens_details").get("text_tokens", 0))
    return Usage(input=asked - seen, input_image=seen, output=said, output_image=made - said, units=units)


def rendered_usage(usage: Usage | None) -> dict[str, Any] | None:
    """OpenAI's `usage` of images; None where no tokens were counted."""
    if usage is None or not usage.total:
        return None
    return {
        "input_tokens": usage.input_total,
        "input_tokens_details": {"text_tokens": usage.input, "image_tokens": usage.input_image},
        "output_tokens": usage.output_total,
        "total_tokens": usage.total,
    }


def _event_usage(event: Mapping[str, Any]) -> Usage:
    return parse_usage(event.get("usage"), 1)


def _details(usage: Mapping[str, Any], name: str) -> dict[str, int]:
    details = usage.get(name)
    return {key: count(value) for key, value in details.items()} if isinstance(details, dict) else {}


def _image(each: Any, place: int, dialect: str) -> Image:
    data, url = (each.get("b64_json"), each.get("url")) if isinstance(each, dict) else (None, None)
    if not isinstance(data, str) and not isinstance(url, str):
        raise BadGatewayError(f"the upstream's `data[{place}]` has neither an image nor its address")
    known = frozenset({"b64_json", "url", "revised_prompt"})
    return Image(data, url, each.get("revised_prompt"), extra_of(dialect, each, known))


def _rendered(image: Image, dialect: str) -> dict[str, Any]:
    said = given({"b64_json": image.data, "url": image.url, "revised_prompt": image.revised_prompt})
    return {**image.extra.get(dialect, {}), **said}


OPENAI_IMAGES = OpenAIImages()
