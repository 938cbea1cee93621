"""Forms as a scripted upstream gets them, and what it answers to them: transcripts and images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from multipart import MultipartError, MultipartSegment, PushMultipartParser  # type: ignore[import-untyped]

from nova_core.testing.upstream_replies import CREATED, Said, Shape, shape_for

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
"""An image of one pixel (PNG, base64)."""


@dataclass(frozen=True, slots=True)
class FormPart:
    """One part; `filename` is None for a field."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode()


def form_parts(content_type: str | None, body: bytes) -> tuple[FormPart, ...]:
    """The parts of a form in their order; none when it is no form, or no valid one."""
    kind, _, boundary = (content_type or "").partition("boundary=")
    if not kind.startswith("multipart/form-data") or not boundary:
        return ()
    found: list[FormPart] = []
    pieces: list[bytes] = []
    segment: MultipartSegment | None = None
    try:
        with PushMultipartParser(boundary.strip('"'), strict=True) as parser:
            for event in parser.parse(body):
                if isinstance(event, MultipartSegment):
                    segment, pieces = event, []
                elif event is not None:
                    pieces.append(event)
                elif segment is not None:
                    kind_of = segment.header("Content-Type")
                    found.append(FormPart(segment.name or "", b"".join(pieces), segment.filename, kind_of))
    except MultipartError:
        return ()
    return tuple(found)


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return shape_for("/chat/completions").error(status, message, code, kind)


def _transcript(said: Said) -> dict[str, Any]:
    if said.body.get("response_format") == "verbose_json":
        segment = {"id": 0, "start": 0.0, "end": 2.5, "text": f" {said.text}"}
        return {
            "task": "transcribe", "language": "english", "duration": 2.5, "text": said.text, "segments": [segment],
            "usage": {"type": "duration", "seconds": 3},
        }  # fmt: skip
    return {"text": said.text, "usage": _tokens(said)}


def _tokens(said: Said) -> dict[str, Any]:
    given, made = said.usage
    details = {"text_tokens": 0, "audio_tokens": given}
    total = given + made
    return {
        "type": "tokens", "input_tokens": given, "input_token_details": details, "output_tokens": made,
        "total_tokens": total,
    }  # fmt: skip


def _transcript_pieces(said: Said) -> tuple[bytes, ...]:
    deltas = [_event({"type": "transcript.text.delta", "delta": piece}) for piece in said.pieces]
    return (*deltas, _event({"type": "transcript.text.done", "text": said.text, "usage": _tokens(said)}))


def _edited(said: Said) -> dict[str, Any]:
    return {"created": CREATED, "data": [{"b64_json": PIXEL}] * int(said.body.get("n") or 1)}


def _edited_pieces(said: Said) -> tuple[bytes, ...]:
    partial = {"type": "image_edit.partial_image", "b64_json": PIXEL, "partial_image_index": 0}
    whole = {"type": "image_edit.completed", "b64_json": PIXEL, "usage": {"input_tokens": 5, "output_tokens": 7}}
    return _event(partial), _event(whole)


def _event(data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (data["type"].encode(), msgspec.json.encode(data))


def _asks_stream(body: Mapping[str, Any]) -> bool:
    return body.get("stream") in ("true", True)


FORM_SHAPES: tuple[tuple[str, Shape], ...] = (
    ("/audio/transcriptions", Shape(_transcript, _error, _transcript_pieces, streams=True, asks_stream=_asks_stream)),
    ("/audio/translations", Shape(_transcript, _error)),
    ("/images/variations", Shape(_edited, _error)),
    ("/images/edits", Shape(_edited, _error, _edited_pieces, streams=True, asks_stream=_asks_stream)),
)
