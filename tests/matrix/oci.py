"""Oracle's GENERIC chat, as upstreams speak it, and a user's key to sign with."""

# https://docs.oracle.com/en-us/iaas/api/#/en/generative-ai-inference/20231130/datatypes/GenericChatRequest

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nova_core.testing.upstream_replies import Shape
from tests.matrix.openai_chat import DATA
from tests.matrix.said import (
    Answer,
    Asked,
    Called,
    Function,
    Json,
    Numbers,
    Part,
    Picture,
    Returned,
    Said,
    Thought,
    Words,
    document,
    event,
    halves,
    id_of,
    text_of,
)

MEMBERS: Final = {
    "apiFormat", "messages", "isStream", "streamOptions", "maxTokens", "maxCompletionTokens", "temperature", "stop",
    "tools", "toolChoice", "responseFormat", "reasoningEffort",
}  # fmt: skip
"""What these requests may hold of the published members."""
SHAPE: Final = Shape(
    lambda said: {},
    lambda status, message, code, kind: {"code": code or str(status), "message": message},
    asks_stream=lambda body: body.get("chatRequest", {}).get("isStream") is True,
)


@cache
def settings() -> Mapping[str, Any]:
    """Who asks, for whose account, and the key that proves it."""
    pem = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "oci_tenancy": "ocid1.tenancy.t",
        "oci_user": "ocid1.user.u",
        "oci_fingerprint": "aa:bb",
        "oci_key": pem.decode().replace("\n", "\\n"),
        "oci_compartment_id": "ocid1.compartment.c",
        "oci_region": "eu-frankfurt-1",
    }


class GenericWire:
    """An upstream of `/actions/chat`."""

    name = "oci"
    signs = False
    broken = event({"code": "500", "message": "the scripted reason"})

    def read(self, body: Json, stream: bool) -> Asked:
        assert (body["compartmentId"], body["servingMode"]["servingType"]) == ("ocid1.compartment.c", "ON_DEMAND")
        said = body["chatRequest"]
        assert said.pop("apiFormat") == "GENERIC"
        assert said.keys() <= MEMBERS, said.keys() - MEMBERS
        choice = said.get("toolChoice", {"type": "AUTO"})
        wanted = said.get("responseFormat", {"type": "TEXT"})
        system = [each for each in said["messages"] if each["role"] == "SYSTEM"]
        return Asked(
            turns=tuple(_turns([each for each in said["messages"] if each["role"] != "SYSTEM"])),
            system="".join(part["text"] for each in system for part in each["content"]),
            tools=tuple(map(_function, said.get("tools", ()))),
            choice="" if choice["type"] == "AUTO" else choice.get("name", choice["type"].lower()),
            schema=wanted["jsonSchema"]["schema"] if wanted["type"] == "JSON_SCHEMA" else None,
            effort=said.get("reasoningEffort", "").lower(),
            max_tokens=said.get("maxCompletionTokens", said.get("maxTokens")),
            temperature=said.get("temperature"),
            stop=tuple(said.get("stop", ())),
            stream=said.get("isStream", False),
        )

    def reply(self, answer: Answer) -> Json:
        message: Json = {"role": "ASSISTANT", "content": None}
        for part in answer.parts:
            match part:
                case Thought(text):
                    message["reasoningContent"] = text
                case Words(text):
                    message["content"] = [{"type": "TEXT", "text": text}]
                case Called():
                    message.setdefault("toolCalls", []).append(_call(part))
        choice = {"index": 0, "message": message, "finishReason": answer.finish}
        chat = {"apiFormat": "GENERIC", "choices": [choice], "usage": _usage(answer)}
        return {"modelId": "upstream-model", "modelVersion": "1.0", "chatResponse": chat}

    def pieces(self, answer: Answer) -> list[bytes]:
        pieces: list[bytes] = []
        for part in answer.parts:
            match part:
                case Thought(text):
                    pieces += [_event({"reasoningContent": piece}) for piece in halves(text)]
                case Words(text):
                    pieces += [_event({"content": [{"type": "TEXT", "text": piece}]}) for piece in halves(text)]
                case Called():
                    call = _call(part)
                    pieces.append(_event({"toolCalls": [{**call, "arguments": ""}]}))
                    for piece in halves(call["arguments"]):
                        pieces.append(_event({"toolCalls": [{"type": "FUNCTION", "arguments": piece}]}))
        return [*pieces, _event({}, finishReason=answer.finish, usage=_usage(answer))]


def _event(message: Json, **more: object) -> bytes:
    return event({"index": 0, "message": {"role": "ASSISTANT", **message}, **more, "pad": "aaaa"})


def _call(part: Called) -> Json:
    return {"type": "FUNCTION", "id": id_of(part.number), "name": part.name, "arguments": text_of(part.arguments)}


def _usage(answer: Answer) -> Json:
    given, made = answer.usage
    details = {"completionTokensDetails": {"reasoningTokens": answer.thought_tokens}}
    return {"promptTokens": given, "completionTokens": made, "totalTokens": given + made, **details}


def _function(tool: Json) -> Function:
    assert tool.pop("type") == "FUNCTION"
    return Function(tool["name"], tool.get("description", ""), tool["parameters"])


def _turns(messages: list[Json]) -> Iterable[Said]:
    numbers = Numbers()
    for message in messages:
        parts = list(map(_part, message.get("content") or ()))
        if message["role"] == "TOOL":
            (words,) = parts
            assert isinstance(words, Words)
            yield "tool", Returned(numbers.result(message["toolCallId"]), words.text)
            continue
        for part in parts:
            yield message["role"].lower(), part
        for call in message.get("toolCalls", ()):
            yield "assistant", Called(numbers.call(call["id"]), call["name"], document(call["arguments"]))


def _part(part: Json) -> Part:
    if part["type"] == "IMAGE":
        return Picture(part["imageUrl"]["url"].removeprefix(DATA))
    return Words(part["text"])
