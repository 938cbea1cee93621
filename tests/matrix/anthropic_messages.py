"""Anthropic's Messages, as callers and upstreams speak it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from anthropic.types import Message

from tests.matrix.published import adapter, expect_known
from tests.matrix.said import (
    Answer,
    Asked,
    Called,
    Failure,
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
    events,
    halves,
    id_of,
    joined,
    text_of,
)

STOPS = {"stop": "end_turn", "tool_calls": "tool_use"}
SAMPLING = ("temperature", "top_p", "top_k")
"""Left out of the vendor's types since the newest models refuse them; the others take them."""
FINISHES = {stop: finish for finish, stop in STOPS.items()}


def block_of(part: Part) -> Json:
    match part:
        case Words(text):
            return {"type": "text", "text": text}
        case Picture(data):
            return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
        case Thought(text, signature):
            return {"type": "thinking", "thinking": text, "signature": signature}
        case Called(number, name, arguments):
            return {"type": "tool_use", "id": id_of(number), "name": name, "input": dict(arguments)}
        case Returned(number, text):
            return {"type": "tool_result", "tool_use_id": id_of(number), "content": text}


def messages_of(turns: Iterable[Said]) -> list[Json]:
    """Messages in turn; results are the user's."""
    messages: list[Json] = []
    for who, part in turns:
        role = "assistant" if who == "assistant" else "user"
        if not messages or messages[-1]["role"] != role:
            messages.append({"role": role, "content": []})
        messages[-1]["content"].append(block_of(part))
    return messages


def part_of(block: Json, numbers: Numbers) -> Part:
    match block["type"]:
        case "text":
            return Words(block["text"])
        case "image":
            assert block["source"]["media_type"] == "image/png"
            return Picture(block["source"]["data"])
        case "thinking":
            return Thought(block["thinking"], block["signature"])
        case "tool_use":
            return Called(numbers.call(block["id"]), block["name"], block["input"])
        case "tool_result":
            content = block["content"]
            text = content if isinstance(content, str) else "".join(item["text"] for item in content)
            return Returned(numbers.result(block["tool_use_id"]), text)
        case other:
            raise AssertionError(f"nobody sent {other}")


class MessagesCaller:
    """A caller of `/v1/messages`, who says how long an answer may be."""

    name = "anthropic_messages"

    def path(self, model: str, *, stream: bool) -> str:
        return "/v1/messages"

    def request(self, asked: Asked, model: str) -> Json:
        body: Json = {"model": model, "max_tokens": asked.max_tokens or 4096, "messages": messages_of(asked.turns)}
        body |= {"system": asked.system} if asked.system else {}
        body |= {"tools": [_tool(tool) for tool in asked.tools]} if asked.tools else {}
        if asked.choice:
            named = {"type": "tool", "name": asked.choice}
            body["tool_choice"] = {"type": "any"} if asked.choice == "required" else named
        output: Json = {"effort": asked.effort} if asked.effort else {}
        output |= {"format": {"type": "json_schema", "schema": asked.schema}} if asked.schema is not None else {}
        body |= {"output_config": output} if output else {}
        body |= {"thinking": {"type": "adaptive", "display": "summarized"}} if asked.effort else {}
        body |= {"temperature": asked.temperature} if asked.temperature is not None else {}
        body |= {"stop_sequences": list(asked.stop)} if asked.stop else {}
        return body | ({"stream": True} if asked.stream else {})

    def reply(self, body: Json) -> Answer:
        Message.model_validate(body, strict=True)
        numbers = Numbers()
        parts = joined(part_of(block, numbers) for block in body["content"])
        usage = body["usage"]
        thought = (usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0
        return Answer(parts, FINISHES[body["stop_reason"]], (usage["input_tokens"], usage["output_tokens"]), thought)

    def stream(self, body: bytes) -> Answer:
        known = adapter("anthropic.types", "RawMessageStreamEvent")
        message: Json = {}
        for name, data in events(body):
            said = document(data.decode())
            assert said["type"] == name
            if name == "error":
                raise Failure(self.failure(said))
            if name == "ping":
                continue
            known.validate_python(said, strict=True)
            _tell(message, said)
        assert name == "message_stop"
        for block in message["content"]:
            if "partial" in block:
                block["input"] = document(block.pop("partial"))
        return self.reply(message)

    def failure(self, body: Json) -> str:
        adapter("anthropic.types", "ErrorResponse").validate_python(body, strict=True)
        message: str = body["error"]["message"]
        return message

    def again(self, request: Json, reply: Json, returned: Iterable[Returned]) -> Json:
        ids = [block["id"] for block in reply["content"] if block["type"] == "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": ids[result.number - 1], "content": result.text}
            for result in returned
        ]
        spoken = {"role": "assistant", "content": reply["content"]}
        return {**request, "messages": [*request["messages"], spoken, {"role": "user", "content": results}]}


