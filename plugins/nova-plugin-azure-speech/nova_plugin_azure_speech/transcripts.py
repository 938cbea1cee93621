"""Fast transcription: a file and a definition in, phrases and words with their times out."""

# https://learn.microsoft.com/rest/api/speechtotext/transcriptions/transcribe

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_core.types.audio import TranscriptionReply, TranscriptionRequest
from nova_core.types.message import Members, decoded
from nova_core.types.usage import Units, Usage
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.transcribing import Transcribing, note_times, note_unsaid

LOCALES: Mapping[str, str] = {
    "en": "en-US", "zh": "zh-CN", "ja": "ja-JP", "ko": "ko-KR", "pt": "pt-BR", "hi": "hi-IN", "ar": "ar-SA",
    "sv": "sv-SE", "da": "da-DK", "cs": "cs-CZ", "el": "el-GR", "he": "he-IL", "nb": "nb-NO", "no": "nb-NO",
    "uk": "uk-UA", "vi": "vi-VN",
}  # fmt: skip
"""Locales of languages whose country has another name, or that several countries speak."""
EXTRAS = frozenset({"locales", "diarization", "channels", "profanityFilterMode", "phraseList", "enhancedMode"})
SPEAKERS = {"enabled": True, "maxSpeakers": 35}


class FastTranscription(Transcribing):
    """The members of the definition stand beside the file; the languages are found out unless one is given."""

    name = "azure_fast_transcription"
    answer = "combinedPhrases"
    extras = EXTRAS

    def said(self, typed: TranscriptionRequest, notes: Notes) -> dict[str, Any]:
        """The file, and the definition."""
        note_unsaid(typed, notes, "prompt", "temperature")
        note_times(typed, notes, "word", "segment")
        members: dict[str, Any] = {"file": typed.file}
        if typed.language is not None:
            members["locales"] = [locale_of(typed.language)]
        if typed.response_format == "diarized_json":
            members["diarization"] = SPEAKERS
        return members

    def heard(self, members: Mapping[str, Any]) -> TranscriptionReply:
        """Phrases as segments; a recording of several channels has a text for each."""
        phrases = members.get("phrases") or []
        return TranscriptionReply(
            text="\n".join(each["text"] for each in members["combinedPhrases"]),
            language=phrases[0].get("locale") if phrases else None,
            duration=_seconds(members.get("durationMilliseconds")),
            words=tuple(_word(word) for phrase in phrases for word in phrase.get("words") or ()) or None,
            segments=tuple(map(_segment, range(len(phrases)), phrases)),
            usage=self.seconds(members),
        )

    def seconds(self, members: Members) -> Usage | None:
        """The duration."""
        duration = _seconds(decoded(members.get("durationMilliseconds")))
        return None if duration is None else Usage(units=Units(input_seconds=duration))


def locale_of(language: str) -> str:
    """The locale of a language; what names a country already stays."""
    return language if "-" in language else LOCALES.get(language, f"{language}-{language.upper()}")


def _word(word: Mapping[str, Any]) -> dict[str, Any]:
    return {"word": word["text"], **_span(word)}


def _segment(number: int, phrase: Mapping[str, Any]) -> dict[str, Any]:
    found = {"id": number, **_span(phrase), "text": phrase["text"]}
    return {**found, "speaker": str(phrase["speaker"])} if "speaker" in phrase else found


def _span(piece: Mapping[str, Any]) -> dict[str, float]:
    start, length = piece["offsetMilliseconds"], piece["durationMilliseconds"]
    return {"start": start / 1000, "end": (start + length) / 1000}


def _seconds(milliseconds: Any) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, int | float) else None


FAST_TRANSCRIPTION = FastTranscription()
