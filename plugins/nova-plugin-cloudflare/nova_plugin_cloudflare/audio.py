"""Speech from texts, and texts from speech, in the models' own words."""

# https://developers.cloudflare.com/workers-ai/models/: aura-1, melotts, whisper, whisper-large-v3-turbo, nova-3

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.audio import SpeechRequest, TranscriptionReply, TranscriptionRequest
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, RawReply, Reply, TypedReply, TypedRequest, decoded
from nova_core.types.upstream import UpstreamResponse
from nova_core.types.usage import Units, Usage
from nova_core.wire.body import parse_members
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.openai_speech import OpenAISpeech
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_cloudflare.results import result_of

MELO: Final = re.compile(r"melotts")
"""Models that take a language for a voice, and answer in the envelope."""
ENCODINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "mp3": {"encoding": "mp3"},
    "opus": {"encoding": "opus", "container": "ogg"},
    "aac": {"encoding": "aac"},
    "flac": {"encoding": "flac"},
    "wav": {"encoding": "linear16", "container": "wav"},
    "pcm": {"encoding": "linear16", "container": "none"},
}
IN_JSON: Final = re.compile(r"whisper-large-v3-turbo")
"""Models that take audio in JSON, with a language and a prompt; others take it as it is, and nothing else."""
UNHEARD: Final = ("temperature", "timestamp_granularities", "include")


class WorkersSpeech(OpenAISpeech):
    """`POST /ai/run/{model}` of a model that speaks; audio comes as bytes, or in base64 in the envelope."""

    name = "workers_speech"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream."""
        if not isinstance(typed, SpeechRequest):
            raise BadRequestError("only a request for speech can be sent as one")
        notes = ForeignNotes(own=False, dialect=self.name)
        melo = MELO.search(typed.model) is not None
        voice = typed.voice.get("id") if isinstance(typed.voice, Mapping) else typed.voice
        members: dict[str, Any] = {"model": typed.model, "prompt" if melo else "text": typed.input}
        if voice is not None:
            members["lang" if melo else "speaker"] = voice
        if melo and typed.response_format not in (None, "mp3"):
            notes.lost("response_format", "this model answers mp3")
        elif typed.response_format is not None and not melo:
            members |= ENCODINGS.get(typed.response_format, {})
            if typed.response_format not in ENCODINGS:
                notes.lost("response_format", "no format that the model knows")
        if typed.instructions is not None:
            notes.lost("instructions", "the models take none")
        if typed.speed is not None:
            (notes.hint if typed.speed == 1 else notes.lost)("speed", "the models have one speed")
        for extra in typed.extra.values():
            members |= extra
        return members, notes.fidelity()

    def read_raw(self, response: UpstreamResponse) -> Reply | None:
        """Audio as it is, or out of the envelope. Raises BadGatewayError for an envelope without."""
        found = super().read_raw(response)
        if found is not None:
            return found
        try:
            audio = result_of(parse_members(response.body)).get("audio")
            content = base64.b64decode(audio, validate=True) if isinstance(audio, str) else b""
        except (BadRequestError, binascii.Error):
            content = b""
        if not content:
            raise BadGatewayError("the upstream's answer has no `result.audio`")
        return RawReply(self.operation, self, content, "audio/mpeg")


class WorkersTranscription(UpstreamOnly):
    """`POST /ai/run/{model}` of a model that listens. `file` is a member until the request is sent."""

    def __init__(self, operation: Operation) -> None:
        self.operation: Operation = operation
        self.name = f"workers_{operation}"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream."""
        if not isinstance(typed, TranscriptionRequest):
            raise BadRequestError(f"only a request for {self.operation} can be sent as one")
        notes = ForeignNotes(own=False, dialect=self.name)
        members: dict[str, Any] = {"model": typed.model, "file": typed.file}
        said = {"language": typed.language, "initial_prompt": typed.prompt}
        if IN_JSON.search(typed.model):
            members |= {name: value for name, value in said.items() if value is not None}
            members["task"] = "translate" if typed.translation else "transcribe"
            members |= {name: value for extra in typed.extra.values() for name, value in extra.items()}
        else:
            for name in ("language", "prompt"):
                if getattr(typed, name) is not None:
                    notes.lost(name, "this model takes audio and nothing else")
            if typed.translation:
                notes.lost("model", "this model does not translate")
            notes.foreign(typed.extra)
        for name in UNHEARD:
            if getattr(typed, name) not in (None, ()):
                notes.lost(name)
        if typed.stream:
            notes.hint("stream", "transcripts are answered when they are done")
        return members, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError without a text, or for a failure."""
        _text(result_of(members))

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply."""
        result = result_of(members)
        about = result.get("transcription_info")
        about = about if isinstance(about, Mapping) else {}
        return TranscriptionReply(
            _text(result),
            language=str(about["language"]) if about.get("language") else None,
            duration=_seconds(about),
            words=_objects(result.get("words")),
            segments=_objects(result.get("segments")),
            usage=self.usage_of(members),
        )

    def usage_of(self, members: Members) -> Usage | None:
        """The seconds of the audio, where the model states them."""
        result = decoded(members.get("result"))
        about = result.get("transcription_info") if isinstance(result, Mapping) else None
        seconds = _seconds(about) if isinstance(about, Mapping) else None
        return None if seconds is None else Usage(units=Units(input_seconds=seconds))


def _text(result: Mapping[str, Any]) -> str:
    text = result.get("text")
    if isinstance(text, str):
        return text
    try:
        said = result["results"]["channels"][0]["alternatives"][0]["transcript"]
    except (KeyError, IndexError, TypeError) as error:
        raise BadGatewayError("the upstream's answer has no `result.text`") from error
    return str(said)


def _seconds(about: Mapping[str, Any]) -> float | None:
    duration = about.get("duration")
    return float(duration) if isinstance(duration, int | float) else None


def _objects(value: Any) -> tuple[Mapping[str, Any], ...] | None:
    return tuple(item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else None


WORKERS_SPEECH: Final = WorkersSpeech()
WORKERS_TRANSCRIPTION: Final = WorkersTranscription("transcription")
WORKERS_TRANSLATION: Final = WorkersTranscription("translation")
