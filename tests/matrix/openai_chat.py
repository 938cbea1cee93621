"""Chat Completions, as callers and upstreams speak it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.matrix.published import adapter, expect_known, expect_model
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

DATA = "data:image/png;base64,"
VENDORS_OWN = {
    "assistant": {"reasoning_content", "thinking_blocks", "provider_specific_fields"},
    "tool": {"name"},
}
"""What vendors take in messages beside the published types; the name of a tool is in OpenAI's own examples."""


def call_of(part: Called, **more: Any) -> Json:
    function = {"name": part.name, "arguments": text_of(part.arguments)}
    return {"id": id_of(part.number), "type": "function", "function": function, **more}


def message_of(who: str, part: Part) -> Json:
    match part:
        case Words(text):
            return {"role": who, "content": text}
        case Picture(data):
            return {"type": "image_url", "image_url": {"url": DATA + data}}
        case Called():
            return {"role": who, "tool_calls": [call_of(part)]}
        case Returned(number, text):
            return {"role": "tool", "tool_call_id": id_of(number), "content": text}
    raise AssertionError(f"no message holds {part}")


def messages_of(turns: Iterable[Said]) -> list[Json]:
    """Messages; calls side by side share one, and so do a picture and the words before it."""
    messages: list[Json] = []
    for who, part in turns:
        message = message_of(who, part)
        last = messages[-1] if messages else {}
        if "tool_calls" in message and "tool_calls" in last:
            last["tool_calls"] += message["tool_calls"]
        elif isinstance(part, Picture):
            last["content"] = [{"type": "text", "text": last["content"]}, message]
        else:
            messages.append(message)
    return messages


def message_parts(message: Json, numbers: Numbers) -> list[Part]:
    """The parts of an assistant's message."""
    blocks = message.get("thinking_blocks") or []
    parts: list[Part] = [Thought(block["thinking"], block.get("signature") or "") for block in blocks]
    if not blocks and (thought := message.get("reasoning_content") or message.get("reasoning")):
        parts.append(Thought(thought))
    parts += content_parts(message.get("content"))
    for call in message.get("tool_calls") or []:
        function = call["function"]
        parts.append(Called(numbers.call(call["id"]), function["name"], document(function["arguments"])))
    return parts


def content_parts(content: Any) -> list[Part]:
    if content is None or isinstance(content, str):
        return [Words(content)] if content else []
    parts: list[Part] = []
    for item in content:
        match item["type"]:
            case "text":
                parts.append(Words(item["text"]))
            case "thinking":
                parts.append(Thought("".join(piece["text"] for piece in item["thinking"])))
            case "image_url":
                url = item["image_url"] if isinstance(item["image_url"], str) else item["image_url"]["url"]
                parts.append(Picture(url.removeprefix(DATA)))
            case other:
                raise AssertionError(f"nobody sent {other}")
    return parts


def counts(usage: Json) -> dict[str, Any]:
    details = usage.get("completion_tokens_details") or {}
    tokens = (usage["prompt_tokens"], usage["completion_tokens"])
    return {"usage": tokens, "thought_tokens": details.get("reasoning_tokens") or 0}


class ChatCaller:
    """A caller of `/v1/chat/completions`."""

    name = "openai_chat"

    def path(self, model: str, *, stream: bool) -> str:
        return "/v1/chat/completions"

    def request(self, asked: Asked, model: str) -> Json:
        system = [{"role": "system", "content": asked.system}] if asked.system else []
        body: Json = {"model": model, "messages": [*system, *messages_of(asked.turns)]}
        body |= {"tools": [_tool(tool) for tool in asked.tools]} if asked.tools else {}
        if asked.choice:
            named = {"type": "function", "function": {"name": asked.choice}}
            body["tool_choice"] = "required" if asked.choice == "required" else named
        if asked.schema is not None:
            wanted = {"name": "answer", "schema": asked.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        body |= {"reasoning_effort": asked.effort} if asked.effort else {}
        body |= {"max_tokens": asked.max_tokens} if asked.max_tokens else {}
        body |= {"temperature": asked.temperature} if asked.temperature is not None else {}
        body |= {"stop": list(asked.stop)} if asked.stop else {}
        if asked.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    def reply(self, body: Json) -> Answer:
        ChatCompletion.model_validate(body, strict=True)
        choice = body["choices"][0]
        parts = joined(message_parts(choice["message"], Numbers()))
        return Answer(parts, choice["finish_reason"], **counts(body["usage"]))

    def stream(self, body: bytes) -> Answer:
        deltas, finish, usage = _Deltas(), None, None
        found = [data for _, data in events(body)]
        for data in found:
            if data == b"[DONE]":
                continue
            chunk = document(data.decode())
            if "error" in chunk:
                raise Failure(self.failure(chunk))
            ChatCompletionChunk.model_validate(chunk, strict=True)
            usage = chunk.get("usage") or usage
            for choice in chunk["choices"]:
                deltas.add(choice["delta"])
                finish = choice.get("finish_reason") or finish
        assert found[-1] == b"[DONE]"
        assert usage is not None
        return Answer(joined(message_parts(deltas.message, Numbers())), finish or "", **counts(usage))

    def failure(self, body: Json) -> str:
        assert set(body["error"]) >= {"message", "type", "param", "code"}
        message: str = body["error"]["message"]
        return message

    def again(self, request: Json, reply: Json, returned: Iterable[Returned]) -> Json:
        message = {name: value for name, value in reply["choices"][0]["message"].items() if value is not None}
        ids = [call["id"] for call in message.get("tool_calls", ())]
        results = [
            {"role": "tool", "tool_call_id": ids[result.number - 1], "content": result.text} for result in returned
        ]
        return {**request, "messages": [*request["messages"], message, *results]}


class _Deltas:
    """A message put together from its pieces."""

    def __init__(self) -> None:
        self.message: Json = {}

    def add(self, delta: Json) -> None:
        for name, value in delta.items():
            if isinstance(value, str) and name != "role":
                self.message[name] = self.message.get(name, "") + value
            elif name == "tool_calls":
                self._calls(value)
            elif name == "thinking_blocks":
                self._blocks(value)

    def _calls(self, pieces: list[Json]) -> None:
        calls = self.message.setdefault("tool_calls", [])
        for piece in pieces:
            if piece["index"] == len(calls):
                calls.append({"id": piece["id"], "function": {"name": piece["function"]["name"], "arguments": ""}})
            calls[piece["index"]]["function"]["arguments"] += piece["function"].get("arguments") or ""

    def _blocks(self, pieces: list[Json]) -> None:
        blocks = self.message.setdefault("thinking_blocks", [])
        for piece in pieces:
            if piece["index"] == len(blocks):
                blocks.append({"thinking": "", "signature": ""})
            block = blocks[piece["index"]]
            block["thinking"] += piece.get("thinking") or ""
            block["signature"] += piece.get("signature") or ""


def _tool(tool: Function) -> Json:
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema},
    }


