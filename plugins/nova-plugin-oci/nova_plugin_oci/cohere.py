"""The COHERE format: the latest message, what was said before it, and tools with flat parameters."""

# https://docs.oracle.com/en-us/iaas/api/#/en/generative-ai-inference/20231130/datatypes/CohereChatRequest

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import msgspec

from nova_core.errors import BadRequestError
from nova_core.wire.enveloped import Body, call_id, text_of
from nova_core.wire.functions_only import parameters_of
from nova_plugin_oci.generic import usage_in

NAMES: Mapping[str, str] = {
    "max_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "seed": "seed",
}
NOT_SENT = frozenset(
    {
        *NAMES, "model", "messages", "stream", "stream_options", "tools", "tool_choice", "response_format", "stop",
        "parallel_tool_calls",
    }
)  # fmt: skip
FINISHES: Mapping[str, str] = {
    "COMPLETE": "stop",
    "MAX_TOKENS": "length",
    "ERROR_TOXIC": "content_filter",
    "ERROR_LIMIT": "length",
    "USER_CANCEL": "stop",
    "ERROR": "error",
}
TYPES: Mapping[str, str] = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
}
"""Types of parameters, which are those of Python here."""


def rendered(members: Mapping[str, Any]) -> Body:
    """A `chatRequest` from OpenAI's members, decoded. Raises BadRequestError for arguments that are no JSON object."""
    history, message, results = _told(members.get("messages") or ())
    body: Body = {"apiFormat": "COHERE", "message": message}
    body |= {"chatHistory": history} if history else {}
    body |= {"toolResults": results} if results else {}
    body |= {said: members[name] for name, said in NAMES.items() if members.get(name) is not None}
    if (stop := members.get("stop")) is not None:
        body["stopSequences"] = [stop] if isinstance(stop, str) else stop
    if (tools := members.get("tools")) and members.get("tool_choice") != "none":
        body["tools"] = [_tool(tool["function"]) for tool in tools]
    if (wanted := members.get("response_format")) is not None and wanted.get("type") != "text":
        schema = (wanted.get("json_schema") or {}).get("schema")
        body["responseFormat"] = {"type": "JSON_OBJECT", **({"schema": schema} if schema else {})}
    return body | {name: value for name, value in members.items() if name not in NOT_SENT}


def reply_of(answer: Mapping[str, Any]) -> Body:
    """The choice and usage of a `chatResponse`."""
    calls = calls_of(answer, uuid4().hex)
    said: Body = {"role": "assistant", "content": answer.get("text") or None}
    said |= {"tool_calls": calls} if calls else {}
    choice = {"index": 0, "message": said, "finish_reason": finish_of(answer)}
    usage = usage_in(answer)
    return {"choices": [choice], **({"usage": usage} if usage else {})}


def calls_of(answer: Mapping[str, Any], seed: str) -> list[Body]:
    """Calls of functions; they get ids, which begin with `seed`, since here they have none."""
    return [
        {
            "id": call_id(seed, place),
            "type": "function",
            "function": {"name": call["name"], "arguments": msgspec.json.encode(call.get("parameters") or {}).decode()},
        }
        for place, call in enumerate(answer.get("toolCalls") or ())
    ]


def finish_of(answer: Mapping[str, Any]) -> str:
    """Why the answer ended, in OpenAI's words."""
    finish = FINISHES.get(str(answer.get("finishReason")), "stop")
    return "tool_calls" if finish == "stop" and answer.get("toolCalls") else finish


def _told(messages: Sequence[Mapping[str, Any]]) -> tuple[list[Body], str, list[Body]]:
    """What was said before, the last message of the user, and results that follow it."""
    calls = {
        call.get("id"): _call(call["function"], f"messages[{place}].tool_calls[{number}].function.arguments")
        for place, message in enumerate(messages)
        for number, call in enumerate(message.get("tool_calls") or ())
    }
    turns: list[Body] = []
    for message in messages:
        text, role = text_of(message.get("content")), message.get("role")
        if role == "tool":
            result = {"call": calls.get(message.get("tool_call_id")) or {}, "outputs": [_output(text)]}
            if turns and turns[-1]["role"] == "TOOL":
                turns[-1]["toolResults"].append(result)
            else:
                turns.append({"role": "TOOL", "toolResults": [result]})
        elif role == "assistant":
            made = [calls[call.get("id")] for call in message.get("tool_calls") or ()]
            turns.append({"role": "CHATBOT", "message": text, **({"toolCalls": made} if made else {})})
        else:
            turns.append({"role": "USER" if role == "user" else "SYSTEM", "message": text})
    if turns and turns[-1]["role"] == "TOOL":
        return turns[:-1], "", turns[-1]["toolResults"]
    if turns and turns[-1]["role"] == "USER":
        return turns[:-1], turns[-1]["message"], []
    return turns, "", []


def _call(function: Mapping[str, Any], path: str) -> Body:
    try:
        parameters = msgspec.json.decode(function.get("arguments") or "{}")
    except msgspec.DecodeError as error:
        raise BadRequestError(f"`{path}` must be the JSON text of an object", param=path) from error
    return {"name": function["name"], "parameters": parameters}


def _output(text: str) -> Body:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        found = None
    return found if isinstance(found, dict) else {"output": text}


def _tool(function: Mapping[str, Any]) -> Body:
    definitions = {
        name: {
            "description": _description(said),
            "type": TYPES.get(str(said.get("type")), "str"),
            "isRequired": required,
        }
        for name, said, required in parameters_of(function.get("parameters"))
    }
    return {
        "name": function["name"],
        "description": function.get("description") or function["name"],
        "parameterDefinitions": definitions,
    }


def _description(said: Mapping[str, Any]) -> str:
    """The description, with what a flat definition has no place for."""
    more = {name: value for name, value in said.items() if name not in ("type", "description", "title")}
    words = [str(said["description"])] if said.get("description") else []
    return " ".join([*words, *([msgspec.json.encode(more).decode()] if more else [])])
