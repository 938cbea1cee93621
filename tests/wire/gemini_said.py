"""What the Gemini API's own types make of bodies, and pieces of its streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from google.genai import types

from nova_core.types.chat import ChatReply
from nova_core.types.events import Event, Frame
from nova_core.wire.assemble import assemble
from nova_core.wire.gemini import GEMINI_GENERATE
from nova_core.wire.gemini.framing import ContentParser

NAME = "gemini_generate"
Json = dict[str, Any]

REQUEST: Mapping[str, Any] = {
    "systemInstruction": types.Content,
    "toolConfig": types.ToolConfig,
    "generationConfig": types.GenerationConfig,
}
LISTS: Mapping[str, Any] = {"contents": types.Content, "tools": types.Tool, "safetySettings": types.SafetySetting}
# The types leave out what stands beside them in the published API.
BESIDE = {"model", "stream", "cachedContent", "labels", "serviceTier", "store"}


def valid_request(members: Mapping[str, Any]) -> None:
    """Raises when the vendor's types do not take a body of generateContent; they know no fields but their own.

    Media may hold any text: whether it is base64 is the caller's business.
    """
    for name, value in _with_media(members).items():
        if name in LISTS:
            for item in value:
                LISTS[name].model_validate(item)
        elif name in REQUEST:
            REQUEST[name].model_validate(value)
        else:
            assert name in BESIDE, name


def _with_media(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_media(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {name: "AAAA" if name == "data" else _with_media(item) for name, item in value.items()}


def valid_reply(members: Mapping[str, Any]) -> types.GenerateContentResponse:
    """The reply as the vendor's types read it, without fields that they do not know."""
    return types.GenerateContentResponse.model_validate(dict(members))


def piece(*parts: Json, **candidate: Any) -> Json:
    """A piece of a streamed reply."""
    content = {"content": {"parts": list(parts), "role": "model"}} if parts else {}
    return {"candidates": [{**content, "index": 0, **candidate}], "modelVersion": "up", "responseId": "r1"}


def frame(data: Any) -> Frame:
    return Frame(msgspec.json.encode(data))


def events_of(*pieces: Json) -> list[Event]:
    """The events of a whole stream."""
    decoder = GEMINI_GENERATE.decoder()
    return [event for found in pieces for event in decoder.decode(frame(found))] + list(decoder.end())


def read(stream: bytes) -> ChatReply:
    """What a stream's bytes say."""
    parser, decoder = ContentParser(), GEMINI_GENERATE.decoder()
    found = [event for data in (*parser.feed(stream), *parser.end()) for event in decoder.decode(data)]
    return assemble([*found, *decoder.end()])
