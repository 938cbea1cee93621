"""Amazon Transcribe's jobs: what one is told, and its transcript."""

# https://docs.aws.amazon.com/transcribe/latest/APIReference/API_StartTranscriptionJob.html and
# https://docs.aws.amazon.com/transcribe/latest/dg/how-input.html#how-it-works-output

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from nova_core.types.audio import TranscriptionReply, TranscriptionRequest
from nova_core.types.message import Members
from nova_core.types.usage import Usage
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.transcribing import Transcribing, note_times, note_unsaid
from nova_core.wire.transcript_usage import seconds_in

USUAL_MODEL: Final = frozenset({"", "default", "standard"})
"""Names of the vendor's own model; others are those of custom language models."""
MOST_SPEAKERS: Final = 10
SPOKEN: Final = "pronunciation"


class AmazonTranscription(Transcribing):
    """A language with its region is told; of one without, and of none, the vendor finds out which it is."""

    name = "amazon_transcription"
    answer = "results"
    extras = frozenset(
        {
            "ContentRedaction", "LanguageIdSettings", "LanguageOptions", "Settings", "Tags", "ToxicityDetection",
        }
    )  # fmt: skip

    def said(self, typed: TranscriptionRequest, notes: Notes) -> dict[str, Any]:
        """Members of the job, and the file."""
        note_unsaid(typed, notes, "prompt", "temperature")
        note_times(typed, notes, "word")
        members: dict[str, Any] = {"file": typed.file}
        if typed.language is not None and "-" in typed.language:
            members["LanguageCode"] = typed.language
        else:
            members["IdentifyLanguage"] = True
            if typed.language is not None:
                notes.approximated("language", "found out: the vendor's languages have regions, such as en-US")
        if typed.model not in USUAL_MODEL:
            members["ModelSettings"] = {"LanguageModelName": typed.model}
        if typed.response_format == "diarized_json":
            members["Settings"] = {"ShowSpeakerLabels": True, "MaxSpeakerLabels": MOST_SPEAKERS}
        return members

    def heard(self, members: Mapping[str, Any]) -> TranscriptionReply:
        """The transcript; of its items what is spoken are words, and stretches of one speaker are segments."""
        results = members["results"]
        segments = tuple(_segment(number, each) for number, each in enumerate(results.get("audio_segments") or ()))
        return TranscriptionReply(
            text="\n".join(each["transcript"] for each in results["transcripts"]),
            language=results.get("language_code"),
            words=tuple(_words(results.get("items") or ())) or None,
            segments=segments or None,
        )

    def seconds(self, members: Members) -> Usage | None:
        """Nothing: a transcript does not say how long its audio was."""
        return None


def _words(items: Any) -> Iterator[dict[str, Any]]:
    """Words with the punctuation that follows them."""
    word: dict[str, Any] | None = None
    for item in items:
        content = item["alternatives"][0]["content"]
        if item.get("type") != SPOKEN:
            word = None if word is None else {**word, "word": word["word"] + content}
            continue
        if word is not None:
            yield word
        word = {"word": content, **_times(item)}
    if word is not None:
        yield word


def _segment(number: int, segment: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": number, "text": segment["transcript"], **_times(segment)}


def _times(found: Mapping[str, Any]) -> dict[str, Any]:
    start, end = seconds_in(found["start_time"]), seconds_in(found["end_time"])
    if start is None or end is None:
        raise TypeError("a time is a number of seconds")
    speaker = found.get("speaker_label")
    return {"start": start, "end": end, **({} if speaker is None else {"speaker": str(speaker)})}


AMAZON_TRANSCRIPTION: Final = AmazonTranscription()
