"""Cohere's `/v2/audio/transcriptions` as a dialect that only an upstream speaks."""

# https://docs.cohere.com/reference/create-audio-transcription

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from nova_core.errors import BadRequestError
from nova_core.types.audio import TranscriptionRequest
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import TypedRequest
from nova_core.wire.openai_transcriptions import OpenAITranscriptions

TEXTS: Final = ("json", "text")
"""Formats that can be made of a text without times."""
UNHEARD: Final = ("prompt", "timestamp_granularities", "include")


class CohereTranscriptions(OpenAITranscriptions):
    """Of OpenAI's form `model`, `file`, `language` (which the vendor needs) and `temperature`; answers are a text."""

    def __init__(self) -> None:
        super().__init__("transcription")
        self.name = "cohere_transcriptions"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the form. Raises BadRequestError for what is no transcription."""
        if not isinstance(typed, TranscriptionRequest):
            raise BadRequestError("this cannot be sent as a request for transcription")
        notes = [FieldNote(name, Fate.LOST) for name in UNHEARD if getattr(typed, name)]
        if typed.response_format is not None:
            made = typed.response_format in TEXTS
            notes.append(FieldNote("response_format", Fate.MAPPED if made else Fate.LOST, "answers are a text"))
        plain = replace(typed, prompt=None, response_format=None, timestamp_granularities=(), include=(), stream=False)
        members, fidelity = super().render_request(plain)
        return members, Fidelity(tuple(notes)) + fidelity


COHERE_TRANSCRIPTIONS: Final = CohereTranscriptions()
