"""Reranks, moderations, images and speech of a scripted upstream, in the shapes of the wire formats."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.testing.upstream_forms import PIXEL
from nova_core.testing.upstream_replies import CREATED, Said, Shape, shape_for

SAMPLES_PER_SECOND = 8000


def wav(samples: int = 800) -> bytes:
    """A WAV file (RIFF, 16 bits, one channel) of so many silent samples."""
    data = b"\0\0" * samples
    form = struct.pack("<HHIIHH", 1, 1, SAMPLES_PER_SECOND, SAMPLES_PER_SECOND * 2, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _scores(said: Said) -> list[tuple[int, float]]:
    """Places of the documents by the words that they share with the query, best first."""
    asked = said.body.get("query")
    query = set(_text(asked).lower().split())
    documents = said.body.get("documents") or said.body.get("passages") or []
    shares = [len(query & set(_text(each).lower().split())) / max(1, len(query)) for each in documents]
    ranked = sorted(enumerate(shares), key=lambda pair: -pair[1])
    return ranked[: said.body.get("top_n") or len(ranked)]


def _text(document: Any) -> str:
    return str(document.get("text", "")) if isinstance(document, Mapping) else str(document)


def _cohere_reply(said: Said) -> dict[str, Any]:
    results = [{"index": index, "relevance_score": score} for index, score in _scores(said)]
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    return {"id": "rerank-scripted", "results": results, "meta": meta}


def _cohere_error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"id": "error-scripted", "message": message}


def _jina_reply(said: Said) -> dict[str, Any]:
    documents = said.body.get("documents") or []
    results: list[dict[str, Any]] = [{"index": index, "relevance_score": score} for index, score in _scores(said)]
    if said.body.get("return_documents") is not False:
        results = [{**each, "document": {"text": _text(documents[each["index"]])}} for each in results]
    tokens = said.usage[0]
    usage = {"total_tokens": tokens, "prompt_tokens": tokens}
    return {"model": said.model, "object": "list", "usage": usage, "results": results}


def _rankings_reply(said: Said) -> dict[str, Any]:
    return {"rankings": [{"index": index, "logit": score * 10 - 5} for index, score in _scores(said)]}


def _openai_error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return shape_for("/chat/completions").error(status, message, code, kind)


def _moderation_reply(said: Said) -> dict[str, Any]:
    asked = said.body.get("input", "")
    items = asked if isinstance(asked, list) and all(isinstance(item, str) for item in asked) else [asked]
    results = [_moderated("violence" in str(item)) for item in items]
    return {"id": "modr-scripted", "model": said.model, "results": results}


def _moderated(flagged: bool) -> dict[str, Any]:
    return {
        "flagged": flagged,
        "categories": {"violence": flagged, "hate": False},
        "category_scores": {"violence": 0.9 if flagged else 0.01, "hate": 0.001},
        "category_applied_input_types": {"violence": ["text"], "hate": ["text"]},
    }


def _images_usage(said: Said) -> dict[str, Any]:
    given, made = said.usage
    details = {"text_tokens": given, "image_tokens": 0}
    return {
        "input_tokens": given, "input_tokens_details": details, "output_tokens": made, "total_tokens": given + made,
    }  # fmt: skip


def _images_reply(said: Said) -> dict[str, Any]:
    if said.body.get("response_format") == "url":
        image = {"url": "https://images.test/scripted.png", "revised_prompt": said.body.get("prompt")}
    else:
        image = {"b64_json": PIXEL}
    usage = {} if said.given_usage is None else {"usage": _images_usage(said)}
    return {"created": CREATED, "data": [image] * int(said.body.get("n") or 1), **usage}


def _images_pieces(said: Said) -> tuple[bytes, ...]:
    kind = "image_generation"
    partial = [
        _event({"type": f"{kind}.partial_image", "b64_json": PIXEL, "partial_image_index": number})
        for number in range(said.body.get("partial_images") or 0)
    ]
    whole = {"type": f"{kind}.completed", "b64_json": PIXEL, "created_at": CREATED, "usage": _images_usage(said)}
    return (*partial, _event(whole))


def _speech_pieces(said: Said) -> tuple[bytes, ...]:
    audio = wav()
    pieces = [audio[start : start + 400] for start in range(0, len(audio), 400)]
    if said.body.get("stream_format") != "sse":
        return tuple(pieces)
    deltas = [_data({"type": "speech.audio.delta", "audio": base64.b64encode(each).decode()}) for each in pieces]
    given, made = said.usage
    usage = {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
    return (*deltas, _data({"type": "speech.audio.done", "usage": usage}))


def _speech_type(body: Mapping[str, Any]) -> str:
    return "text/event-stream" if body.get("stream_format") == "sse" else "audio/wav"


def _data(data: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(data)


def _event(data: dict[str, Any]) -> bytes:
    return b"event: %b\n%b" % (data["type"].encode(), _data(data))


MEDIA_SHAPES: tuple[tuple[str, Shape], ...] = (
    ("/v2/rerank", Shape(_cohere_reply, _cohere_error)),
    ("/rerank", Shape(_jina_reply, _openai_error)),
    ("/reranks", Shape(_jina_reply, _openai_error)),
    ("/ranking", Shape(_rankings_reply, _openai_error)),
    ("/moderations", Shape(_moderation_reply, _openai_error)),
    ("/images/generations", Shape(_images_reply, _openai_error, _images_pieces, streams=True)),
    (
        "/audio/speech",
        Shape(
            lambda said: {},
            _openai_error,
            _speech_pieces,
            streams=True,
            always_streams=True,
            stream_type_of=_speech_type,
        ),
    ),
)
