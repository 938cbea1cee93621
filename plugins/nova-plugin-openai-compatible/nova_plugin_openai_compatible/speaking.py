"""Speech as the vendors say it that do not say it like OpenAI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_core.errors import BadRequestError, NovaError
from nova_core.types.audio import SpeechRequest
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import TypedRequest
from nova_core.types.usage import Units, Usage
from nova_core.wire.json_operation import count, given
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_speech import DELTA, LAST, OPENAI_SPEECH, OpenAISpeech
from nova_core.wire.spoken_json import SpokenJson, audio_of_base64
from nova_core.wire.upstream_errors import classify


class VendorSpeech(OpenAISpeech):
    """Requests that are not OpenAI's. `formats` are those of audio, `own` members that callers may send beside."""

    formats: tuple[str, ...]
    own: frozenset[str]

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for the vendor."""
        if not isinstance(typed, SpeechRequest):
            raise BadRequestError("only a request for speech can be sent as one")
        notes = Notes(own=False, dialect=self.name)
        if typed.instructions:
            notes.lost("instructions", "voices take none")
        if typed.response_format not in (None, *self.formats):
            notes.lost("response_format", f"it is one of {', '.join(self.formats)}")
        extra = typed.extra.get(OPENAI_SPEECH.name, {})
        members = self.said(typed, {name: extra[name] for name in extra if name in self.own}, notes)
        notes.extra(members, {OPENAI_SPEECH.name: {name: extra[name] for name in extra if name not in self.own}})
        return {"model": typed.model, **members}, notes.fidelity()

    def said(self, typed: SpeechRequest, own: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
        """The members without the model; `own` are the vendor's own that the caller sent."""
        raise AssertionError("subclasses render")


