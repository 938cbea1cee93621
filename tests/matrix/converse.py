"""Amazon's Converse, and event streams around other formats, as upstreams speak them."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from nova_core.testing.upstream_amazon import event_message
from nova_core.wire.event_stream import EventStream
from tests.matrix.anthropic_messages import MessagesWire
from tests.matrix.openai_chat import ChatWire
from tests.matrix.published import expect_operation
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
    events,
    halves,
    id_of,
    text_of,
)

STOPS = {"stop": "end_turn", "tool_calls": "tool_use"}


BROKEN = event_message(
    b'{"message":"the scripted reason"}', message_type="exception", exception_type="internalServerException"
)


class ConverseWire:
    """An upstream of `/model/{id}/converse` and `/converse-stream`."""

    name = "converse"
    signs = True
    broken = BROKEN

    def read(self, body: Json, stream: bool) -> Asked:
        expect_operation("ConverseStream" if stream else "Converse", body)
        config, output = body.get("inferenceConfig", {}), body.get("outputConfig", {})
        tools = body.get("toolConfig", {})
        choice = tools.get("toolChoice", {})
        definition = output.get("textFormat", {}).get("structure", {}).get("jsonSchema", {}).get("schema")
        thinking = body.get("additionalModelRequestFields", {}).get("thinking")
        assert not output.get("effort") or thinking == {"type": "adaptive", "display": "summarized"}
        return Asked(
            turns=tuple(_turns(body["messages"])),
            system="".join(block["text"] for block in body.get("system", ())),
            tools=tuple(_function(tool["toolSpec"]) for tool in tools.get("tools", ())),
            choice="required" if "any" in choice else choice.get("tool", {}).get("name", ""),
            schema=document(definition) if definition else None,
            effort=output.get("effort", ""),
            max_tokens=config.get("maxTokens"),
            temperature=config.get("temperature"),
            stop=tuple(config.get("stopSequences", ())),
            stream=stream,
        )

    def reply(self, answer: Answer) -> Json:
        message = {"role": "assistant", "content": [_block(part) for part in answer.parts]}
        return {
            "output": {"message": message},
            "stopReason": STOPS[answer.finish],
            "usage": _usage(answer),
            "metrics": {"latencyMs": 1},
        }

    def pieces(self, answer: Answer) -> list[bytes]:
        pieces = [_event("messageStart", role="assistant")]
        for index, part in enumerate(answer.parts):
            pieces += _block_pieces(index, part)
        pieces.append(_event("messageStop", stopReason=STOPS[answer.finish]))
        return [*pieces, _event("metadata", usage=_usage(answer), metrics={"latencyMs": 1})]


class InvokeWire(MessagesWire):
    """Claude under `/model/{id}/invoke`: the Messages API, its events wrapped one by one."""

    broken = BROKEN

    def __init__(self) -> None:
        super().__init__("bedrock-2023-05-31", says_stream=False)

    def pieces(self, answer: Answer) -> list[bytes]:
        return [
            _event("chunk", bytes=base64.b64encode(data).decode())
            for _, data in events(b"".join(super().pieces(answer)))
        ]


class NovaWire(ConverseWire):
    """Nova under `/model/{id}/invoke`: Converse's members beside a version, its events wrapped one by one."""

    name = "bedrock_nova"
    signs = False

    def read(self, body: Json, stream: bool) -> Asked:
        assert body.pop("schemaVersion") == "messages-v1"
        effort = body.pop("reasoningConfig", {}).get("maxReasoningEffort", "")
        return replace(super().read(body, stream), effort=effort)

    def reply(self, answer: Answer) -> Json:
        return super().reply(_unsigned(answer))

    def pieces(self, answer: Answer) -> list[bytes]:
        return [chunked(event_of(piece)) for piece in super().pieces(_unsigned(answer))]


def _unsigned(answer: Answer) -> Answer:
    parts = tuple(Thought(part.text) if isinstance(part, Thought) else part for part in answer.parts)
    return replace(answer, parts=parts)


def event_of(message: bytes) -> Json:
    """An event under its name, of the message that holds it."""
    (frame,) = EventStream().feed(message)
    return {frame.event or "": msgspec.json.decode(frame.data)}


def chunked(event: Json) -> bytes:
    """What a model says of its own, wrapped."""
    return _event("chunk", bytes=base64.b64encode(msgspec.json.encode(event)).decode())


def _event(kind: str, **members: Any) -> bytes:
    return event_message(msgspec.json.encode(members), event_type=kind)


class EndpointWire(ChatWire):
    """A container that speaks OpenAI's format, its stream cut into parts."""

    name = "sagemaker_chat"
    broken = BROKEN

    def pieces(self, answer: Answer) -> list[bytes]:
        return [event_message(piece, event_type="PayloadPart") for piece in super().pieces(answer)]


def _usage(answer: Answer) -> Json:
    given, made = answer.usage
    return {"inputTokens": given, "outputTokens": made, "totalTokens": given + made}


def _block(part: Part) -> Json:
    match part:
        case Thought(text, signature):
            signed = {"signature": signature} if signature else {}
            return {"reasoningContent": {"reasoningText": {"text": text, **signed}}}
        case Words(text):
            return {"text": text}
        case Called(number, name, arguments):
            return {"toolUse": {"toolUseId": id_of(number), "name": name, "input": dict(arguments)}}
    raise AssertionError(f"no answer holds {part}")


def _block_pieces(index: int, part: Part) -> Iterable[bytes]:
    def delta(**said: Any) -> bytes:
        return _event("contentBlockDelta", contentBlockIndex=index, delta=said)

    match part:
        case Thought(text, signature):
            yield from (delta(reasoningContent={"text": piece}) for piece in halves(text))
            if signature:
                yield delta(reasoningContent={"signature": signature})
        case Words(text):
            yield from (delta(text=piece) for piece in halves(text))
        case Called(number, name, arguments):
            start = {"toolUse": {"toolUseId": id_of(number), "name": name}}
            yield _event("contentBlockStart", contentBlockIndex=index, start=start)
            yield from (delta(toolUse={"input": piece}) for piece in halves(text_of(arguments)))
    yield _event("contentBlockStop", contentBlockIndex=index)


def _function(spec: Json) -> Function:
    return Function(spec["name"], spec.get("description", ""), spec["inputSchema"]["json"])


def _turns(messages: list[Json]) -> Iterable[Said]:
    numbers = Numbers()
    for message in messages:
        for block in message["content"]:
            part = _part(block, numbers)
            yield "tool" if isinstance(part, Returned) else message["role"], part


def _part(block: Json, numbers: Numbers) -> Part:
    match block:
        case {"text": text}:
            return Words(text)
        case {"image": {"format": "png", "source": {"bytes": data}}}:
            return Picture(data)
        case {"reasoningContent": {"reasoningText": {"text": text} as thought}}:
            return Thought(text, thought.get("signature", ""))
        case {"toolUse": call}:
            return Called(numbers.call(call["toolUseId"]), call["name"], call["input"])
        case {"toolResult": result}:
            return Returned(numbers.result(result["toolUseId"]), result["content"][0]["text"])
    raise AssertionError(f"nobody sent {block}")
