"""GigaChat's chat, as upstreams speak it: functions in place of tools, one call a turn, images by their ids."""

# https://developers.sber.ru/docs/ru/gigachat/api/reference/rest/post-chat and …/post-file

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import Final

from nova_core.testing.upstream import Received
from nova_core.testing.upstream_replies import Shape
from tests.matrix.said import (
    Answer,
    Asked,
    Called,
    Function,
    Json,
    Numbers,
    Picture,
    Returned,
    Said,
    Thought,
    Words,
    document,
    event,
    halves,
)

STATE: Final = "77d3fb14-457a-46ba-937e-8d856156d003"
FINISHES: Final = {"stop": "stop", "tool_calls": "function_call"}
MEMBERS: Final = {
    "model", "messages", "functions", "function_call", "temperature", "top_p", "max_tokens", "repetition_penalty",
    "stream", "update_interval", "reasoning_effort", "response_format",
}  # fmt: skip
"""What a request may hold."""
SHAPE: Final = Shape(lambda said: {}, lambda status, message, code, kind: {"status": status, "message": message})


def stored(received: Received) -> Json:
    """The answer to an upload: here a file's id is its content, so that what names it shows it."""
    (file,) = [part.content for part in received.form if part.filename]
    return {"id": b64encode(file).decode(), "object": "file", "bytes": len(file), "purpose": "general"}


class GigaChatWire:
    """An upstream of `/chat/completions`."""

    name = "gigachat"
    signs = False
    broken = event({"status": 500, "message": "the scripted reason"})

    def read(self, body: Json, stream: bool) -> Asked:
        assert body.keys() <= MEMBERS, body.keys() - MEMBERS
        choice = body.get("function_call", "auto")
        return Asked(
            turns=tuple(_turns([message for message in body["messages"] if message["role"] != "system"])),
            system="".join(message["content"] for message in body["messages"] if message["role"] == "system"),
            tools=tuple(
                Function(each["name"], each["description"], each["parameters"]) for each in body.get("functions", ())
            ),
            choice="" if choice == "auto" else choice["name"],
            schema=body.get("response_format", {}).get("schema"),
            effort=body.get("reasoning_effort", ""),
            max_tokens=body.get("max_tokens"),
            temperature=body.get("temperature"),
            stream=body.get("stream", False),
        )

    def reply(self, answer: Answer) -> Json:
        message: Json = {"role": "assistant", "content": ""}
        for part in answer.parts:
            message |= _member(part)
        choice = {"index": 0, "message": message, "finish_reason": FINISHES[answer.finish]}
        return {**_head("chat.completion"), "choices": [choice], "usage": _usage(answer)}

    def pieces(self, answer: Answer) -> list[bytes]:
        def chunk(delta: Json, **more: object) -> bytes:
            choice = {"index": 0, "delta": delta, **more}
            usage = {"usage": _usage(answer)} if more else {}
            return event({**_head("chat.completion.chunk"), "choices": [choice], **usage})

        pieces: list[bytes] = []
        for part in answer.parts:
            match part:
                case Words(text):
                    pieces += [chunk({"role": "assistant", "content": piece}) for piece in halves(text)]
                case Thought(text):
                    pieces += [chunk({"role": "assistant", "reasoning_content": piece}) for piece in halves(text)]
                case _:
                    pieces.append(chunk({"role": "assistant", "content": "", **_member(part)}))
        return [*pieces, chunk({"content": ""}, finish_reason=FINISHES[answer.finish]), b"data: [DONE]\n\n"]


def _member(part: object) -> Json:
    match part:
        case Words(text):
            return {"content": text}
        case Thought(text):
            return {"reasoning_content": text}
        case Called(_, name, arguments):
            return {"function_call": {"name": name, "arguments": arguments}, "functions_state_id": STATE}
    raise AssertionError(f"no message holds {part}")


def _head(kind: str) -> Json:
    return {"created": 1_700_000_000, "model": "GigaChat-2-Max:2.0.28.2", "object": kind}


def _usage(answer: Answer) -> Json:
    given, made = answer.usage
    counts = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
    return {**counts, "precached_prompt_tokens": 0}


def _turns(messages: list[Json]) -> Iterable[Said]:
    numbers = Numbers()
    for message in messages:
        if message["role"] == "function":
            yield "tool", Returned(numbers.result(), document(message["content"])["result"])
            continue
        if message["content"]:
            yield message["role"], Words(message["content"])
        for file in message.get("attachments", ()):
            yield message["role"], Picture(file)
        if call := message.get("function_call"):
            assert message.get("functions_state_id") == STATE
            yield "assistant", Called(numbers.call(), call["name"], call["arguments"])
