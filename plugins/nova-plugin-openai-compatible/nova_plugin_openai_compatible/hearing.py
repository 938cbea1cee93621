"""Transcription as the vendors say it whose forms are not OpenAI's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nova_core.errors import StreamBrokenError
from nova_core.types.audio import AUDIO_TYPES, TranscriptionReply, TranscriptionRequest
from nova_core.types.dialect import StreamDecoder
from nova_core.types.events import Event, Frame
from nova_core.types.message import Members, decoded
from nova_core.types.upload import File
from nova_core.types.usage import Units, Usage
from nova_core.wire.body import NOT_JSON
from nova_core.wire.json_operation import given
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.transcribing import TIMED, Transcribing, note_times, note_unsaid
from nova_core.wire.transcript_stream import DELTA, DONE, TranscriptDecoder
from nova_core.wire.transcript_usage import seconds_in, usage_in

SEGMENT: Final = "transcript.text.segment"
NAMED: Final[Mapping[str, str]] = {
    "transcription.text.delta": DELTA,
    "transcription.segment": SEGMENT,
    "transcription.done": DONE,
}
"""Events of Mistral's streams by OpenAI's names; what is said beside them is told nobody."""
UNTOLD: Final = "transcription.language"


class FormTranscribing(Transcribing):
    """A format of transcription whose requests are forms, in which lists are repeated names."""

    answer = "text"


class MistralHearing(FormTranscribing):
    """Voxtral (https://docs.mistral.ai/api/endpoint/audio/transcriptions); streams are OpenAI's by other names."""

    name = "mistral_transcription"
    extras = frozenset({"context_bias", "diarize"})

    def said(self, typed: TranscriptionRequest, notes: Notes) -> dict[str, Any]:
        """Fields of the form; formats with times are made of segments."""
        note_unsaid(typed, notes, "prompt")
        times = list(typed.timestamp_granularities) or (["segment"] if typed.response_format in TIMED else [])
        members = {
            "language": typed.language,
            "temperature": typed.temperature,
            "timestamp_granularities": times or None,
            "diarize": typed.response_format == "diarized_json" or None,
            "stream": typed.stream or None,
            "file": typed.file,
        }
        return {name: value for name, value in members.items() if value is not None}

    def heard(self, members: Mapping[str, Any]) -> TranscriptionReply:
        """The text and its segments; those of single words are words."""
        found = [_told(each) for each in members.get("segments") or ()]
        segments = tuple({"id": place, **each} for place, each in enumerate(found))
        return TranscriptionReply(members["text"], language=members.get("language"), segments=segments or None)

    def seconds(self, members: Members) -> Usage | None:
        """Seconds and tokens."""
        return usage_in(decoded(members.get("usage")))

    def decoder(self) -> StreamDecoder:
        """See `Dialect.decoder`."""
        return MistralDecoder()


class MistralDecoder:
    """Events by OpenAI's names, and what they tell."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told = TranscriptDecoder()

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """See `StreamDecoder.decode`."""
        try:
            event = msgspec.json.decode(frame.data) if frame.data.strip().startswith(b"{") else None
        except NOT_JSON as error:
            raise StreamBrokenError("the upstream's stream holds an event that cannot be read") from error
        if event is None:
            return self._told.decode(frame)
        kind = event.get("type")
        if kind == UNTOLD:
            return ()
        if not isinstance(kind, str) or kind not in NAMED:
            return self._told.decode(frame)
        said = {**(_told(event) if NAMED[kind] == SEGMENT else event), "type": NAMED[kind]}
        if NAMED[kind] == DELTA:
            said["delta"] = said.pop("text", None)
        return self._told.decode(Frame(msgspec.json.encode(said)))

    def end(self) -> tuple[Event, ...]:
        """See `StreamDecoder.end`."""
        return self._told.end()


class XaiHearing(FormTranscribing):
    """`/stt` (https://docs.x.ai/developers/model-capabilities/audio/speech-to-text): words with times, always."""

    name = "xai_transcription"
    extras = frozenset(
        {"audio_format", "channels", "diarize", "filler_words", "format", "keyterm", "multichannel", "sample_rate"}
    )

    def said(self, typed: TranscriptionRequest, notes: Notes) -> dict[str, Any]:
        """Fields of the form; numbers are written as such where the language is known."""
        note_unsaid(typed, notes, "prompt", "temperature")
        note_times(typed, notes, "word")
        members: dict[str, Any] = {}
        if typed.language is not None:
            members |= {"language": typed.language, "format": True}
        if typed.response_format == "diarized_json":
            members["diarize"] = True
        return {**members, "file": typed.file}

    def heard(self, members: Mapping[str, Any]) -> TranscriptionReply:
        """The text and its words."""
        words = tuple(_word(each) for each in members.get("words") or ())
        duration = seconds_in(members.get("duration"))
        return TranscriptionReply(members["text"], members.get("language") or None, duration, words or None)

    def seconds(self, members: Members) -> Usage | None:
        """The duration."""
        duration = seconds_in(decoded(members.get("duration")))
        return None if duration is None else Usage(units=Units(input_seconds=duration))


class OpenRouterHearing(Transcribing):
    """Base64 in JSON (https://openrouter.ai/docs, "Create transcription"); the file's name says its format."""

    name = "openrouter_transcription"
    answer = "text"
    extras = frozenset({"provider"})

    def said(self, typed: TranscriptionRequest, notes: Notes) -> dict[str, Any]:
        """The file, which is sent as it comes, and what it is."""
        note_unsaid(typed, notes, "prompt", "timestamp_granularities")
        if typed.response_format in TIMED:
            notes.lost("response_format", "no times are told")
        audio = {"data": typed.file, "format": format_of(typed.file)}
        members = {"language": typed.language, "temperature": typed.temperature, "input_audio": audio}
        return given(members)

    def heard(self, members: Mapping[str, Any]) -> TranscriptionReply:
        """The text."""
        return TranscriptionReply(members["text"])

    def seconds(self, members: Members) -> Usage | None:
        """Seconds or tokens, as the vendor behind it bills."""
        return usage_in(decoded(members.get("usage")))


def format_of(file: File) -> str:
    """A file's format: the ending of its name, else its content type's."""
    _, _, ending = file.name.rpartition(".")
    if ending and ending != file.name and ending.isalnum():
        return ending.lower()
    kind = file.content_type.partition(";")[0].strip()
    known = next((name for name, each in AUDIO_TYPES.items() if each == kind), None)
    return known or kind.rpartition("/")[2].removeprefix("x-")


def _told(segment: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: segment[name] for name in ("start", "end", "text")}
    return told if segment.get("speaker_id") is None else {**told, "speaker": str(segment["speaker_id"])}


def _word(word: Mapping[str, Any]) -> dict[str, Any]:
    told = {"word": word["text"], "start": word["start"], "end": word["end"]}
    return told if word.get("speaker") is None else {**told, "speaker": str(word["speaker"])}


MISTRAL_HEARING: Final = MistralHearing()
OPENROUTER_HEARING: Final = OpenRouterHearing()
XAI_HEARING: Final = XaiHearing()
