"""Cohere's chat, as upstreams speak it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from pydantic import TypeAdapter

from tests.matrix.openai_chat import call_of, content_parts
from tests.matrix.said import (
    Answer,
    Asked,
    Called,
    Function,
    Json,
    Numbers,
    Returned,
    Said,
    Thought,
    Words,
    document,
    event,
    halves,
)

FINISHES = {"stop": "COMPLETE", "tool_calls": "TOOL_CALL"}


class CohereWire:
    """An upstream of `/v2/chat`: what is thought before calls is the plan for them."""

    name = "cohere"
    signs = False
    broken = event(
        {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "the scripted reason"}}, "message-end"
    )

    def read(self, body: Json, stream: bool) -> Asked:
        for name, value in body.items():
            if name != "stream":
                _published()[name].validate_python(value)
        thinking = body.get("thinking", {})
        system = [message["content"] for message in body["messages"] if message["role"] == "system"]
        return Asked(
            turns=tuple(_turns([message for message in body["messages"] if message["role"] != "system"])),
            system="".join(system),
            tools=tuple(_function(tool["function"]) for tool in body.get("tools", ())),
            choice=body.get("tool_choice", "").lower(),
            schema=body.get("response_format", {}).get("json_schema"),
            effort="" if not thinking else "no limit" if thinking == {"type": "enabled"} else str(thinking),
            max_tokens=body.get("max_tokens"),
            temperature=body.get("temperature"),
            stop=tuple(body.get("stop_sequences", ())),
            stream=body.get("stream", False),
        )

    def reply(self, answer: Answer) -> Json:
        message: Json = {"role": "assistant"}
        for part in answer.parts:
            match part:
                case Thought(text):
                    message["tool_plan"] = text
                case Words(text):
                    message["content"] = [{"type": "text", "text": text}]
                case Called():
                    message.setdefault("tool_calls", []).append(call_of(part))
        return {"id": "c1", "message": message, "finish_reason": FINISHES[answer.finish], "usage": _usage(answer)}

    def pieces(self, answer: Answer) -> list[bytes]:
        empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        pieces, called = [_event("message-start", id="c1", delta={"message": empty})], 0
        for part in answer.parts:
            match part:
                case Thought(text):
                    pieces += [_delta("tool-plan-delta", None, tool_plan=piece) for piece in halves(text)]
                case Words(text):
                    pieces.append(_delta("content-start", 0, content={"type": "text", "text": ""}))
                    pieces += [_delta("content-delta", 0, content={"text": piece}) for piece in halves(text)]
                    pieces.append(_event("content-end", index=0))
                case Called():
                    whole = call_of(part)
                    begun = {**whole, "function": {"name": part.name, "arguments": ""}}
                    pieces.append(_delta("tool-call-start", called, tool_calls=begun))
                    for piece in halves(whole["function"]["arguments"]):
                        said = {"function": {"arguments": piece}}
                        pieces.append(_delta("tool-call-delta", called, tool_calls=said))
                    pieces.append(_event("tool-call-end", index=called))
                    called += 1
        end = {"finish_reason": FINISHES[answer.finish], "usage": _usage(answer)}
        return [*pieces, _event("message-end", delta=end)]


@cache
def _published() -> dict[str, TypeAdapter[Any]]:
    """The members of a request and their types, of the vendor's client."""
    client = pytest.importorskip("cohere.v2.client", reason="brings the vendor's schema")
    hints = inspect.get_annotations(client.V2Client.chat, eval_str=True)
    return {name: TypeAdapter(kind) for name, kind in hints.items() if name not in ("return", "request_options")}


def _event(kind: str, **members: Any) -> bytes:
    return event({"type": kind, **members}, kind)


def _delta(kind: str, index: int | None, **message: Any) -> bytes:
    return _event(kind, **({} if index is None else {"index": index}), delta={"message": message})


def _usage(answer: Answer) -> Json:
    given, made = answer.usage
    return {
        "billed_units": {"input_tokens": 1.0, "output_tokens": float(made)},
        "tokens": {"input_tokens": float(given), "output_tokens": float(made)},
    }


def _function(function: Json) -> Function:
    return Function(function["name"], function.get("description", ""), function["parameters"])


def _turns(messages: list[Json]) -> Iterable[Said]:
    numbers = Numbers()
    for message in messages:
        if message["role"] == "tool":
            yield "tool", Returned(numbers.result(message["tool_call_id"]), message["content"])
            continue
        if plan := message.get("tool_plan"):
            yield "assistant", Thought(plan)
        for part in content_parts(message.get("content")):
            yield message["role"], part
        for call in message.get("tool_calls", ()):
            function = call["function"]
            yield "assistant", Called(numbers.call(call["id"]), function["name"], document(function["arguments"]))
