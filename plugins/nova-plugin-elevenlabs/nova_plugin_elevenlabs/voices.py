"""ElevenLabs' speech (`POST /v1/text-to-speech/{voice}/stream`): the voice in the path, the format in the query."""

# https://elevenlabs.io/docs/api-reference/text-to-speech/stream

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

FORMATS: Mapping[str, str] = {"mp3": "mp3_44100_128", "opus": "opus_48000_128", "pcm": "pcm_24000"}
"""OpenAI's formats in the vendor's words; its PCM has 24 kHz, as OpenAI's."""
OWN_FORMAT = re.compile(r"(mp3|opus|pcm|wav|ulaw|alaw)_\d+(_\d+)?")
EXTRAS = frozenset(
    {
        "apply_language_text_normalization", "apply_text_normalization", "language_code", "next_text",
        "previous_text", "pronunciation_dictionary_locators", "seed", "voice_settings",
    }
)  # fmt: skip
"""Members of the vendor's own."""


class ElevenLabsVoices(OpenAISpeech):
    """The dialect; its answers are bytes, like OpenAI's. `voice` and `output_format` are no part of the body."""

    name = "elevenlabs_voices"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the body, the voice and the format. Raises BadRequestError without the id of a voice."""
        if not isinstance(typed, SpeechRequest):
            raise BadRequestError("only a request for speech can be sent as one")
        notes = Notes(own=False, dialect=self.name)
        voice = typed.voice if isinstance(typed.voice, str) else (typed.voice or {}).get("id")
        if not isinstance(voice, str) or not voice:
            raise BadRequestError("`voice` must be the id of a voice of this vendor", param="voice")
        own = typed.extra.get(OPENAI_SPEECH.name, {})
        members: dict[str, Any] = {"model": typed.model, "text": typed.input, "voice": voice}
        members["output_format"] = self._format(typed.response_format, notes)
        members |= {name: value for name, value in own.items() if name in EXTRAS}
        if typed.speed not in (None, 1):
            members["voice_settings"] = {**members.get("voice_settings", {}), "speed": typed.speed}
        if typed.instructions:
            notes.lost("instructions", "voices take none")
        notes.extra(members, {OPENAI_SPEECH.name: {name: own[name] for name in own if name not in EXTRAS}})
        return members, notes.fidelity()

    def _format(self, asked: str | None, notes: Notes) -> str:
        """The vendor's name of a format; its own names may be asked for, too."""
        if asked is not None and OWN_FORMAT.fullmatch(asked):
            return asked
        if asked is not None and asked not in FORMATS:
            notes.lost("response_format", f"it is one of {', '.join(FORMATS)}, or of the vendor's own")
        return FORMATS.get(asked or "mp3", FORMATS["mp3"])


ELEVENLABS_VOICES = ElevenLabsVoices()
