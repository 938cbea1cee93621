"""ElevenLabs' transcription (`POST /v1/speech-to-text`): a form."""

# https://elevenlabs.io/docs/api-reference/speech-to-text/convert

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_core.types.audio import TranscriptionReply, TranscriptionRequest
from nova_core.types.message import Members, decoded
from nova_core.types.usage import Units, Usage
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.transcribing import Transcribing, note_times, note_unsaid

EXTRAS = frozenset(
    {
        "additional_formats", "diarization_threshold", "diarize", "entity_detection", "file_format", "keyterms",
        "num_speakers", "seed", "tag_audio_events", "timestamps_granularity", "use_multi_channel",
    }
)  # fmt: skip
"""Fields of the vendor's own."""


class ElevenLabsScribe(Transcribing):
    """Sounds that are no speech are left out of the text, unless the request says otherwise."""

    name = "elevenlabs_scribe"
    answer = "text"
    extras = EXTRAS

    def said(self, typed: TranscriptionRequest, notes: Notes) -> dict[str, Any]:
        """Fields of the form."""
        note_unsaid(typed, notes, "prompt")
        note_times(typed, notes, "word")
        members: dict[str, Any] = {"tag_audio_events": False, "file": typed.file}
        if typed.language is not None:
            members["language_code"] = typed.language
        if typed.temperature is not None:
            members["temperature"] = typed.temperature
        if typed.response_format == "diarized_json":
            members["diarize"] = True
        return members

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError for what is no transcript; one of several channels has a text each."""
        if "transcripts" not in members:
            super().check_reply(members)

    def heard(self, members: Mapping[str, Any]) -> TranscriptionReply:
        """The text with its words; of several channels one after the other."""
        parts = members.get("transcripts") or [members]
        words = [_word(each) for part in parts for each in part.get("words") or () if each.get("type") == "word"]
        return TranscriptionReply(
            text="\n".join(part["text"] for part in parts),
            language=parts[0].get("language_code"),
            duration=_end(members),
            words=tuple(words) or None,
            usage=self.seconds(members),
        )

    def seconds(self, members: Members) -> Usage | None:
        """The audio's duration, else up to where its last word ends."""
        stated = decoded(members.get("audio_duration_secs"))
        end = stated if isinstance(stated, int | float) else _end(members)
        return None if end is None else Usage(units=Units(input_seconds=float(end)))


def _end(members: Members) -> float | None:
    """Where the last word ends, in seconds."""
    parts = decoded(members.get("transcripts")) or [{"words": decoded(members.get("words"))}]
    words = [word for part in parts if isinstance(part, dict) for word in part.get("words") or ()]
    ends = [word["end"] for word in words if isinstance(word, dict) and isinstance(word.get("end"), int | float)]
    return max(ends, default=None)


def _word(word: Mapping[str, Any]) -> dict[str, Any]:
    found = {"word": word["text"], "start": word["start"], "end": word["end"]}
    return {**found, "speaker": word["speaker_id"]} if word.get("speaker_id") else found


ELEVENLABS_SCRIBE = ElevenLabsScribe()
