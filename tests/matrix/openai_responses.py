"""OpenAI's Responses, as callers and upstreams speak it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openai.types.responses import Response

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

DATA = "data:image/png;base64,"


def item_of(who: str, part: Part) -> Json:
    """An item of `input`."""
    match part:
        case Words(text) if who == "user":
            return {"role": who, "content": [{"type": "input_text", "text": text}]}
        case Words(text):
            return {"role": who, "content": text}
        case Picture(data):
            return {"type": "input_image", "image_url": DATA + data, "detail": "auto"}
        case Called(number, name, arguments):
            return {
                "type": "function_call",
                "call_id": id_of(number),
                "name": name,
                "arguments": text_of(arguments),
            }
        case Returned(number, text):
            return {"type": "function_call_output", "call_id": id_of(number), "output": text}
    raise AssertionError(f"no item holds {part}")


def items_of(turns: Iterable[Said]) -> list[Json]:
    items: list[Json] = []
    for who, part in turns:
        item = item_of(who, part)
        if isinstance(part, Picture):
            items[-1]["content"].append(item)
        else:
            items.append(item)
    return items


def output_parts(items: Iterable[Json], numbers: Numbers) -> Iterable[Part]:
    for item in items:
        match item["type"]:
            case "reasoning":
                shown = "".join(piece["text"] for piece in item.get("content") or item["summary"])
                yield Thought(shown, item.get("encrypted_content") or "")
            case "message":
                yield from (Words(piece["text"]) for piece in item["content"])
            case "function_call":
                yield Called(numbers.call(item["call_id"]), item["name"], document(item["arguments"]))
            case other:
                raise AssertionError(f"nobody sent {other}")


class ResponsesCaller:
    """A caller of `/v1/responses`, which says no `stop`."""

    name = "openai_responses"

    def path(self, model: str, *, stream: bool) -> str:
        return "/v1/responses"

    def request(self, asked: Asked, model: str) -> Json:
        body: Json = {"model": model, "input": items_of(asked.turns), "store": False}
        body |= {"instructions": asked.system} if asked.system else {}
        body |= {"tools": [_tool(tool) for tool in asked.tools]} if asked.tools else {}
        if asked.choice:
            body["tool_choice"] = asked.choice if asked.choice == "required" else _named(asked.choice)
        if asked.schema is not None:
            body["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": asked.schema, "strict": True}}
        if asked.effort:
            body |= {"reasoning": {"effort": asked.effort}, "include": ["reasoning.encrypted_content"]}
        body |= {"max_output_tokens": asked.max_tokens} if asked.max_tokens else {}
        body |= {"temperature": asked.temperature} if asked.temperature is not None else {}
        return body | ({"stream": True} if asked.stream else {})

    def reply(self, body: Json) -> Answer:
        Response.model_validate(body, strict=True)
        assert body["status"] == "completed"
        parts = joined(output_parts(body["output"], Numbers()))
        usage = body["usage"]
        return Answer(
            parts,
            "tool_calls" if any(isinstance(part, Called) for part in parts) else "stop",
            (usage["input_tokens"], usage["output_tokens"]),
            usage["output_tokens_details"]["reasoning_tokens"],
        )

    def stream(self, body: bytes) -> Answer:
        """Deltas must say what the items say that they belong to, and those what the last response holds."""
        known = adapter("openai.types.responses", "ResponseStreamEvent")
        deltas: dict[tuple[int, str], str] = {}
        items: list[Json] = []
        for number, (name, data) in enumerate(events(body)):
            said = document(data.decode())
            assert (said["type"], said["sequence_number"]) == (name, number)
            known.validate_python(said, strict=True)
            place = (said.get("output_index", -1), said["type"])
            match said["type"]:
                case "error":
                    raise Failure(said["message"])
                case "response.failed":
                    raise Failure(said["response"]["error"]["message"])
                case "response.output_item.done":
                    items.append(said["item"])
                case "response.completed":
                    response = said["response"]
                case kind if kind.endswith(".delta"):
                    deltas[place] = deltas.get(place, "") + said["delta"]
        assert said["type"] == "response.completed"
        assert response["output"] == items
        for (index, kind), text in deltas.items():
            assert _whole(items[index], kind) == text
        return self.reply(response)

    def failure(self, body: Json) -> str:
        assert set(body["error"]) >= {"message", "type", "param", "code"}
        message: str = body["error"]["message"]
        return message

    def again(self, request: Json, reply: Json, returned: Iterable[Returned]) -> Json:
        ids = [item["call_id"] for item in reply["output"] if item["type"] == "function_call"]
        results = [
            {"type": "function_call_output", "call_id": ids[result.number - 1], "output": result.text}
            for result in returned
        ]
        return {**request, "input": [*request["input"], *reply["output"], *results]}


def _whole(item: Json, kind: str) -> str:
    """What the pieces of this kind must add up to."""
    if kind == "response.function_call_arguments.delta":
        found: str = item["arguments"]
        return found
    pieces = item["summary"] if "summary" in kind else item["content"]
    return "".join(piece["text"] for piece in pieces)


def _named(name: str) -> Json:
    return {"type": "function", "name": name}


def _tool(tool: Function) -> Json:
    head = {"type": "function", "name": tool.name, "description": tool.description}
    return {**head, "parameters": tool.schema, "strict": False}


class ResponsesWire:
    """An upstream of `/responses`. What it keeps of a thought it encrypts: the signature stands for it here."""

    name = "openai_responses"
    signs = True
    broken = event(
        {
            "type": "error",
            "code": "server_error",
            "message": "the scripted reason",
            "param": None,
            "sequence_number": 9,
        },
        "error",
    )

    def read(self, body: Json, stream: bool) -> Asked:
        kind = "ResponseCreateParamsStreaming" if stream else "ResponseCreateParamsNonStreaming"
        expect_known(adapter("openai.types.responses.response_create_params", kind), body)
        choice = body.get("tool_choice", "")
        return Asked(
            turns=tuple(_turns(body["input"])),
            system=body.get("instructions") or "",
            tools=tuple(Function(t["name"], t["description"], t["parameters"]) for t in body.get("tools", ())),
            choice=choice if isinstance(choice, str) else choice["name"],
            schema=body.get("text", {}).get("format", {}).get("schema"),
            effort=body.get("reasoning", {}).get("effort", ""),
            max_tokens=body.get("max_output_tokens"),
            temperature=body.get("temperature"),
            stream=body.get("stream", False),
        )

    def reply(self, answer: Answer) -> Json:
        given, made = answer.usage
        details = {"input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}}
        return {
            "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "model": "upstream-model",
            "status": "completed", "error": None, "incomplete_details": None, "metadata": {}, "tools": [],
            "parallel_tool_calls": True, "tool_choice": "auto", "output": list(_items(answer)),
            "usage": {
                "input_tokens": given, "output_tokens": made, "total_tokens": given + made, **details,
                "output_tokens_details": {"reasoning_tokens": answer.thought_tokens},
            },
        }  # fmt: skip

    def pieces(self, answer: Answer) -> list[bytes]:
        whole = self.reply(answer)
        begun = {**whole, "status": "in_progress", "output": [], "usage": None}
        said: list[Json] = [{"type": "response.created", "response": begun}]
        said.append({"type": "response.in_progress", "response": begun})
        for index, item in enumerate(whole["output"]):
            said += _item_events(index, item)
        said.append({"type": "response.completed", "response": whole})
        return [event({**each, "sequence_number": number}, each["type"]) for number, each in enumerate(said)]


def _items(answer: Answer) -> Iterable[Json]:
    for place, part in enumerate(answer.parts):
        match part:
            case Thought(text, signature):
                summary = [{"type": "summary_text", "text": text}]
                kept = {"encrypted_content": signature}
                yield {"id": f"rs_{place}", "type": "reasoning", "summary": summary, **kept}
            case Words(text):
                content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
                head = {"id": f"msg_{place}", "type": "message", "role": "assistant", "status": "completed"}
                yield {**head, "content": content}
            case Called():
                call = item_of("assistant", part)
                yield {"id": f"fc_{place}", "status": "completed", **call}


def _item_events(index: int, item: Json) -> Iterable[Json]:
    about: Json = {"output_index": index, "item_id": item["id"]}

    def told(kind: str, **more: Any) -> Json:
        return {"type": f"response.{kind}", **about, **more}

    def bare(kind: str, said: Json) -> Json:
        return {"type": f"response.output_item.{kind}", "output_index": index, "item": said}

    match item["type"]:
        case "reasoning":
            yield bare("added", {**item, "summary": []})
            (part,) = item["summary"]
            place = {"summary_index": 0}
            yield told("reasoning_summary_part.added", **place, part={**part, "text": ""})
            for piece in halves(part["text"]):
                yield told("reasoning_summary_text.delta", **place, delta=piece)
            yield told("reasoning_summary_text.done", **place, text=part["text"])
            yield told("reasoning_summary_part.done", **place, part=part)
        case "message":
            yield bare("added", {**item, "status": "in_progress", "content": []})
            (part,) = item["content"]
            place = {"content_index": 0}
            yield told("content_part.added", **place, part={**part, "text": ""})
            for piece in halves(part["text"]):
                yield told("output_text.delta", **place, delta=piece, logprobs=[])
            yield told("output_text.done", **place, text=part["text"], logprobs=[])
            yield told("content_part.done", **place, part=part)
        case _:
            yield bare("added", {**item, "status": "in_progress", "arguments": ""})
            for piece in halves(item["arguments"]):
                yield told("function_call_arguments.delta", delta=piece)
            yield told("function_call_arguments.done", name=item["name"], arguments=item["arguments"])
    yield bare("done", item)


def _turns(items: list[Json]) -> Iterable[Said]:
    numbers = Numbers()
    for item in items:
        match item.get("type", "message"):
            case "message":
                yield from ((item["role"], part) for part in _content(item["content"]))
            case "function_call_output":
                yield "tool", Returned(numbers.result(item["call_id"]), item["output"])
            case _:
                yield from (("assistant", part) for part in output_parts([item], numbers))


def _content(content: Any) -> Iterable[Part]:
    if isinstance(content, str):
        yield Words(content)
        return
    for piece in content:
        image = piece["type"] == "input_image"
        yield Picture(piece["image_url"].removeprefix(DATA)) if image else Words(piece["text"])
