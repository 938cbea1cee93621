"""Runway's speech: a task whose end has the address of an audio."""

# https://docs.dev.runwayml.com/api, "Text to speech"

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError, ContentPolicyViolationError
from nova_core.types.audio import SpeechRequest
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Reply, TypedRequest
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_speech import OPENAI_SPEECH, OpenAISpeech
from nova_core.wire.upstream_errors import excerpt

CHOOSING: Final = "seed_audio"
"""The model whose audio has the format that is asked for, and a voice that is copied from an audio."""
FORMATS: Final[Mapping[str, str]] = {"mp3": "mp3", "wav": "wav", "opus": "ogg_opus"}
USUAL: Final = "mp3"
OWN: Final = frozenset({"loudnessRate", "pitchRate", "sampleRate", "speechRate"})
ADDRESSES: Final = ("https://", "data:", "runway://")
UNSAFE: Final = "SAFETY"


class RunwaySpeech(OpenAISpeech):
    """`{"model", "promptText", "voice"}`; a voice is the name of a preset, or for `seed_audio` an audio."""

    name = "runway_speech"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the task."""
        if not isinstance(typed, SpeechRequest):
            raise BadRequestError("only a request for speech can be sent as one")
        notes = Notes(own=False, dialect=self.name)
        chooses = typed.model.startswith(CHOOSING)
        members: dict[str, Any] = {"model": typed.model, "promptText": typed.input}
        if (voice := voice_of(typed.voice, chooses)) is None:
            notes.lost("voice", "it is an audio: an `https:` or `data:` address")
        else:
            members["voice"] = voice
        if typed.response_format is not None and (chooses or typed.response_format != USUAL):
            if not chooses or typed.response_format not in FORMATS:
                notes.lost("response_format", f"it is {' or '.join(FORMATS) if chooses else USUAL}")
            members |= {"outputFormat": FORMATS.get(typed.response_format, USUAL)} if chooses else {}
        if typed.speed not in (None, 1):
            notes.lost("speed", "`seed_audio` takes a `speechRate`")
        if typed.instructions:
            notes.lost("instructions", "they are part of the text")
        own = typed.extra.get(OPENAI_SPEECH.name, {})
        members |= {name: own[name] for name in own if name in OWN}
        notes.extra(members, {OPENAI_SPEECH.name: {name: own[name] for name in own if name not in OWN}})
        return members, notes.fidelity()


def voice_of(voice: Any, copied: bool) -> dict[str, Any] | None:
    """A voice in the vendor's words; None for one that cannot be copied."""
    if isinstance(voice, Mapping) and "type" in voice:
        return dict(voice)
    name = voice.get("id") if isinstance(voice, Mapping) else voice
    if not copied:
        return {"type": "runway-preset", "presetId": name}
    if isinstance(name, str) and name.startswith(ADDRESSES):
        return {"type": "reference-audio", "audioUri": name}
    return None


def with_audio(exchange: Exchange) -> Exchange:
    """The exchange of a task that makes speech, which leads to its audio; that is fetched without a key."""
    return msgspec.structs.replace(exchange, read=partial(_read, exchange))


def _read(exchange: Exchange, response: UpstreamResponse) -> Reply | Exchange:
    """The exchange for the audio of a task that has ended. Raises what the task ended with, BadGatewayError."""
    task: Any = msgspec.json.decode(response.body)
    output = task.get("output")
    if task.get("status") == "SUCCEEDED" and isinstance(output, list) and output and isinstance(output[0], str):
        return msgspec.structs.replace(exchange, request=UpstreamRequest(output[0], "GET"), wait=0.0)
    code = str(task.get("failureCode") or "")
    reason = task.get("failure") or task.get("error") or code or excerpt(response)
    if code.startswith(UNSAFE):
        raise ContentPolicyViolationError(f"the upstream stopped the speech: {reason}")
    raise BadGatewayError(f"the upstream's task ended without an audio: {reason}")


RUNWAY_SPEECH: Final = RunwaySpeech()
