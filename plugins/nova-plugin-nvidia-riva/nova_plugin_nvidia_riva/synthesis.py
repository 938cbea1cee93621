"""Riva's speech: what is to be said, by which voice and in which encoding."""

# https://docs.nvidia.com/nim/speech/latest/reference/api-references/tts/protos.html

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadRequestError
from nova_core.types.audio import SpeechRequest
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import TypedRequest
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_speech import OPENAI_SPEECH, OpenAISpeech
from nova_plugin_nvidia_riva.languages import of_voice

ENCODINGS: Final[Mapping[str, str]] = {"wav": "LINEAR_PCM", "pcm": "LINEAR_PCM", "opus": "OGGOPUS"}
"""The vendor's encodings by OpenAI's formats; a WAV file is samples with a header before them."""
USUAL: Final = "wav"
RATE: Final = 24_000
"""Samples in a second of OpenAI's PCM."""
UNKNOWN: Final = 0xFFFF_FFFF
"""The size of a file that is still being made."""
EXTRAS = frozenset({"custom_dictionary", "language_code", "sample_rate_hz"})


class RivaSynthesis(OpenAISpeech):
    """The dialect; its answers are samples, or Opus in Ogg."""

    name = "riva_synthesis"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the message, and the format for the caller."""
        if not isinstance(typed, SpeechRequest):
            raise BadRequestError("only a request for speech can be sent as one")
        notes = Notes(own=False, dialect=self.name)
        wanted = typed.response_format or USUAL
        if wanted not in ENCODINGS:
            notes.lost("response_format", f"it is one of {', '.join(ENCODINGS)}")
            wanted = USUAL
        if typed.speed not in (None, 1):
            notes.lost("speed", "it is said in SSML")
        if typed.instructions:
            notes.lost("instructions", "voices take none")
        voice = typed.voice if isinstance(typed.voice, str) else str((typed.voice or {}).get("id") or "")
        members: dict[str, Any] = {
            "model": typed.model,
            "text": typed.input,
            "voice_name": voice,
            "language_code": of_voice(voice),
            "encoding": ENCODINGS[wanted],
            "sample_rate_hz": RATE,
            "response_format": wanted,
        }
        own = typed.extra.get(OPENAI_SPEECH.name, {})
        members |= {name: value for name, value in own.items() if name in EXTRAS}
        notes.extra(members, {OPENAI_SPEECH.name: {name: own[name] for name in own if name not in EXTRAS}})
        return members, notes.fidelity()


def wav_header(rate: int) -> bytes:
    """The header of 16-bit samples of one channel whose number is not known yet."""
    size, channels = 2, 1
    layout = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * size * channels, size * channels, 8 * size
    )
    return struct.pack("<4sI4s", b"RIFF", UNKNOWN, b"WAVE") + layout + struct.pack("<4sI", b"data", UNKNOWN)


RIVA_SYNTHESIS: Final = RivaSynthesis()