class MistralSpeech(VendorSpeech, SpokenJson):
    """Voxtral (https://docs.mistral.ai/api/endpoint/audio/speech): Base64, whole or in events named as OpenAI's are."""

    name = "mistral_speech"
    formats = ("mp3", "wav", "pcm", "flac", "opus")
    own = frozenset({"ref_audio", "metadata"})

    def said(self, typed: SpeechRequest, own: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
        """A voice by its id; `ref_audio` is one to be copied."""
        if typed.speed not in (None, 1):
            notes.lost("speed", "it is a matter of tags in the text")
        members: dict[str, Any] = {"input": typed.input, "voice_id": voice_id(typed.voice), **own}
        return members | given({"response_format": typed.response_format, "stream": typed.events or None})

    def audio_in(self, answer: Mapping[str, Any]) -> bytes:
        """`audio_data`, which every reply and every piece has."""
        return b"" if self.is_last(answer) else audio_of_base64(answer["audio_data"])

    def is_last(self, event: Mapping[str, Any]) -> bool:
        """`speech.audio.done`."""
        return event.get("type") == LAST

    def failure_in(self, answer: Mapping[str, Any]) -> NovaError | None:
        """An event that is neither a piece nor the last."""
        if answer.get("type", DELTA) in (DELTA, LAST):
            return None
        return classify(None, str(answer.get("message") or "the upstream's stream holds an error"))

    def counted(self, answer: Mapping[str, Any]) -> Usage | None:
        """Tokens, which the last event states."""
        usage = answer.get("usage")
        if not isinstance(usage, Mapping):
            return None
        return Usage(input=count(usage.get("prompt_tokens")), output_audio=count(usage.get("completion_tokens")))


STATUS_OF_CODE: Mapping[int, int] = {
    1001: 504, 1002: 429, 1004: 401, 1008: 402, 1026: 400, 1027: 400, 1039: 429, 1041: 429, 1042: 400, 2013: 400,
    2037: 400, 2042: 403, 2045: 429, 2049: 401, 2054: 404, 2056: 429, 20132: 400,
}  # fmt: skip
"""HTTP statuses that the vendor's codes stand for, which come with 200 (https://platform.minimax.io, "Error Codes")."""
SENSITIVE = frozenset({1026, 1027})
ENDED = 2
IN_PIECES: Mapping[str, Any] = {"stream": True, "stream_options": {"exclude_aggregated_audio": True}}


class MinimaxSpeech(VendorSpeech, SpokenJson):
    """T2A (https://platform.minimax.io/docs/api-reference/speech-t2a-http): hexadecimal, whole or in events."""

    name = "minimax_speech"
    formats = ("mp3", "pcm", "flac", "wav", "opus")
    own = frozenset(
        {
            "aigc_watermark", "audio_setting", "language_boost", "pronunciation_dict", "subtitle_enable",
            "subtitle_type", "text_normalization", "timber_weights", "timbre_weights", "voice_modify", "voice_setting",
        }
    )  # fmt: skip

    def said(self, typed: SpeechRequest, own: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
        """Voice and audio are settings; the last piece of a stream is not to repeat the others."""
        voice: dict[str, Any] = {"voice_id": voice_id(typed.voice)}
        if typed.speed not in (None, 1):
            voice["speed"] = typed.speed
        audio = {} if typed.response_format is None else {"format": typed.response_format}
        members: dict[str, Any] = {"text": typed.input, **own, "output_format": "hex"}
        for name, setting in (("voice_setting", voice), ("audio_setting", audio)):
            stated = own.get(name)
            members[name] = {**setting, **(stated if isinstance(stated, Mapping) else {})}
        if not members["audio_setting"]:
            del members["audio_setting"]
        return {**members, **(IN_PIECES if typed.events else {})}

    def audio_in(self, answer: Mapping[str, Any]) -> bytes:
        """`data.audio`."""
        return bytes.fromhex((answer.get("data") or {}).get("audio") or "")

    def is_last(self, event: Mapping[str, Any]) -> bool:
        """A status of the data."""
        return bool((event.get("data") or {}).get("status") == ENDED)

    def failure_in(self, answer: Mapping[str, Any]) -> NovaError | None:
        """A `base_resp` whose code is not 0."""
        stated = answer.get("base_resp") or {}
        code = stated.get("status_code", 0)
        if code == 0:
            return None
        message = str(stated.get("status_msg") or "the upstream failed without a message")
        return classify(STATUS_OF_CODE.get(code, 500), message, "content_filter" if code in SENSITIVE else str(code))

    def counted(self, answer: Mapping[str, Any]) -> Usage | None:
        """Characters, as they are billed."""
        spoken = count((answer.get("extra_info") or {}).get("usage_characters"))
        return Usage(units=Units(characters=spoken)) if spoken else None


class HyperbolicSpeech(VendorSpeech, SpokenJson):
    """Melo TTS (https://docs.hyperbolic.xyz, "Audio APIs"): a speaker, whose name begins with a language; Base64."""

    name = "hyperbolic_speech"
    formats = ("mp3",)
    own = frozenset({"language", "noise_scale", "noise_scale_w", "sdp_ratio"})

    def said(self, typed: SpeechRequest, own: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
        """A text, and a speaker such as `EN-US`."""
        speaker = voice_id(typed.voice)
        speed = None if typed.speed == 1 else typed.speed
        return given({"text": typed.input, "speaker": speaker, "language": speaker[:2], "speed": speed}) | dict(own)

    def audio_in(self, answer: Mapping[str, Any]) -> bytes:
        """`audio`."""
        return audio_of_base64(answer["audio"])


class XaiSpeech(VendorSpeech):
    """`/tts` (https://docs.x.ai/developers/model-capabilities/audio/text-to-speech): bytes, as OpenAI's are."""

    name = "xai_speech"
    formats = ("mp3", "wav", "pcm")
    own = frozenset({"language", "optimize_streaming_latency", "output_format", "text_normalization"})

    def said(self, typed: SpeechRequest, own: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
        """A voice, and a language, which is found out unless it is stated."""
        stated = {name: own[name] for name in own if name != "output_format"}
        stated |= given({"speed": None if typed.speed == 1 else typed.speed})
        audio = own.get("output_format")
        audio = {"codec": typed.response_format, **(audio if isinstance(audio, Mapping) else {})}
        members = {"text": typed.input, "voice_id": voice_id(typed.voice), "language": "auto", **stated}
        return members | given({"output_format": given(audio) or None})


def voice_id(voice: Any) -> str:
    """The id of a voice. Raises BadRequestError where there is none."""
    found = voice.get("id") if isinstance(voice, Mapping) else voice
    if not isinstance(found, str) or not found:
        raise BadRequestError("`voice` must be the id of a voice of this vendor", param="voice")
    return found


HYPERBOLIC_SPEECH = HyperbolicSpeech()
MISTRAL_SPEECH = MistralSpeech()
MINIMAX_SPEECH = MinimaxSpeech()
XAI_SPEECH = XaiSpeech()
