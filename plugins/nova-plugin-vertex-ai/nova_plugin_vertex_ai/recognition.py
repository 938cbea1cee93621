"""Cloud Speech-to-Text, version 2: a file in JSON in, results out."""

# https://cloud.google.com/speech-to-text/docs/reference/rest/v2/projects.locations.recognizers/recognize

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from nova_core.types.audio import TranscriptionReply, TranscriptionRequest
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, TypedRequest, decoded
from nova_core.types.usage import Units, Usage
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.transcribing import TIMED, Transcribing, note_times, note_unsaid
from nova_core.wire.transcript_usage import seconds_in

ANY_LANGUAGE: Final = "auto"
OWN: Final = frozenset({"adaptation", "denoiserConfig", "features", "languageCodes", "transcriptNormalization"})
"""Members of the vendor's configuration, which callers may send beside OpenAI's."""


class GoogleRecognition(Transcribing):
    """`{"config", "content"}`. Texts are punctuated, and languages found out, unless the request says otherwise."""

    name = "google_recognition"
    answer = "metadata"
    extras = OWN

    def said(self, typed: TranscriptionRequest, notes: Notes) -> dict[str, Any]:
        """Members of the configuration, and the file."""
        note_unsaid(typed, notes, "prompt", "temperature")
        note_times(typed, notes, "word", "segment")
        features = {"features": _features(typed)}
        return {"languageCodes": [typed.language or ANY_LANGUAGE], **features, "content": typed.file}

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for the vendor; features that the caller states are added to those that the request needs."""
        members, fidelity = super().render_request(typed)
        if isinstance(typed, TranscriptionRequest) and isinstance(stated := members["features"], Mapping):
            members["features"] = {**_features(typed), **stated}
        return members, fidelity

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError for what is no transcript; one of silence has no results."""
        if "results" not in members:
            super().check_reply(members)

    def heard(self, members: Mapping[str, Any]) -> TranscriptionReply:
        """The best alternative of every result, each of which is a segment."""
        results = [each for each in members.get("results", ()) if each.get("alternatives")]
        best = [each["alternatives"][0] for each in results]
        words = [_word(word) for each in best for word in each.get("words", ())]
        usage = self.seconds(members)
        return TranscriptionReply(
            text=" ".join(text for each in best if (text := each.get("transcript", "").strip())),
            language=next((each["languageCode"] for each in results if each.get("languageCode")), None),
            duration=usage.units.input_seconds if usage is not None and usage.units is not None else None,
            words=tuple(words) or None,
            segments=tuple(_segments(results)) or None,
            usage=usage,
        )

    def seconds(self, members: Members) -> Usage | None:
        """The seconds that are billed."""
        metadata = decoded(members.get("metadata"))
        billed = metadata.get("totalBilledDuration") if isinstance(metadata, dict) else None
        known = seconds_in(billed.removesuffix("s")) if isinstance(billed, str) else None
        return None if known is None else Usage(units=Units(input_seconds=known))


def _features(typed: TranscriptionRequest) -> dict[str, Any]:
    found: dict[str, Any] = {"enableAutomaticPunctuation": True}
    if typed.response_format in TIMED or typed.timestamp_granularities:
        found["enableWordTimeOffsets"] = True
    if typed.response_format == "diarized_json":
        found["diarizationConfig"] = {}
    return found


def _word(word: Mapping[str, Any]) -> dict[str, Any]:
    found = {"word": word["word"], "start": _seconds(word.get("startOffset")), "end": _seconds(word.get("endOffset"))}
    return {**found, "speaker": str(word["speakerLabel"])} if word.get("speakerLabel") else found


def _segments(results: list[Any]) -> Iterator[dict[str, Any]]:
    before = 0.0
    for number, result in enumerate(results):
        best = result["alternatives"][0]
        words = best.get("words") or ()
        start = _seconds(words[0].get("startOffset")) if words else before
        before = _seconds(result.get("resultEndOffset"))
        speaker = {"speaker": str(words[0]["speakerLabel"])} if words and words[0].get("speakerLabel") else {}
        text = best.get("transcript", "").strip()
        yield {"id": number, "start": start, "end": before, "text": text, **speaker}


def _seconds(offset: Any) -> float:
    """A duration such as `1.500s`; one that is left out is 0. Raises TypeError."""
    known = 0.0 if offset is None else seconds_in(str(offset).removesuffix("s"))
    if known is None:
        raise TypeError("a duration is a number of seconds")
    return known


GOOGLE_RECOGNITION: Final = GoogleRecognition()
