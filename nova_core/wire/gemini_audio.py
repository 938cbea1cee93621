"""Transcripts and speech of Gemini's models, which are asked for as content is: by `generateContent`."""

# Source: Gemini API reference, "Audio understanding" and "Text-to-speech generation".

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from nova_core.errors import BadGatewayError, BadRequestError, ContentPolicyViolationError
from nova_core.types.audio import SpeechRequest, TranscriptionReply, TranscriptionRequest
from nova_core.types.chat import ChatReply, Text
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, RawReply, Reply, TypedRequest, plain
from nova_core.types.upstream import UpstreamResponse
from nova_core.types.usage import Usage
from nova_core.wire.body import parse_members
from nova_core.wire.gemini import GEMINI_GENERATE
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_speech import OPENAI_SPEECH, OpenAISpeech
from nova_core.wire.transcribing import TIMED, Transcribing, note_unsaid

ASKED = "Write down what is said in this audio, word for word, in the language that is spoken. Write nothing else."
CONFIG = "generationConfig"
PCM = "audio/pcm;rate=24000"
FORMATS = ("wav", "pcm")


class GeminiTranscription(Transcribing):
    """A transcript, asked for in words. Models tell no times, so what needs them is refused."""

    name = "gemini_transcription"
    answer = "candidates"

    def said(self, typed: TranscriptionRequest, notes: Notes) -> dict[str, Any]:
        """The file as inline data, and what to do with it."""
        asked = [ASKED]
        if typed.language is not None:
            asked.append(f"The language is {typed.language}.")
            notes.approximated("language", "said in the prompt")
        if typed.prompt:
            asked.append(f"What it may be about: {typed.prompt}")
            notes.approximated("prompt", "said in the prompt")
        if typed.response_format in TIMED:
            notes.lost("response_format", "the times of words are not known")
        note_unsaid(typed, notes, "timestamp_granularities")
        data = {"inlineData": {"mimeType": typed.file.content_type, "data": typed.file}}
        members: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": " ".join(asked)}, data]}]}
        if typed.temperature is not None:
            members[CONFIG] = {"temperature": typed.temperature}
        return members

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError for what is no content, ContentPolicyViolationError where it was withheld."""
        GEMINI_GENERATE.check_reply(members)
        chat = _chat(plain(members))
        if not _text(chat) and any(choice.finish == "content_filter" for choice in chat.choices):
            raise ContentPolicyViolationError("the upstream withheld the transcript")

    def heard(self, members: Mapping[str, Any]) -> TranscriptionReply:
        """The text of the first answer."""
        chat = _chat(members)
        return TranscriptionReply(_text(chat).strip(), usage=chat.usage)

    def seconds(self, members: Members) -> Usage | None:
        """The tokens that the reply states."""
        return GEMINI_GENERATE.usage_of(members)


def _chat(members: Mapping[str, Any]) -> ChatReply:
    chat = GEMINI_GENERATE.parse_reply(members)
    assert isinstance(chat, ChatReply)
    return chat


def _text(chat: ChatReply) -> str:
    parts = chat.choices[0].message.parts if chat.choices else ()
    return "".join(part.text for part in parts if isinstance(part, Text))


class GeminiSpeech(OpenAISpeech):
    """Speech of a prompt. Its audio is PCM of 24 kHz in a JSON reply, which `as_asked` makes a WAV file of."""

    name = "gemini_speech"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """The text, said as the instructions want it, and the voice."""
        if not isinstance(typed, SpeechRequest):
            raise BadRequestError("only a request for speech can be sent as one")
        notes = Notes(own=False, dialect=self.name)
        text = typed.input
        if typed.instructions:
            text = f"{typed.instructions}:\n{typed.input}"
            notes.approximated("instructions", "said before the text")
        if typed.speed not in (None, 1):
            notes.lost("speed", "it is a matter of the instructions")
        if typed.response_format not in (None, *FORMATS):
            notes.lost("response_format", f"it is one of {', '.join(FORMATS)}")
        voice = typed.voice if isinstance(typed.voice, str) else (typed.voice or {}).get("id")
        config: dict[str, Any] = {"responseModalities": ["AUDIO"]}
        if voice:
            config["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}
        members: dict[str, Any] = {"model": typed.model, "contents": [{"role": "user", "parts": [{"text": text}]}]}
        notes.extra(members, {OPENAI_SPEECH.name: typed.extra.get(OPENAI_SPEECH.name, {})})
        return {**members, CONFIG: config}, notes.fidelity()

    def read_raw(self, response: UpstreamResponse) -> Reply | None:
        """The audio in the first answer. Raises BadGatewayError for an answer without any."""
        try:
            members = plain(parse_members(response.body))
            GEMINI_GENERATE.check_reply(members)
            parts = members["candidates"][0]["content"]["parts"]
            audio = b"".join(base64.b64decode(part["inlineData"]["data"]) for part in parts if "inlineData" in part)
        except (BadRequestError, KeyError, IndexError, TypeError, binascii.Error) as error:
            raise BadGatewayError("the upstream's answer holds no audio") from error
        if not audio:
            raise BadGatewayError("the upstream's answer holds no audio")
        return RawReply(self.operation, self, audio, PCM, usage=GEMINI_GENERATE.usage_of(members))


def as_asked(reply: Reply, wanted: str | None) -> Reply:
    """Speech as a WAV file, unless `pcm` is wanted."""
    if not isinstance(reply, RawReply) or wanted == "pcm":
        return reply
    content = wav_head(len(reply.content)) + reply.content
    return RawReply(reply.operation, reply.dialect, content, "audio/wav", headers=reply.headers, usage=reply.usage)


def wav_head(size: int, *, rate: int = 24_000) -> bytes:
    """The head of a WAV file with so many bytes of 16-bit samples, one channel."""
    numbers = ((size + 36, 4), (16, 4), (1, 2), (1, 2), (rate, 4), (rate * 2, 4), (2, 2), (16, 2), (size, 4))
    riff, *form, data = (number.to_bytes(width, "little") for number, width in numbers)
    return b"".join((b"RIFF", riff, b"WAVEfmt ", *form, b"data", data))


GEMINI_TRANSCRIPTION = GeminiTranscription()
GEMINI_SPEECH = GeminiSpeech()
