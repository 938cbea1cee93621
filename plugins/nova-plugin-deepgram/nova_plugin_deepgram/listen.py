"""Deepgram's transcription of recorded audio (`POST /v1/listen`): parameters in the query, the file as the body."""

# https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_core.types.audio import TranscriptionReply, TranscriptionRequest
from nova_core.types.message import Members, decoded
from nova_core.types.usage import Units, Usage
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.transcribing import TIMED, Transcribing, note_times, note_unsaid

EXTRAS = frozenset(
    {
        "callback", "callback_method", "custom_intent", "custom_intent_mode", "custom_topic", "custom_topic_mode",
        "detect_entities", "detect_language", "diarize", "dictation", "encoding", "extra", "filler_words", "intents",
        "keyterm", "keywords", "measurements", "mip_opt_out", "multichannel", "numerals", "paragraphs",
        "profanity_filter", "punctuate", "redact", "replace", "search", "sentiment", "smart_format", "summarize", "tag",
        "topics", "utt_split", "utterances", "version",
    }
)  # fmt: skip
"""Parameters of the vendor's own."""


class DeepgramListen(Transcribing):
    """Texts are formatted, and languages found out, unless the request says otherwise."""

    name = "deepgram_listen"
    answer = "results"
    extras = EXTRAS

    def said(self, typed: TranscriptionRequest, notes: Notes) -> dict[str, Any]:
        """Members of the query, and the file."""
        note_unsaid(typed, notes, "prompt", "temperature")
        note_times(typed, notes, "word", "segment")
        members: dict[str, Any] = {"file": typed.file, "smart_format": True}
        if typed.language is None:
            members["detect_language"] = True
        else:
            members["language"] = typed.language
        if typed.response_format in TIMED or "segment" in typed.timestamp_granularities:
            members["utterances"] = True
        if typed.response_format == "diarized_json":
            members["diarize"] = True
        return members

    def heard(self, members: Mapping[str, Any]) -> TranscriptionReply:
        """The first alternative of every channel, and the utterances as segments."""
        results = members["results"]
        best = [channel["alternatives"][0] for channel in results["channels"]]
        words = [_word(word) for each in best for word in each.get("words", ())]
        utterances = results.get("utterances")
        return TranscriptionReply(
            text="\n".join(each["transcript"] for each in best),
            language=next((c["detected_language"] for c in results["channels"] if c.get("detected_language")), None),
            duration=members.get("metadata", {}).get("duration"),
            words=tuple(words) or None,
            segments=None if utterances is None else tuple(map(_segment, range(len(utterances)), utterances)),
            usage=self.seconds(members),
        )

    def seconds(self, members: Members) -> Usage | None:
        """The duration that the metadata state."""
        metadata = decoded(members.get("metadata"))
        duration = metadata.get("duration") if isinstance(metadata, dict) else None
        return Usage(units=Units(input_seconds=float(duration))) if isinstance(duration, int | float) else None


def _word(word: Mapping[str, Any]) -> dict[str, Any]:
    found = {"word": word.get("punctuated_word") or word["word"], "start": word["start"], "end": word["end"]}
    return {**found, "speaker": str(word["speaker"])} if "speaker" in word else found


def _segment(number: int, utterance: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "id": number,
        "start": utterance["start"],
        "end": utterance["end"],
        "text": utterance["transcript"],
    }
    return {**found, "speaker": str(utterance["speaker"])} if "speaker" in utterance else found


DEEPGRAM_LISTEN = DeepgramListen()