class ChatWire:
    """An upstream of `/chat/completions`; `own` are members of the vendor beside the published ones."""

    name = "openai_chat"
    signs = False
    broken = event({"error": {"message": "the scripted reason", "type": "server_error", "param": None, "code": None}})

    def __init__(self, published: tuple[str, str] | None = None, renamed: dict[str, str] | None = None) -> None:
        self._published = published
        self._renamed = renamed or {}

    def read(self, body: Json, stream: bool) -> Asked:
        self._check(body)
        body = {self._renamed.get(name, name): value for name, value in body.items()}
        messages = [message for message in body["messages"] if message["role"] not in ("system", "developer")]
        system = [message["content"] for message in body["messages"] if message["role"] in ("system", "developer")]
        choice = body.get("tool_choice", "")
        return Asked(
            turns=tuple(_turns(messages)),
            system="".join(content if isinstance(content, str) else content[0]["text"] for content in system),
            tools=tuple(_function(tool) for tool in body.get("tools", ())),
            choice=choice if isinstance(choice, str) else choice["function"]["name"],
            schema=body.get("response_format", {}).get("json_schema", {}).get("schema"),
            effort=body.get("reasoning_effort", ""),
            max_tokens=body.get("max_completion_tokens", body.get("max_tokens")),
            temperature=body.get("temperature"),
            stop=tuple(body.get("stop", ())),
            stream=body.get("stream", False),
        )

    def _check(self, body: Json) -> None:
        if self._published is not None:
            expect_model(*self._published, body)
            return
        messages = [
            {name: value for name, value in message.items() if name not in VENDORS_OWN.get(message["role"], ())}
            for message in body["messages"]
        ]
        kind = "CompletionCreateParamsStreaming" if body.get("stream") else "CompletionCreateParamsNonStreaming"
        known = adapter("openai.types.chat.completion_create_params", kind)
        expect_known(known, {**body, "messages": messages})

    def reply(self, answer: Answer) -> Json:
        message: Json = {"role": "assistant", "content": None}
        for part in answer.parts:
            _put(message, part)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}
        return {**self._head("chat.completion"), "choices": [choice], "usage": _usage(answer)}

    def pieces(self, answer: Answer) -> list[bytes]:
        head = self._head("chat.completion.chunk")

        def chunk(delta: Json, finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            return event({**head, "choices": [choice]})

        pieces, called = [chunk({"role": "assistant", "content": ""})], 0
        for part in answer.parts:
            match part:
                case Thought(text):
                    pieces += [chunk({"reasoning_content": piece}) for piece in halves(text)]
                case Words(text):
                    pieces += [chunk({"content": piece}) for piece in halves(text)]
                case Called():
                    whole = call_of(part, index=called)
                    begun = {**whole, "function": {"name": part.name, "arguments": ""}}
                    pieces.append(chunk({"tool_calls": [begun]}))
                    for piece in halves(whole["function"]["arguments"]):
                        rest = {"index": called, "function": {"arguments": piece}}
                        pieces.append(chunk({"tool_calls": [rest]}))
                    called += 1
        pieces += [chunk({}, answer.finish), event({**head, "choices": [], "usage": _usage(answer)})]
        return [*pieces, b"data: [DONE]\n\n"]

    def _head(self, kind: str) -> Json:
        return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": "upstream-model"}


def _put(message: Json, part: Part) -> None:
    match part:
        case Thought(text):
            message["reasoning_content"] = text
        case Words(text):
            message["content"] = text
        case Called():
            message.setdefault("tool_calls", []).append(call_of(part))


def _usage(answer: Answer) -> Json:
    given, made = answer.usage
    details = {"reasoning_tokens": answer.thought_tokens}
    totals = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
    return {**totals, "completion_tokens_details": details}


def _turns(messages: list[Json]) -> Iterable[Said]:
    numbers = Numbers()
    for message in messages:
        if message["role"] == "tool":
            (words,) = content_parts(message["content"])
            assert isinstance(words, Words)
            yield "tool", Returned(numbers.result(message["tool_call_id"]), words.text)
        else:
            for part in message_parts(message, numbers):
                yield message["role"], part


def _function(tool: Json) -> Function:
    function = tool["function"]
    return Function(function["name"], function.get("description", ""), function.get("parameters", {}))
