"""Ollama's own API, as upstreams speak it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from tests.matrix.published import expect_model
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
    halves,
)


class OllamaWire:
    """An upstream of `/api/chat`: a stream is a line of JSON for each piece; calls have no ids."""

    name = "ollama"
    signs = False
    broken = b'{"error":"the scripted reason"}\n'

    def read(self, body: Json, stream: bool) -> Asked:
        expect_model("ollama._types", "ChatRequest", body)
        options = body.get("options", {})
        messages = [message for message in body["messages"] if message["role"] != "system"]
        return Asked(
            turns=tuple(_turns(messages)),
            system="".join(message["content"] for message in body["messages"] if message["role"] == "system"),
            tools=tuple(_function(tool["function"]) for tool in body.get("tools", ())),
            schema=body.get("format"),
            effort=body.get("think") or "",
            max_tokens=options.get("num_predict"),
            temperature=options.get("temperature"),
            stop=tuple(options.get("stop", ())),
            stream=body["stream"],
        )

    def reply(self, answer: Answer) -> Json:
        message: Json = {"role": "assistant", "content": ""}
        for part in answer.parts:
            message |= _said(part, message)
        return {**_line(message), **_end(answer)}

    def pieces(self, answer: Answer) -> list[bytes]:
        lines = []
        for part in answer.parts:
            match part:
                case Thought(text):
                    lines += [_line({"role": "assistant", "content": "", "thinking": piece}) for piece in halves(text)]
                case Words(text):
                    lines += [_line({"role": "assistant", "content": piece}) for piece in halves(text)]
                case _:
                    lines.append(_line({"role": "assistant", "content": "", **_said(part, {})}))
        lines.append({**_line({"role": "assistant", "content": ""}), **_end(answer)})
        return [msgspec.json.encode(line) + b"\n" for line in lines]


def _said(part: Part, message: Json) -> Json:
    match part:
        case Thought(text):
            return {"thinking": text}
        case Words(text):
            return {"content": text}
        case Called(_, name, arguments):
            call = {"function": {"name": name, "arguments": dict(arguments)}}
            return {"tool_calls": [*message.get("tool_calls", ()), call]}
    raise AssertionError(f"no answer holds {part}")


def _line(message: Json) -> Json:
    return {"model": "upstream-model", "created_at": "2025-01-01T00:00:00Z", "message": message, "done": False}


def _end(answer: Answer) -> Json:
    given, made = answer.usage
    return {"done": True, "done_reason": "stop", "prompt_eval_count": given, "eval_count": made}


def _function(function: Json) -> Function:
    return Function(function["name"], function.get("description", ""), function["parameters"])


def _turns(messages: Iterable[Json]) -> Iterable[Said]:
    numbers = Numbers()
    for message in messages:
        who = message["role"]
        if who == "tool":
            yield "tool", Returned(numbers.result(), message["content"])
            continue
        found: list[Part] = [Thought(message["thinking"])] if message.get("thinking") else []
        found += [Words(message["content"])] if message.get("content") else []
        found += [Picture(data) for data in message.get("images", ())]
        calls: list[Any] = [call["function"] for call in message.get("tool_calls", ())]
        found += [Called(numbers.call(), call["name"], call["arguments"]) for call in calls]
        yield from ((who, part) for part in found)
