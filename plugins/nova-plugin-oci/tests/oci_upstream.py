"""Replies of a scripted upstream in Oracle's formats, and a key to sign with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nova_core.testing.upstream_replies import Said, Shape, unit_vector


@lru_cache(1)
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@lru_cache(1)
def settings() -> dict[str, Any]:
    pem = key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "oci_tenancy": "ocid1.tenancy.t",
        "oci_user": "ocid1.user.u",
        "oci_fingerprint": "aa:bb",
        "oci_key": pem.replace("\n", "\\n"),
        "oci_compartment_id": "ocid1.compartment.c",
        "oci_region": "eu-frankfurt-1",
    }


def _usage(said: Said) -> dict[str, Any]:
    given, made = said.usage
    return {"promptTokens": given, "completionTokens": made, "totalTokens": given + made}


def _is_cohere(said: Said) -> bool:
    return bool(said.body["chatRequest"]["apiFormat"] == "COHERE")


def _calls(said: Said) -> list[dict[str, Any]]:
    return [
        {"type": "FUNCTION", "id": f"call_{n}", "name": name, "arguments": msgspec.json.encode(dict(given)).decode()}
        for n, (name, given) in enumerate(said.tool_calls)
    ]


def _cohere_end(said: Said) -> dict[str, Any]:
    calls = [{"name": name, "parameters": dict(given)} for name, given in said.tool_calls]
    end = {"finishReason": "COMPLETE", "usage": _usage(said), "text": said.text}
    return {"apiFormat": "COHERE", **end, **({"toolCalls": calls} if calls else {})}


def _is_v2(said: Said) -> bool:
    return bool(said.body["chatRequest"]["apiFormat"] == "COHEREV2")


def _calls_v2(said: Said) -> list[dict[str, Any]]:
    return [
        {"id": call["id"], "type": "FUNCTION", "function": {"name": call["name"], "arguments": call["arguments"]}}
        for call in _calls(said)
    ]


def _v2(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"apiFormat": "COHEREV2", "message": {"role": "ASSISTANT", **message}, **more}


def _v2_end(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"content": [{"type": "TEXT", "text": said.text}]} if said.text else {}
    message |= {"toolCalls": _calls_v2(said)} if said.tool_calls else {}
    return _v2(message, id="c", finishReason="TOOL_CALL" if said.tool_calls else "COMPLETE", usage=_usage(said))


def _reply(said: Said) -> dict[str, Any]:
    if _is_v2(said):
        return {"modelId": "m", "modelVersion": "1", "chatResponse": _v2_end(said)}
    if _is_cohere(said):
        return {"modelId": "m", "modelVersion": "1", "chatResponse": _cohere_end(said)}
    message = {"role": "ASSISTANT", "content": [{"type": "TEXT", "text": said.text}] if said.text else None}
    if said.tool_calls:
        message["toolCalls"] = _calls(said)
    choice = {"index": 0, "message": message, "finishReason": "tool_calls" if said.tool_calls else "stop"}
    chat = {"apiFormat": "GENERIC", "choices": [choice], "usage": _usage(said)}
    return {"modelId": "m", "modelVersion": "1", "chatResponse": chat}


def _events(said: Said) -> Iterator[dict[str, Any]]:
    if _is_v2(said):
        for piece in said.pieces:
            yield _v2({"content": [{"type": "TEXT", "text": piece}]}, pad="a")
        yield _v2_end(said)
        return
    if _is_cohere(said):
        yield from ({"apiFormat": "COHERE", "text": piece, "pad": "a"} for piece in said.pieces)
        yield _cohere_end(said)
        return
    for piece in said.pieces:
        yield {"index": 0, "message": {"role": "ASSISTANT", "content": [{"type": "TEXT", "text": piece}]}, "pad": "a"}
    for call in _calls(said):
        start, rest = call["arguments"][:3], call["arguments"][3:]
        yield {"index": 0, "message": {"role": "ASSISTANT", "toolCalls": [{**call, "arguments": start}]}}
        yield {"index": 0, "message": {"role": "ASSISTANT", "toolCalls": [{"type": "FUNCTION", "arguments": rest}]}}
    finish = "tool_calls" if said.tool_calls else "stop"
    yield {"message": {"role": "ASSISTANT"}, "finishReason": finish, "usage": _usage(said), "pad": "a"}


def _pieces(said: Said) -> tuple[bytes, ...]:
    return tuple(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in _events(said))


def _vectors(said: Said) -> dict[str, Any]:
    texts = said.body["inputs"]
    usage = {"promptTokens": 2 * len(texts), "completionTokens": 0, "totalTokens": 2 * len(texts)}
    vectors = [unit_vector(text, said.body.get("outputDimensions") or 8) for text in texts]
    return {"id": "e", "embeddings": vectors, "modelId": "m", "usage": usage}


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"code": code or str(status), "message": message}


def _streams(body: Mapping[str, Any]) -> bool:
    return body.get("chatRequest", {}).get("isStream") is True


SHAPES = (
    ("/actions/chat", Shape(_reply, _error, _pieces, streams=True, asks_stream=_streams)),
    ("/actions/embedText", Shape(_vectors, _error)),
)
