"""The raw routes in the OpenAPI document: calls, probes and metrics are described by hand."""

from __future__ import annotations

from typing import Any

from nova_core.errors import BadRequestError
from nova_core.server.paths import CallPaths, CallRoute
from nova_core.types.audio import AUDIO_TYPES
from nova_core.types.dialect import Dialect, StreamsRaw, TakesForms

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_WHOLE: Schema = {"type": "integer"}
_NUMBER: Schema = {"type": "number"}
_ANY_LIST: Schema = {"type": "array", "items": {}}
_MESSAGES: Schema = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["role", "content"],
        "properties": {"role": _TEXT, "content": {"anyOf": [_TEXT, _ANY_LIST, {"type": "null"}]}},
        "additionalProperties": True,
    },
}
_CONTENTS: Schema = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["parts"],
        "properties": {"role": {"enum": ["user", "model"]}, "parts": _ANY_LIST},
        "additionalProperties": True,
    },
}
_MODEL: Schema = {**_TEXT, "description": "A name from GET /v1/models."}
_FILE: Schema = {**_TEXT, "format": "binary"}
_SAMPLING: Schema = {
    "stream": {**_FLAG, "default": False},
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "max_tokens": _WHOLE,
    "stop": {"anyOf": [_TEXT, _ANY_LIST]},
}
_EDIT: Schema = {
    "model": _MODEL,
    "prompt": _TEXT,
    "n": _WHOLE,
    "size": _TEXT,
    "quality": _TEXT,
    "response_format": _TEXT,
    "background": _TEXT,
    "output_format": _TEXT,
    "stream": {**_FLAG, "default": False},
}
_IMAGE: Schema = {"type": "object", "properties": {"image_url": _TEXT, "file_id": _TEXT}}
_IMAGES: Schema = {"properties": {"created": _WHOLE, "data": _ANY_LIST, "usage": {"type": "object"}}}
_TURN: Schema = {
    "model": _MODEL,
    "input": {"anyOf": [_TEXT, _ANY_LIST]},
    "instructions": _TEXT,
    "previous_response_id": _TEXT,
}
_RERANK: Schema = {
    "required": ["model", "query", "documents"],
    "properties": {
        "model": _MODEL,
        "query": {"anyOf": [_TEXT, {"type": "object"}]},
        "documents": {"type": "array", "minItems": 1, "items": {"anyOf": [_TEXT, {"type": "object"}]}},
        "top_n": {"type": "integer", "minimum": 1},
        "return_documents": _FLAG,
        "max_tokens_per_doc": _WHOLE,
    },
    "example": {"model": "my-reranker", "query": "What is red?", "documents": ["grass", "a tomato"], "top_n": 1},
}
_RESULTS: Schema = {
    "type": "array",
    "items": {"type": "object", "properties": {"index": _WHOLE, "relevance_score": _NUMBER}},
}

