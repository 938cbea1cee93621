"""Pipelines of the vendor's own service that make images, and that listen."""

# https://huggingface.co/docs/inference-providers/tasks/text-to-image and …/automatic-speech-recognition

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.audio import TranscriptionReply, TranscriptionRequest
from nova_core.types.fidelity import Fidelity
from nova_core.types.images import Image, ImagesReply
from nova_core.types.message import Members, Operation, Reply, TypedReply, TypedRequest, decoded
from nova_core.types.upstream import UpstreamResponse
from nova_core.types.usage import Units, Usage
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.plain_images import as_data, plain_request, width_and_height
from nova_core.wire.upstream_only import UpstreamOnly

UNHEARD: Final = ("language", "prompt", "temperature", "timestamp_granularities", "include")


class TextToImage(UpstreamOnly):
    """`{"inputs", "parameters"}` in, an image out."""

    name = "hf_text_to_image"
    operation: Operation = "image_generation"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream. Members that callers add are parameters of the model."""
        notes = ForeignNotes(own=False, dialect=self.name)
        request = plain_request(typed, notes)
        as_data(request, notes)
        parameters: dict[str, Any] = {**width_and_height(request, notes)}
        for extra in request.extra.values():
            parameters |= extra
        members: dict[str, Any] = {"model": request.model, "inputs": request.prompt}
        return members | ({"parameters": parameters} if parameters else {}), notes.fidelity()

    def read_raw(self, response: UpstreamResponse) -> Reply | None:
        """The image; None for JSON."""
        if not response.headers.get("content-type", "").lower().startswith("image/"):
            return None
        return Reply(self.operation, self, {"image": base64.b64encode(response.body).decode()})

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError without an image, quoting the upstream."""
        if "image" not in members:
            raise _failure(members, "image")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """An `ImagesReply` of one image."""
        self.check_reply(members)
        return ImagesReply((Image(data=members["image"]),), usage=self.usage_of(members))

    def usage_of(self, members: Members) -> Usage:
        """One image."""
        return Usage(units=Units(images=1))


class SpeechRecognition(UpstreamOnly):
    """Audio in, `{"text"}` out. `file` is a member until the request is sent."""

    name = "hf_speech_recognition"
    operation: Operation = "transcription"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream, which takes audio and nothing else."""
        if not isinstance(typed, TranscriptionRequest):
            raise BadRequestError("only a request for a transcription can be sent as one")
        notes = ForeignNotes(own=False, dialect=self.name)
        for name in UNHEARD:
            if getattr(typed, name) not in (None, ()):
                notes.lost(name, "the pipeline takes audio and nothing else")
        if typed.stream:
            notes.hint("stream", "transcripts are answered when they are done")
        notes.foreign(typed.extra)
        return {"model": typed.model, "file": typed.file}, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError without a text, quoting the upstream."""
        if not isinstance(decoded(members.get("text")), str):
            raise _failure(members, "text")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply."""
        self.check_reply(members)
        return TranscriptionReply(members["text"])

    def usage_of(self, members: Members) -> Usage | None:
        """None: nothing is stated."""
        return None


def _failure(members: Members, wanted: str) -> BadGatewayError:
    said = decoded(members.get("error"))
    return BadGatewayError(f"the upstream's answer has no {wanted}{f': {said}' if isinstance(said, str) else ''}")


TEXT_TO_IMAGE: Final = TextToImage()
SPEECH_RECOGNITION: Final = SpeechRecognition()
