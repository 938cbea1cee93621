"""`generationConfig` to and from the fields of a typed request."""

# https://ai.google.dev/api/generate-content#generationconfig

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.types.chat import ChatRequest, ResponseFormat
from nova_core.wire.gemini.fields import fields_of
from nova_core.wire.gemini.notes import Notes
from nova_core.wire.gemini.schema import to_json_schema
from nova_core.wire.gemini.thinking import parse_thinking, render_thinking
from nova_core.wire.openai_chat.fields import Fields
from nova_core.wire.unsaid import note_schema

CONFIG: Final = "generationConfig"
JSON_TYPE: Final = "application/json"
NUMBERS: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "topP",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
WHOLE: Final[Mapping[str, str]] = {
    "max_tokens": "maxOutputTokens",
    "top_k": "topK",
    "n": "candidateCount",
    "seed": "seed",
    "top_logprobs": "logprobs",
}
"""Names of the typed model and of this API."""
PASSED: Final = ("speechConfig", "mediaResolution", "imageConfig")
"""Fields of this API that callers of other dialects may send beside their own."""


def parse_config(value: Any) -> dict[str, Any]:
    """Arguments of a `ChatRequest`; `left` holds what the typed model has no word for."""
    fields = fields_of(value or {}, CONFIG)
    read: dict[str, Any] = {name: fields.number(said) for name, said in NUMBERS.items()}
    read |= {name: _whole(fields, said) for name, said in WHOLE.items()}
    read["stop"] = fields.strings("stopSequences")
    read["logprobs"] = fields.boolean("responseLogprobs")
    read["modalities"] = tuple(name.lower() for name in fields.strings("responseModalities"))
    read["response_format"] = _response_format(fields)
    if (thinking := fields.take("thinkingConfig")) is not None:
        inner = fields_of(thinking, fields.at("thinkingConfig"))
        read["reasoning"] = parse_thinking(inner)
        if left := inner.left():
            fields.put_back("thinkingConfig", left)
    read["left"] = {fields.at(name): item for name, item in fields.left().items()}
    return read


def _whole(fields: Fields, name: str) -> int | None:
    """A whole number, which this API also takes as `40.0`."""
    value = fields.take(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None:
        return None
    fields.put_back(name, value)
    return fields.integer(name)


def _response_format(fields: Fields) -> ResponseFormat | None:
    media_type = fields.text("responseMimeType")
    schema, own = fields.members("responseJsonSchema"), fields.members("responseSchema")
    if media_type not in (None, "text/plain", JSON_TYPE):
        fields.put_back("responseMimeType", media_type)
        if own is not None:
            fields.put_back("responseSchema", own)
        return None
    if schema is None and own is not None:
        schema = to_json_schema(own)
    if schema is not None:
        return ResponseFormat("json_schema", schema=schema)
    if media_type is None:
        return None
    return ResponseFormat("json_object" if media_type == JSON_TYPE else "text")


def render_config(typed: ChatRequest, notes: Notes) -> dict[str, Any]:
    """The `generationConfig`."""
    config: dict[str, Any] = {}
    for name, said in (*NUMBERS.items(), *WHOLE.items()):
        if (value := getattr(typed, name)) is not None:
            config[said] = value
    if typed.stop:
        config["stopSequences"] = list(typed.stop)
    if typed.logprobs is not None:
        config["responseLogprobs"] = typed.logprobs
    if typed.modalities:
        config["responseModalities"] = [name.upper() for name in typed.modalities]
    if typed.response_format is not None:
        config |= _format(typed.response_format, notes)
    if thinking := render_thinking(typed.reasoning, typed.model, notes):
        config["thinkingConfig"] = thinking
    return config


def _format(wanted: ResponseFormat, notes: Notes) -> dict[str, Any]:
    if wanted.kind == "text":
        return {"responseMimeType": "text/plain"}
    note_schema(wanted, notes, "the vendor always holds the model to the schema")
    if wanted.schema is None:
        return {"responseMimeType": JSON_TYPE}
    return {"responseMimeType": JSON_TYPE, "responseJsonSchema": dict(wanted.schema)}


def voice_config(audio: Any, notes: Notes) -> dict[str, Any]:
    """OpenAI's `audio: {voice, format}` as a `speechConfig`; speech comes as 16-bit PCM only."""
    options = audio if isinstance(audio, Mapping) else {}
    if options.get("format") not in (None, "pcm16"):
        notes.lost("audio.format", "speech comes as pcm16")
    voice = options.get("voice")
    if not isinstance(voice, str):
        return {}
    return {"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}}