REQUESTS: dict[str, Schema] = {
    "openai_chat": {
        "required": ["model", "messages"],
        "properties": {
            "model": _MODEL, "messages": _MESSAGES, **_SAMPLING, "n": _WHOLE, "tools": _ANY_LIST,
            "tool_choice": {}, "response_format": {"type": "object"}, "reasoning_effort": _TEXT, "seed": _WHOLE,
        },
        "example": {"model": "my-model", "messages": [{"role": "user", "content": "Hello"}]},
    },
    "openai_completions": {
        "required": ["model", "prompt"],
        "properties": {"model": _MODEL, "prompt": {"anyOf": [_TEXT, _ANY_LIST]}, **_SAMPLING, "n": _WHOLE},
        "example": {"model": "my-model", "prompt": "Once upon a time"},
    },
    "openai_responses": {
        "required": ["model", "input"],
        "properties": {
            **_TURN, "stream": _FLAG, "max_output_tokens": _WHOLE, "temperature": _NUMBER, "top_p": _NUMBER,
            "tools": _ANY_LIST, "tool_choice": {}, "text": {"type": "object"}, "reasoning": {"type": "object"},
            "store": {**_FLAG, "default": True}, "metadata": {"type": "object"},
        },
        "example": {"model": "my-model", "input": "Hello"},
    },
    "openai_input_tokens": {
        "required": ["model", "input"],
        "properties": {**_TURN, "tools": _ANY_LIST, "tool_choice": {}, "text": {"type": "object"}},
        "example": {"model": "my-model", "input": "Hello"},
    },
    "openai_compaction": {
        "required": ["model"],
        "properties": {**_TURN, "prompt_cache_key": _TEXT, "service_tier": _TEXT},
        "example": {"model": "my-model", "input": "Hello"},
    },
    "openai_embeddings": {
        "required": ["model", "input"],
        "properties": {
            "model": _MODEL,
            "input": {"anyOf": [_TEXT, _ANY_LIST, {"type": "object"}]},
            "task": {**_TEXT, "description": "The task, which picks the adapter that serves it."},
            "dimensions": _WHOLE,
            "encoding_format": {"enum": ["float", "base64"]},
            "return_multivector": _FLAG,
        },
        "example": {"model": "my-embeddings", "input": ["Hello"], "task": "retrieval.query"},
    },
    "anthropic_messages": {
        "required": ["model", "messages", "max_tokens"],
        "properties": {
            "model": _MODEL, "messages": _MESSAGES, **_SAMPLING, "system": {"anyOf": [_TEXT, _ANY_LIST]},
            "tools": _ANY_LIST, "thinking": {"type": "object"},
        },
        "example": {"model": "my-model", "max_tokens": 256, "messages": [{"role": "user", "content": "Hello"}]},
    },
    "anthropic_count_tokens": {
        "required": ["model", "messages"],
        "properties": {"model": _MODEL, "messages": _MESSAGES, "system": {}, "tools": _ANY_LIST},
        "example": {"model": "my-model", "messages": [{"role": "user", "content": "Hello"}]},
    },
    "gemini_generate": {
        "required": ["contents"],
        "properties": {
            "contents": _CONTENTS, "systemInstruction": {"type": "object"}, "tools": _ANY_LIST,
            "toolConfig": {"type": "object"}, "generationConfig": {"type": "object"}, "safetySettings": _ANY_LIST,
        },
        "example": {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    },
    "gemini_count_tokens": {
        "required": [],
        "properties": {"contents": _CONTENTS, "generateContentRequest": {"type": "object"}},
        "example": {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    },
    "gemini_embed": {
        "required": ["content"],
        "properties": {"content": {"type": "object"}, "taskType": _TEXT, "outputDimensionality": _WHOLE},
        "example": {"content": {"parts": [{"text": "Hello"}]}},
    },
    "gemini_batch_embed": {
        "required": ["requests"],
        "properties": {"requests": _ANY_LIST},
        "example": {"requests": [{"content": {"parts": [{"text": "Hello"}]}}]},
    },
    "cohere_rerank": _RERANK,
    "jina_rerank": _RERANK,
    "openai_moderations": {
        "required": ["input"],
        "properties": {"model": _MODEL, "input": {"anyOf": [_TEXT, _ANY_LIST]}},
        "example": {"model": "my-moderation", "input": "Hello"},
    },
    "openai_images": {
        "required": ["prompt"],
        "properties": {
            "model": _MODEL, "prompt": _TEXT, "n": _WHOLE, "size": _TEXT, "quality": _TEXT, "style": _TEXT,
            "response_format": {"enum": ["url", "b64_json"]}, "background": _TEXT, "output_format": _TEXT,
            "output_compression": _WHOLE, "partial_images": _WHOLE, "stream": {**_FLAG, "default": False},
        },
        "example": {"model": "my-images", "prompt": "A lighthouse at dawn", "size": "1024x1024"},
    },
    "openai_speech": {
        "required": ["model", "input", "voice"],
        "properties": {
            "model": _MODEL, "input": _TEXT, "voice": {"anyOf": [_TEXT, {"type": "object"}]}, "instructions": _TEXT,
            "response_format": {"enum": [*AUDIO_TYPES]}, "speed": _NUMBER, "stream_format": {"enum": ["audio", "sse"]},
        },
        "example": {"model": "my-speech", "input": "Hello", "voice": "alloy"},
    },
    "openai_transcriptions": {
        "required": ["model", "file"],
        "properties": {
            "model": _MODEL, "file": _FILE, "language": _TEXT, "prompt": _TEXT, "response_format": _TEXT,
            "temperature": _NUMBER, "timestamp_granularities[]": _ANY_LIST, "stream": {**_FLAG, "default": False},
        },
    },
    "openai_translations": {
        "required": ["model", "file"],
        "properties": {
            "model": _MODEL, "file": _FILE, "prompt": _TEXT, "response_format": _TEXT, "temperature": _NUMBER,
        },
    },
    "openai_image_edits": {
        "required": ["image", "prompt"],
        "properties": {**_EDIT, "image": {"anyOf": [_FILE, {"type": "array", "items": _FILE}]}, "mask": _FILE},
    },
    "openai_image_edits_json": {
        "required": ["images", "prompt"],
        "properties": {**_EDIT, "images": {"type": "array", "minItems": 1, "items": _IMAGE}, "mask": _IMAGE},
    },
    "openai_image_variations": {
        "required": ["image"],
        "properties": {
            "model": _MODEL, "image": _FILE, "n": _WHOLE, "size": _TEXT, "response_format": _TEXT, "user": _TEXT,
        },
    },
}  # fmt: skip

REPLIES: dict[str, Schema] = {
    "openai_chat": {
        "properties": {"id": _TEXT, "model": _TEXT, "choices": _ANY_LIST, "usage": {"type": "object"}},
    },
    "openai_completions": {
        "properties": {"id": _TEXT, "model": _TEXT, "choices": _ANY_LIST, "usage": {"type": "object"}},
    },
    "openai_responses": {
        "properties": {
            "id": _TEXT, "object": _TEXT, "model": _TEXT, "status": _TEXT, "output": _ANY_LIST,
            "usage": {"anyOf": [{"type": "object"}, {"type": "null"}]},
        },
    },
    "openai_input_tokens": {"properties": {"object": _TEXT, "input_tokens": _WHOLE}},
    "openai_compaction": {
        "properties": {"id": _TEXT, "object": _TEXT, "output": _ANY_LIST, "usage": {"type": "object"}},
    },
    "openai_embeddings": {
        "properties": {"object": _TEXT, "model": _TEXT, "data": _ANY_LIST, "usage": {"type": "object"}},
    },
    "anthropic_messages": {
        "properties": {
            "id": _TEXT, "type": _TEXT, "role": _TEXT, "content": _ANY_LIST, "stop_reason": _TEXT,
            "usage": {"type": "object"},
        },
    },
    "anthropic_count_tokens": {"properties": {"input_tokens": _WHOLE}},
    "gemini_generate": {
        "properties": {"candidates": _ANY_LIST, "usageMetadata": {"type": "object"}, "modelVersion": _TEXT},
    },
    "gemini_count_tokens": {"properties": {"totalTokens": _WHOLE}},
    "gemini_embed": {"properties": {"embedding": {"type": "object"}}},
    "gemini_batch_embed": {"properties": {"embeddings": _ANY_LIST}},
    "cohere_rerank": {"properties": {"id": _TEXT, "results": _RESULTS, "meta": {"type": "object"}}},
    "jina_rerank": {"properties": {"model": _TEXT, "results": _RESULTS, "usage": {"type": "object"}}},
    "openai_moderations": {"properties": {"id": _TEXT, "model": _TEXT, "results": _ANY_LIST}},
    "openai_images": _IMAGES,
    "openai_image_edits": _IMAGES,
    "openai_image_variations": _IMAGES,
    "openai_transcriptions": {"properties": {"text": _TEXT, "usage": {"type": "object"}}},
    "openai_translations": {"properties": {"text": _TEXT}},
}  # fmt: skip


PLAIN = (
    ("/health/liveliness", "health", "This process runs; 503 when it is about to stop.", _TEXT),
    ("/health/liveness", "health", "This process runs; 503 when it is about to stop.", _TEXT),
    (
        "/health/readiness",
        "health",
        "This process takes calls; 503 when it is about to stop. Says nothing about deployments.",
        {"type": "object", "properties": {"status": _TEXT, "db": _TEXT, "version": _TEXT}},
    ),
    ("/metrics", "operations", "Prometheus metrics of all workers.", None),
)
"""Path, tag, what it tells, and the schema of its JSON (None for text)."""


def with_raw_routes(document: dict[str, Any], paths: CallPaths) -> dict[str, Any]:
    """The document with every raw route added, and the ways to send a key."""
    found = {path: {"post": _operation(path, route)} for path, route in paths.documented()}
    found |= {path: {"get": _plain_operation(path, *described)} for path, *described in PLAIN}
    components = dict(document.get("components", {}))
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
        "x-goog-api-key": {"type": "apiKey", "in": "header", "name": "x-goog-api-key"},
    }
    security: list[dict[str, list[str]]] = [{"bearer": []}, {"x-api-key": []}, {"api-key": []}, {"x-goog-api-key": []}]
    return {**document, "paths": {**found, **document["paths"]}, "components": components, "security": security}


def _operation(path: str, route: CallRoute) -> Schema:
    name = route.dialect.name
    by_path = "{model}" in path
    request = _request(route.dialect, by_path)
    sent = {"multipart/form-data" if isinstance(route.dialect, TakesForms) else "application/json": {"schema": request}}
    if route.in_json is not None:
        sent["application/json"] = {"schema": _request(route.in_json, by_path)}
    if isinstance(route.dialect, StreamsRaw):
        content = {
            "audio/*": {"schema": {"type": "string", "format": "binary"}},
            "text/event-stream": {"schema": _TEXT},
        }
    else:
        content = {"application/json": {"schema": _object(REPLIES[name])}}
    if "stream" in request["properties"] or route.streams:
        content["text/event-stream"] = {"schema": _TEXT}
    error = {"application/json": {"schema": _shape_of(route.dialect.render_error(BadRequestError("an example")))}}
    operation: Schema = {
        "tags": ["calls"],
        "summary": route.summary,
        "operationId": "".join(char if char.isalnum() else "_" for char in f"post{path}"),
        "requestBody": {"required": True, "content": sent},
        "responses": {
            "200": {"description": "The answer; a stream of events with `stream: true`.", "content": content},
            "4XX": {"description": "What the caller can change.", "content": error},
            "5XX": {"description": "What went wrong behind the gateway.", "content": error},
        },
    }
    if by_path:
        operation["parameters"] = [{"name": "model", "in": "path", "required": True, "schema": _TEXT}]
    return operation


def _request(dialect: Dialect, by_path: bool) -> Schema:
    request = {"type": "object", "additionalProperties": True, **REQUESTS[dialect.name]}
    if by_path:
        request["required"] = [field for field in request["required"] if field != "model"]
    return request


def _plain_operation(path: str, tag: str, summary: str, schema: Schema | None) -> Schema:
    content = {"text/plain": {"schema": _TEXT}} if schema is None else {"application/json": {"schema": schema}}
    return {
        "tags": [tag],
        "summary": summary,
        "operationId": "".join(char if char.isalnum() else "_" for char in f"get{path}"),
        "responses": {"200": {"description": "The answer.", "content": content}},
    }


def _shape_of(example: Any) -> Schema:
    """The schema of an error by an example of it: every member is there, one that is null may be a text."""
    if not isinstance(example, dict):
        return {"type": ["string", "null"]} if example is None else _TEXT
    members = {name: _shape_of(value) for name, value in example.items()}
    return _object({"required": list(members), "properties": members})


def _object(schema: Schema) -> Schema:
    return {"type": "object", "additionalProperties": True, **schema}
