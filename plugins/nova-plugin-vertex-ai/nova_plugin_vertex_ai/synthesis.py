"""Cloud Text-to-Speech: a text and a voice in, audio in JSON out."""

# https://cloud.google.com/text-to-speech/docs/reference/rest/v1/text/synthesize

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadRequestError
from nova_core.types.audio import SpeechRequest
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import TypedRequest
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_core.wire.spoken_json import SpokenJson, audio_of_base64

ENCODINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "mp3": {"audioEncoding": "MP3"},
    "opus": {"audioEncoding": "OGG_OPUS"},
    "wav": {"audioEncoding": "LINEAR16"},
    "pcm": {"audioEncoding": "PCM", "sampleRateHertz": 24000},
}
"""OpenAI's formats in the vendor's words; its PCM has 24 kHz, as OpenAI's."""
WHOLE_VOICE: Final = re.compile(r"([a-z]{2,3}-[A-Za-z]{2,4})-.+")
"""A voice that names its language, such as `en-US-Chirp3-HD-Charon`."""
CHIRP_VOICE: Final = "{language}-Chirp3-HD-{name}"
"""What the voices of Chirp 3 are called, which are known by their names alone."""
USUAL_LANGUAGE: Final = "en-US"
LANGUAGE: Final = ("languageCode", "language_code")
MARKUP: Final = "<speak>"
EXTRAS: Final = frozenset({"audioConfig", "advancedVoiceOptions", *LANGUAGE})


class GoogleSynthesis(SpokenJson):
    """`{"input", "voice", "audioConfig"}`. The voice says the model; a text in `<speak>` is SSML."""

    name = "google_synthesis"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for the vendor. Raises BadRequestError for a voice that has no name."""
        if not isinstance(typed, SpeechRequest):
            raise BadRequestError("only a request for speech can be sent as one")
        notes = Notes(own=False, dialect=self.name)
        own = typed.extra.get(OPENAI_SPEECH.name, {})
        config = dict(ENCODINGS["mp3"])
        if typed.response_format is not None:
            config = dict(ENCODINGS.get(typed.response_format, config))
            if typed.response_format not in ENCODINGS:
                notes.lost("response_format", f"it is one of {', '.join(ENCODINGS)}")
        if typed.speed not in (None, 1):
            config["speakingRate"] = typed.speed
        if typed.instructions:
            notes.lost("instructions", "voices take none; SSML says how a text is spoken")
        language = next((own[name] for name in LANGUAGE if isinstance(own.get(name), str)), None)
        given = own.get("audioConfig")
        members: dict[str, Any] = {
            "model": typed.model,
            "input": {"ssml" if typed.input.lstrip().startswith(MARKUP) else "text": typed.input},
            "voice": voice_of(typed.voice, language),
            "audioConfig": {**config, **(given if isinstance(given, Mapping) else {})},
        }
        if "advancedVoiceOptions" in own:
            members["advancedVoiceOptions"] = own["advancedVoiceOptions"]
        notes.extra(members, {OPENAI_SPEECH.name: {name: own[name] for name in own if name not in EXTRAS}})
        return members, notes.fidelity()

    def audio_in(self, answer: Mapping[str, Any]) -> bytes:
        """`audioContent`."""
        return audio_of_base64(answer["audioContent"])


def voice_of(voice: Any, language: str | None) -> dict[str, Any]:
    """A voice in the vendor's words: its own object, a whole name, or the name of a voice of Chirp 3.

    Raises BadRequestError for an object that names neither a voice nor a language.
    """
    if isinstance(voice, Mapping):
        said = {name: value for name, value in voice.items() if name != "id"}
        name = said.get("name") or voice.get("id")
        found = voice_of(name, said.get("languageCode") or language) if isinstance(name, str) else {}
        if not found and "languageCode" not in said:
            raise BadRequestError("`voice` must say a `name` or a `languageCode`", param="voice")
        return {**found, **said, **({"name": found["name"]} if found else {})}
    if whole := WHOLE_VOICE.fullmatch(str(voice)):
        return {"languageCode": language or whole[1], "name": voice}
    spoken = language or USUAL_LANGUAGE
    return {"languageCode": spoken, "name": CHIRP_VOICE.format(language=spoken, name=voice)}


GOOGLE_SYNTHESIS: Final = GoogleSynthesis()
