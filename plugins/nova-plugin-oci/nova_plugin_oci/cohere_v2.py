"""The COHEREV2 format: messages in parts, for Cohere's models that see, think or translate."""

# https://docs.oracle.com/en-us/iaas/api/#/en/generative-ai-inference/20231130/datatypes/CohereChatRequestV2

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from nova_core.wire.enveloped import Body, text_of
from nova_plugin_oci.cohere import NAMES, NOT_SENT
from nova_plugin_oci.generic import usage_in

MODELS: Final = re.compile(r"cohere\.command-a-(reasoning|translate|vision)")
"""Models that speak this format alone."""
FORMAT: Final = "COHEREV2"
SAID: Final = NOT_SENT | {"reasoning_effort", "thinking"}
FINISHES: Final[Mapping[str, str]] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR": "error",
}


def rendered(members: Mapping[str, Any]) -> Body:
    """A `chatRequest` from OpenAI's members, decoded; the vendor's own members stay as they are."""
    body: Body = {"apiFormat": FORMAT, "messages": [_message(each) for each in members.get("messages") or ()]}
    body |= {said: members[name] for name, said in NAMES.items() if members.get(name) is not None}
    if (stop := members.get("stop")) is not None:
        body["stopSequences"] = [stop] if isinstance(stop, str) else stop
    body |= _tools(members)
    if (wanted := members.get("response_format")) is not None and wanted.get("type") != "text":
        schema = (wanted.get("json_schema") or {}).get("schema")
        body["responseFormat"] = {"type": "JSON_OBJECT", **({"schema": schema} if schema else {})}
    if (thinking := thinking_of(members)) is not None:
        body["thinking"] = thinking
    return body | {name: value for name, value in members.items() if name not in SAID}


def thinking_of(members: Mapping[str, Any]) -> Body | None:
    """Whether, and how long, a model is to think."""
    stated = members.get("thinking")
    if isinstance(stated, Mapping):
        budget = stated.get("budget_tokens")
        kind = "DISABLED" if stated.get("type") == "disabled" else "ENABLED"
        return {"type": kind, **({} if budget is None else {"tokenBudget": budget})}
    effort = members.get("reasoning_effort")
    return None if effort is None else {"type": "DISABLED" if effort == "none" else "ENABLED"}


def reply_of(answer: Mapping[str, Any]) -> Body:
    """The choice and usage of a `chatResponse`."""
    message = answer["message"]
    said: Body = {"role": "assistant", **said_in(message)}
    calls = [call_of(call) for call in message.get("toolCalls") or ()]
    said |= {"tool_calls": calls} if calls else {}
    choice = {"index": 0, "message": said, "finish_reason": finish_of(answer) or "stop"}
    usage = usage_in(answer)
    return {"choices": [choice], **({"usage": usage} if usage else {})}


def said_in(message: Mapping[str, Any]) -> Body:
    """Text and thoughts of a message; a plan for tools is a thought."""
    parts = message.get("content") or ()
    text = "".join(part.get("text") or "" for part in parts if part.get("type") == "TEXT")
    thought = "".join(part.get("thinking") or "" for part in parts if part.get("type") == "THINKING")
    thought += message.get("toolPlan") or ""
    return {"content": text or None, **({"reasoning_content": thought} if thought else {})}


def call_of(call: Mapping[str, Any]) -> Body:
    """A call of a function."""
    function = call.get("function") or {}
    said = {"name": function.get("name") or "", "arguments": function.get("arguments") or ""}
    return {"id": call.get("id"), "type": "function", "function": said}


def finish_of(answer: Mapping[str, Any]) -> str | None:
    """Why an answer ended, in OpenAI's words."""
    word = answer.get("finishReason")
    return FINISHES.get(str(word), "stop") if word else None


def _tools(members: Mapping[str, Any]) -> Body:
    """Tools, and whether one is to be called; a named one is the only one there is."""
    tools = [tool["function"] for tool in members.get("tools") or ()]
    choice = members.get("tool_choice")
    named = (choice.get("function") or {}).get("name") if isinstance(choice, Mapping) else None
    kept = [function for function in tools if named is None or function.get("name") == named]
    if not kept:
        return {}
    said = ("name", "description", "parameters")
    body: Body = {
        "tools": [
            {"type": "FUNCTION", "function": {name: each[name] for name in said if name in each}} for each in kept
        ]
    }
    if named is not None or choice in ("required", "none"):
        body["toolsChoice"] = "NONE" if choice == "none" else "REQUIRED"
    return body | ({"isStrictToolsEnabled": True} if any(each.get("strict") for each in kept) else {})


def _message(message: Mapping[str, Any]) -> Body:
    role = str(message.get("role"))
    body: Body = {"role": "SYSTEM" if role == "developer" else role.upper()}
    if parts := list(_parts(message)):
        body["content"] = parts
    if calls := message.get("tool_calls"):
        body["toolCalls"] = [
            {"id": call.get("id"), "type": "FUNCTION", "function": _function(call["function"])} for call in calls
        ]
    return body | ({"toolCallId": message.get("tool_call_id")} if role == "tool" else {})


def _function(function: Mapping[str, Any]) -> Body:
    return {"name": function["name"], "arguments": function.get("arguments") or "{}"}


def _parts(message: Mapping[str, Any]) -> Iterator[Body]:
    if thought := message.get("reasoning_content"):
        yield {"type": "THINKING", "thinking": thought}
    content = message.get("content")
    for part in [content] if isinstance(content, str) else content or ():
        if isinstance(part, Mapping) and part.get("type") == "image_url":
            image = part["image_url"]
            detail = {"detail": image["detail"].upper()} if image.get("detail") else {}
            yield {"type": "IMAGE_URL", "imageUrl": {"url": image["url"], **detail}}
        elif text := part if isinstance(part, str) else text_of([part]):
            yield {"type": "TEXT", "text": text}
