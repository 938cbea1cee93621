"""The Gemini API, as callers and upstreams speak it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.genai.types import GenerateContentResponse

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
)
from tests.wire.gemini_said import valid_request

NAMES = {1: "get_weather", 2: "get_time"}
"""The functions of the calls, which results repeat."""


def part_of(part: Part) -> Json:
    match part:
        case Words(text):
            return {"text": text}
        case Picture(data):
            return {"inlineData": {"mimeType": "image/png", "data": data}}
        case Thought(text, _):
            return {"text": text, "thought": True}
        case Called(number, name, arguments):
            return {"functionCall": {"id": id_of(number), "name": name, "args": dict(arguments)}}
        case Returned(number, text):
            said = {"id": id_of(number), "name": NAMES[number], "response": {"output": text}}
            return {"functionResponse": said}


def contents_of(turns: Iterable[Said]) -> list[Json]:
    """Contents in turn; results are the user's."""
    contents: list[Json] = []
    for who, part in turns:
        role = "model" if who == "assistant" else "user"
        if not contents or contents[-1]["role"] != role:
            contents.append({"role": role, "parts": []})
        contents[-1]["parts"].append(part_of(part))
    return contents


def answered_parts(answer: Answer) -> list[Json]:
    """The parts of an answer; what must go back with a thought stands on the first part after it."""
    parts, signature = [], ""
    for part in answer.parts:
        found = part_of(part)
        if isinstance(part, Thought):
            signature = part.signature
        elif signature:
            found["thoughtSignature"], signature = signature, ""
        parts.append(found)
    return parts


def parts_in(items: Iterable[Json], numbers: Numbers) -> Iterable[Part]:
    """Parts; a signature is one of the thought before, wherever it stands."""
    for item in items:
        signature = item.get("thoughtSignature", "")
        if item.get("thought"):
            yield Thought(item["text"], signature)
            continue
        if signature and signature != "skip_thought_signature_validator":
            yield Thought("", signature)
        if "text" in item:
            yield Words(item["text"])
        elif "inlineData" in item:
            assert item["inlineData"]["mimeType"] == "image/png"
            yield Picture(item["inlineData"]["data"])
        elif "functionCall" in item:
            call = item["functionCall"]
            yield Called(numbers.call(call.get("id")), call["name"], call.get("args") or {})
        elif "functionResponse" in item:
            answered = item["functionResponse"]
            assert answered["name"] in NAMES.values()
            yield Returned(numbers.result(answered.get("id")), answered["response"]["output"])
        else:
            raise AssertionError(f"nobody sent {item}")


class GeminiCaller:
    """A caller of `:generateContent` and `:streamGenerateContent`."""

    name = "gemini"

    def path(self, model: str, *, stream: bool) -> str:
        return f"/v1beta/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")

    def request(self, asked: Asked, model: str) -> Json:
        body: Json = {"contents": contents_of(asked.turns)}
        body |= {"systemInstruction": {"parts": [{"text": asked.system}]}} if asked.system else {}
        body |= {"tools": [{"functionDeclarations": [_declared(tool) for tool in asked.tools]}]} if asked.tools else {}
        if asked.choice:
            named = {"allowedFunctionNames": [asked.choice]} if asked.choice != "required" else {}
            body["toolConfig"] = {"functionCallingConfig": {"mode": "ANY", **named}}
        config: Json = {"maxOutputTokens": asked.max_tokens} if asked.max_tokens else {}
        config |= {"temperature": asked.temperature} if asked.temperature is not None else {}
        config |= {"stopSequences": list(asked.stop)} if asked.stop else {}
        if asked.schema is not None:
            config |= {"responseMimeType": "application/json", "responseJsonSchema": asked.schema}
        if asked.effort:
            config["thinkingConfig"] = {"thinkingLevel": asked.effort.upper(), "includeThoughts": True}
        return body | ({"generationConfig": config} if config else {})

    def reply(self, body: Json) -> Answer:
        return self._answer([body])

    def stream(self, body: bytes) -> Answer:
        pieces = [document(data.decode()) for _, data in events(body)]
        if "error" in pieces[-1]:
            raise Failure(self.failure(pieces[-1]))
        return self._answer(pieces)

    def _answer(self, pieces: list[Json]) -> Answer:
        for piece in pieces:
            GenerateContentResponse.model_validate(piece)
        items = [item for piece in pieces for item in _content_parts(piece)]
        parts = joined(parts_in(items, Numbers()))
        ends = [c["finishReason"] for piece in pieces for c in piece.get("candidates", ()) if c.get("finishReason")]
        assert ends == ["STOP"]
        usage = pieces[-1]["usageMetadata"]
        thought = usage.get("thoughtsTokenCount", 0)
        made = usage.get("candidatesTokenCount", 0) + thought
        assert usage["totalTokenCount"] == usage["promptTokenCount"] + made
        finish = "tool_calls" if any(isinstance(part, Called) for part in parts) else "stop"
        return Answer(parts, finish, (usage["promptTokenCount"], made), thought)

    def failure(self, body: Json) -> str:
        assert set(body["error"]) >= {"code", "message", "status"}
        message: str = body["error"]["message"]
        return message

    def again(self, request: Json, reply: Json, returned: Iterable[Returned]) -> Json:
        content = reply["candidates"][0]["content"]
        calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        results = []
        for result in returned:
            call = calls[result.number - 1]
            said = {"name": call["name"], "response": {"output": result.text}}
            results.append({"functionResponse": {**said, **({"id": call["id"]} if "id" in call else {})}})
        return {**request, "contents": [*request["contents"], content, {"role": "user", "parts": results}]}