def _tell(message: Json, said: Json) -> None:
    """Add one event to the message, as the vendor's accumulator does."""
    match said["type"]:
        case "message_start":
            message |= said["message"]
        case "content_block_start":
            assert said["index"] == len(message["content"])
            message["content"].append(said["content_block"])
        case "content_block_delta":
            _add(message["content"][said["index"]], said["delta"])
        case "message_delta":
            message |= {name: value for name, value in said["delta"].items() if value is not None}
            message["usage"] |= {name: value for name, value in said["usage"].items() if value is not None}


def _add(block: Json, delta: Json) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] += delta["signature"]
        case "input_json_delta":
            block["partial"] = block.get("partial", "") + delta["partial_json"]


def _tool(tool: Function) -> Json:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.schema}


class MessagesWire:
    """An upstream of `/v1/messages`; platforms name model and stream elsewhere, `version` is what they ask for."""

    name = "anthropic_messages"
    signs = True
    broken = event({"type": "error", "error": {"type": "api_error", "message": "the scripted reason"}}, "error")

    def __init__(self, version: str | None = None, *, says_stream: bool = True) -> None:
        self._version = version
        self._says_stream = says_stream

    def read(self, body: Json, stream: bool) -> Asked:
        if self._version is not None:
            assert body["anthropic_version"] == self._version
            assert "model" not in body
            body = {"model": "m", **{name: value for name, value in body.items() if name != "anthropic_version"}}
        kind = "MessageCreateParamsStreaming" if body.get("stream") else "MessageCreateParamsNonStreaming"
        known = {name: value for name, value in body.items() if name not in SAMPLING}
        expect_known(adapter("anthropic.types.message_create_params", kind), known)
        choice, output, system = body.get("tool_choice", {}), body.get("output_config", {}), body.get("system", "")
        thinking = body.get("thinking", {})
        assert output.get("effort") is None or thinking == {"type": "adaptive", "display": "summarized"}
        return Asked(
            turns=tuple(_turns(body["messages"])),
            system=system if isinstance(system, str) else "".join(block["text"] for block in system),
            tools=tuple(Function(t["name"], t["description"], t["input_schema"]) for t in body.get("tools", ())),
            choice="required" if choice.get("type") == "any" else choice.get("name", ""),
            schema=output.get("format", {}).get("schema"),
            effort=output.get("effort", ""),
            max_tokens=body["max_tokens"],
            temperature=body.get("temperature"),
            stop=tuple(body.get("stop_sequences", ())),
            stream=body.get("stream", False) if self._says_stream else stream,
        )

    def reply(self, answer: Answer) -> Json:
        given, made = answer.usage
        return {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "upstream-model",
            "content": [block_of(part) for part in answer.parts],
            "stop_reason": STOPS[answer.finish], "stop_sequence": None,
            "usage": {
                "input_tokens": given, "output_tokens": made,
                "output_tokens_details": {"thinking_tokens": answer.thought_tokens},
            },
        }  # fmt: skip

    def pieces(self, answer: Answer) -> list[bytes]:
        whole = self.reply(answer)
        start = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
        pieces = [_named("message_start", message=start), _named("ping")]
        for index, block in enumerate(whole["content"]):
            pieces += _block_pieces(index, block)
        end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
        return [*pieces, _named("message_delta", delta=end, usage=whole["usage"]), _named("message_stop")]


def _block_pieces(index: int, block: Json) -> Iterable[bytes]:
    def delta(**said: Any) -> bytes:
        return _named("content_block_delta", index=index, delta=said)

    def start(**empty: Any) -> bytes:
        return _named("content_block_start", index=index, content_block={**block, **empty})

    match block["type"]:
        case "text":
            yield start(text="")
            yield from (delta(type="text_delta", text=piece) for piece in halves(block["text"]))
        case "thinking":
            yield start(thinking="", signature="")
            yield from (delta(type="thinking_delta", thinking=piece) for piece in halves(block["thinking"]))
            yield delta(type="signature_delta", signature=block["signature"])
        case _:
            yield start(input={})
            for piece in ("", *halves(text_of(block["input"]))):
                yield delta(type="input_json_delta", partial_json=piece)
    yield _named("content_block_stop", index=index)


def _named(kind: str, **members: Any) -> bytes:
    return event({"type": kind, **members}, kind)


def _turns(messages: list[Json]) -> Iterable[Said]:
    numbers = Numbers()
    for message in messages:
        content = message["content"]
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            part = part_of(block, numbers)
            yield "tool" if isinstance(part, Returned) else message["role"], part
