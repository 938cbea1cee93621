"""Soniox's transcriptions: what one is configured with, and its tokens as words."""

# https://soniox.com/docs/stt/api-reference/transcriptions/create_transcription and …/get_transcription_transcript

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from nova_core.types.audio import TranscriptionReply, TranscriptionRequest
from nova_core.types.message import Members, decoded
from nova_core.types.usage import Units, Usage
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.transcribing import Transcribing, note_times, note_unsaid

DURATION: Final = "audio_duration_ms"
"""What a transcription says beside its transcript, where it is put when both have come."""
TRANSLATED: Final = "translation"
"""The status of tokens that are none of what was said."""


class SonioxTranscription(Transcribing):
    """Languages are found out, also where one is expected; words are made of tokens, which may be less than one."""

    name = "soniox_transcription"
    answer = "text"
    extras = frozenset(
        {
            "client_reference_id", "context", "enable_language_identification", "enable_speaker_diarization",
            "language_hints", "language_hints_strict", "translation",
        }
    )  # fmt: skip

    def said(self, typed: TranscriptionRequest, notes: Notes) -> dict[str, Any]:
        """The configuration, and the file."""
        note_unsaid(typed, notes, "temperature")
        note_times(typed, notes, "word")
        members: dict[str, Any] = {"file": typed.file, "enable_language_identification": True}
        if typed.language is not None:
            members["language_hints"] = [typed.language]
        if typed.prompt:
            members["context"] = {"text": typed.prompt}
        if typed.response_format == "diarized_json":
            members["enable_speaker_diarization"] = True
        return members

    def heard(self, members: Mapping[str, Any]) -> TranscriptionReply:
        """The text and its words; segments are what one speaker says without a break."""
        tokens = [each for each in members.get("tokens") or () if each.get("translation_status") != TRANSLATED]
        words = tuple(_words(tokens))
        usage = self.seconds(members)
        return TranscriptionReply(
            text=members["text"].strip(),
            language=next((each["language"] for each in tokens if each.get("language")), None),
            duration=usage.units.input_seconds if usage is not None and usage.units is not None else None,
            words=words or None,
            segments=tuple(_segments(words)) or None,
            usage=usage,
        )

    def seconds(self, members: Members) -> Usage | None:
        """The duration."""
        duration = decoded(members.get(DURATION))
        known = isinstance(duration, int | float) and not isinstance(duration, bool) and 0 <= duration < 1e12
        return Usage(units=Units(input_seconds=duration / 1000)) if known else None


def _words(tokens: list[Any]) -> Iterator[dict[str, Any]]:
    """Tokens put together; one that begins with a space, or is another speaker's, begins a word."""
    word: dict[str, Any] | None = None
    for token in tokens:
        text, speaker = token["text"], token.get("speaker")
        said = {} if speaker is None else {"speaker": str(speaker)}
        if word is not None and not text.startswith(" ") and word.get("speaker") == said.get("speaker"):
            word |= {"word": word["word"] + text.rstrip(), "end": token["end_ms"] / 1000}
            continue
        if word is not None:
            yield word
        times = {"start": token["start_ms"] / 1000, "end": token["end_ms"] / 1000}
        word = {"word": text.strip(), **times, **said}
    if word is not None:
        yield word


def _segments(words: tuple[dict[str, Any], ...]) -> Iterator[dict[str, Any]]:
    segment: dict[str, Any] | None = None
    number = 0
    for word in words:
        if "speaker" not in word:
            continue
        if segment is not None and segment["speaker"] == word["speaker"]:
            segment |= {"end": word["end"], "text": f"{segment['text']} {word['word']}"}
            continue
        if segment is not None:
            yield segment
        times = {"start": word["start"], "end": word["end"]}
        segment = {"id": number, **times, "text": word["word"], "speaker": word["speaker"]}
        number += 1
    if segment is not None:
        yield segment


SONIOX_TRANSCRIPTION: Final = SonioxTranscription()