def _content_parts(piece: Json) -> list[Json]:
    found: list[Json] = []
    for candidate in piece.get("candidates", ()):
        found += candidate.get("content", {}).get("parts", [])
    return found


def _declared(tool: Function) -> Json:
    return {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.schema}


class GeminiWire:
    """An upstream of `:generateContent`, here and on Vertex AI."""

    name = "gemini"
    signs = True
    broken = event({"error": {"code": 500, "message": "the scripted reason", "status": "INTERNAL"}})

    def read(self, body: Json, stream: bool) -> Asked:
        valid_request(body)
        config = body.get("generationConfig", {})
        calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
        names = calling.get("allowedFunctionNames", ["required"] if calling.get("mode") == "ANY" else [""])
        thinking = config.get("thinkingConfig", {})
        assert thinking.get("includeThoughts", True)
        return Asked(
            turns=tuple(_turns(body["contents"])),
            system="".join(part["text"] for part in body.get("systemInstruction", {}).get("parts", ())),
            tools=tuple(_function(t) for tool in body.get("tools", ()) for t in tool["functionDeclarations"]),
            choice=names[0],
            schema=config.get("responseJsonSchema", config.get("responseSchema")),
            effort=thinking.get("thinkingLevel", "").lower(),
            max_tokens=config.get("maxOutputTokens"),
            temperature=config.get("temperature"),
            stop=tuple(config.get("stopSequences", ())),
            stream=stream,
        )

    def reply(self, answer: Answer) -> Json:
        return _piece(answer, answered_parts(answer), finishReason="STOP")

    def pieces(self, answer: Answer) -> list[bytes]:
        pieces: list[Json] = []
        for part in answered_parts(answer):
            if "text" in part and "thoughtSignature" not in part:
                pieces += [_piece(answer, [{**part, "text": text}]) for text in halves(part["text"])]
            else:
                pieces.append(_piece(answer, [part]))
        pieces.append(_piece(answer, [], finishReason="STOP"))
        return [event(piece).replace(b"\n", b"\r\n") for piece in pieces]


def _piece(answer: Answer, parts: list[Json], **candidate: Any) -> Json:
    given, made = answer.usage
    shown = made - answer.thought_tokens
    usage = {"promptTokenCount": given, "candidatesTokenCount": shown, "totalTokenCount": given + made}
    usage |= {"thoughtsTokenCount": answer.thought_tokens} if answer.thought_tokens else {}
    content = {"content": {"parts": parts, "role": "model"}} if parts else {}
    head = {"usageMetadata": usage, "modelVersion": "upstream-model", "responseId": "r1"}
    return {"candidates": [{**content, "index": 0, **candidate}], **head}


def _function(declared: Json) -> Function:
    schema = declared.get("parametersJsonSchema", declared.get("parameters", {}))
    return Function(declared["name"], declared.get("description", ""), _json_schema(schema))


def _json_schema(schema: Any) -> Any:
    """A schema of this API, whose types are capitals, as JSON Schema says it."""
    if isinstance(schema, list):
        return [_json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: value.lower() if name == "type" else _json_schema(value) for name, value in schema.items()}


def _turns(contents: list[Json]) -> Iterable[Said]:
    numbers = Numbers()
    for content in contents:
        who = "assistant" if content["role"] == "model" else "user"
        for part in joined(parts_in(content["parts"], numbers)):
            yield "tool" if isinstance(part, Returned) else who, part
