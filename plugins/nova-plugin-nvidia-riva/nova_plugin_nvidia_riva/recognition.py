"""Riva's recognition: how a recording is to be heard, and its results as a transcript."""

# https://docs.nvidia.com/nim/speech/latest/reference/api-references/asr/protos.html

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from nova_core.types.audio import TranscriptionReply, TranscriptionRequest
from nova_core.types.message import Members, Operation, decoded
from nova_core.types.usage import Units, Usage
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.transcribing import TIMED, Transcribing, note_times, note_unsaid
from nova_plugin_nvidia_riva.languages import ANY, spoken_in
from nova_plugin_nvidia_riva.messages import RECOGNITION_CONFIG

LANGUAGE: Final = "language_code"
SPEAKERS: Final = "speakers"
"""Whether speakers were told apart, which is not to be seen of a recording of one."""
DIARIZED: Final = "diarized_json"


class RivaRecognition(Transcribing):
    """Texts are punctuated unless the request says otherwise; times are asked for where the answer needs them."""

    name = "riva_recognition"
    answer = "results"
    extras = frozenset(RECOGNITION_CONFIG.fields) - {"model"}

    def said(self, typed: TranscriptionRequest, notes: Notes) -> dict[str, Any]:
        """Members of the configuration, and the file."""
        note_unsaid(typed, notes, "prompt", "temperature")
        note_times(typed, notes, "word", "segment")
        members: dict[str, Any] = {
            "file": typed.file,
            LANGUAGE: spoken_in(typed.language, typed.model),
            "enable_automatic_punctuation": True,
        }
        if typed.response_format in TIMED or typed.timestamp_granularities:
            members["enable_word_time_offsets"] = True
        if typed.response_format == DIARIZED:
            members["diarization_config"] = {"enable_speaker_diarization": True}
        return members

    def heard(self, members: Mapping[str, Any]) -> TranscriptionReply:
        """The best alternative of each result, one after another. Segments are results, or what one speaker says."""
        best = [result["alternatives"][0] for result in members["results"] if result["alternatives"]]
        diarized = members.get(SPEAKERS) is True
        lines = [[_word(word, diarized) for word in each["words"] if word["end_time"]] for each in best]
        words = [word for line in lines for word in line]
        found = (language for each in best for language in each["language_code"] if language)
        said = None if members.get(LANGUAGE) == ANY else members.get(LANGUAGE)
        usage = self.seconds(members)
        return TranscriptionReply(
            text=_joined(each["transcript"] for each in best),
            language=next(found, said),
            duration=None if usage is None or usage.units is None else usage.units.input_seconds,
            words=tuple(words) or None,
            segments=tuple(_turns(words) if diarized else _results(best, lines)) or None,
            usage=usage,
        )

    def seconds(self, members: Members) -> Usage | None:
        """How much of the audio was processed, as the last result says."""
        results = decoded(members.get("results"))
        told = [each.get("audio_processed") for each in results or () if isinstance(each, dict)]
        known = [each for each in told if isinstance(each, int | float) and 0 < each < 1e9]
        return Usage(units=Units(input_seconds=round(max(known), 3))) if known else None


class RivaTranslation(RivaRecognition):
    """Into English, by models that can."""

    name = "riva_translation"
    operation: Operation = "translation"

    def said(self, typed: TranscriptionRequest, notes: Notes) -> dict[str, Any]:
        """Members of the configuration; the language is found out."""
        return {**super().said(typed, notes), LANGUAGE: ANY}


def _word(word: Mapping[str, Any], diarized: bool) -> dict[str, Any]:
    told = {"word": word["word"], "start": word["start_time"] / 1000, "end": word["end_time"] / 1000}
    return {**told, "speaker": str(word["speaker_tag"])} if diarized else told


def _results(best: list[Any], lines: list[list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Results with times as segments."""
    timed = [(each["transcript"].strip(), line) for each, line in zip(best, lines, strict=True) if line]
    for number, (text, line) in enumerate(timed):
        yield {"id": number, "start": line[0]["start"], "end": line[-1]["end"], "text": text}


def _turns(words: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What each speaker says without a break as segments."""
    for number, (speaker, said) in enumerate(groupby(words, itemgetter("speaker"))):
        turn = list(said)
        text = " ".join(each["word"] for each in turn)
        yield {"id": number, "start": turn[0]["start"], "end": turn[-1]["end"], "text": text, "speaker": speaker}


def _joined(texts: Iterator[str]) -> str:
    return " ".join(text for text in map(str.strip, texts) if text)


RIVA_RECOGNITION: Final = RivaRecognition()
RIVA_TRANSLATION: Final = RivaTranslation()
