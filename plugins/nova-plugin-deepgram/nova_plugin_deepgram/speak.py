"""Deepgram's speech (`POST /v1/speak`): the voice is the model, and everything but the text stands in the query."""

# https://developers.deepgram.com/reference/text-to-speech/speak-request

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nova_core.errors import BadRequestError
from nova_core.types.audio import SpeechRequest
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import TypedRequest
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_speech import OPENAI_SPEECH, OpenAISpeech

ENCODINGS: Mapping[str, Mapping[str, Any]] = {
    "mp3": {"encoding": "mp3"},
    "opus": {"encoding": "opus", "container": "ogg"},
    "aac": {"encoding": "aac"},
    "flac": {"encoding": "flac"},
    "wav": {"encoding": "linear16", "container": "wav"},
    "pcm": {"encoding": "linear16", "container": "none", "sample_rate": 24000},
}
"""OpenAI's formats in the vendor's parameters; its PCM has 24 kHz, as OpenAI's."""
WHOLE = re.compile(r"(aura-.+|flux-.+)-[a-z]{2}")
"""A model that names its voice and language, such as `aura-2-thalia-en`."""
EXTRAS = frozenset(
    {"bit_rate", "callback", "callback_method", "container", "encoding", "mip_opt_out", "sample_rate", "tag"}
)


class DeepgramSpeak(OpenAISpeech):
    """The dialect; its answers are bytes, like OpenAI's."""

    name = "deepgram_speak"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the query, and the text."""
        if not isinstance(typed, SpeechRequest):
            raise BadRequestError("only a request for speech can be sent as one")
        notes = Notes(own=False, dialect=self.name)
        members: dict[str, Any] = {"model": typed.model, "text": typed.input, **ENCODINGS["mp3"]}
        if typed.response_format is not None:
            known = ENCODINGS.get(typed.response_format)
            if known is None:
                notes.lost("response_format", f"it is one of {', '.join(ENCODINGS)}")
            members |= known or {}
        if typed.speed not in (None, 1):
            members["speed"] = typed.speed
        if typed.instructions:
            notes.lost("instructions", "voices take none")
        members["voice"] = typed.voice if isinstance(typed.voice, str) else (typed.voice or {}).get("id")
        own = typed.extra.get(OPENAI_SPEECH.name, {})
        members |= {name: value for name, value in own.items() if name in EXTRAS}
        notes.extra(members, {OPENAI_SPEECH.name: {name: own[name] for name in own if name not in EXTRAS}})
        return members, notes.fidelity()


def model_of(model: str, voice: Any) -> str:
    """The model that speaks: the voice where it is a whole model's name, the model where it is, else both together.

    `aura-2` and `thalia` are `aura-2-thalia-en`.
    """
    if isinstance(voice, str) and WHOLE.fullmatch(voice):
        return voice
    if WHOLE.fullmatch(model) or not isinstance(voice, str):
        return model
    return f"{model}-{voice}-en"


DEEPGRAM_SPEAK = DeepgramSpeak()
