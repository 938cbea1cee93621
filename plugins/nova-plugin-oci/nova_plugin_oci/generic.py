"""The GENERIC format: OpenAI's chat in camel case, with types in capitals."""

# https://docs.oracle.com/en-us/iaas/api/#/en/generative-ai-inference/20231130/datatypes/GenericChatRequest

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nova_core.wire.enveloped import Body, text_of, usage_of

NAMES: Mapping[str, str] = {
    "max_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "seed": "seed",
    "n": "numGenerations",
    "logit_bias": "logitBias",
    "parallel_tool_calls": "isParallelToolCalls",
    "metadata": "metadata",
    "prediction": "prediction",
    "web_search_options": "webSearchOptions",
}
"""Members, by OpenAI's names."""
CAPITALS: Mapping[str, str] = {
    "reasoning_effort": "reasoningEffort",
    "verbosity": "verbosity",
    "service_tier": "serviceTier",
}
"""Members whose values are words, said in capitals here."""
EFFORTS: Mapping[str, str] = {"xhigh": "high", "max": "high"}
KNOWN = frozenset(
    {
        *NAMES, *CAPITALS, "model", "messages", "stream", "stream_options", "tools", "tool_choice", "response_format",
        "stop", "logprobs", "top_logprobs",
    }
)  # fmt: skip
LIMITED_BY_COMPLETION = "openai."
"""Models whose limit covers what they think, and has a name of its own."""


def rendered(members: Mapping[str, Any]) -> Body:
    """A `chatRequest` from OpenAI's members, decoded; the vendor's own members stay as they are."""
    body: Body = {"apiFormat": "GENERIC", "messages": [_message(each) for each in members.get("messages") or ()]}
    body |= {said: members[name] for name, said in NAMES.items() if members.get(name) is not None}
    for name, said in CAPITALS.items():
        if isinstance(value := members.get(name), str):
            body[said] = EFFORTS.get(value, value).upper()
    if str(members.get("model")).startswith(LIMITED_BY_COMPLETION) and "maxTokens" in body:
        body["maxCompletionTokens"] = body.pop("maxTokens")
    if (stop := members.get("stop")) is not None:
        body["stop"] = [stop] if isinstance(stop, str) else stop
    if members.get("logprobs"):
        body["logProbs"] = members.get("top_logprobs") or 1
    if tools := members.get("tools"):
        body["tools"] = [_tool(tool["function"]) for tool in tools]
    if (choice := members.get("tool_choice")) is not None:
        body["toolChoice"] = _choice(choice)
    if (wanted := members.get("response_format")) is not None:
        body["responseFormat"] = _format(wanted)
    return body | {name: value for name, value in members.items() if name not in KNOWN}


def reply_of(answer: Mapping[str, Any]) -> Body:
    """The choices, time and usage of a `chatResponse`."""
    choices = [_choice_of(choice, place) for place, choice in enumerate(answer["choices"])]
    usage = usage_in(answer) or usage_in(answer["choices"][0])
    return {"choices": choices, **({"usage": usage} if usage else {})}


def usage_in(data: Mapping[str, Any]) -> Body | None:
    """The `usage` of a reply, a choice or an event."""
    said = data.get("usage")
    if not isinstance(said, Mapping):
        return None
    return usage_of(
        said.get("promptTokens"),
        said.get("completionTokens"),
        cached=(said.get("promptTokensDetails") or {}).get("cachedTokens"),
        reasoning=(said.get("completionTokensDetails") or {}).get("reasoningTokens"),
    )


def said_in(message: Mapping[str, Any]) -> Body:
    """Text and thoughts of a message."""
    content = message.get("content") or ()
    text = "".join(part.get("text") or "" for part in content if part.get("type") == "TEXT")
    thought, refusal = message.get("reasoningContent"), message.get("refusal")
    said: Body = {"content": text or None}
    said |= {"reasoning_content": thought} if thought else {}
    return said | ({"refusal": refusal} if refusal else {})


def call_of(call: Mapping[str, Any]) -> Body:
    """A call of a function."""
    function = {"name": call.get("name") or "", "arguments": call.get("arguments") or ""}
    return {"id": call.get("id"), "type": "function", "function": function}


def finish_of(word: Any) -> str | None:
    """Why an answer ended, in OpenAI's words."""
    return str(word).lower() if word else None


def _choice_of(choice: Mapping[str, Any], place: int) -> Body:
    message = choice["message"]
    calls = [call_of(call) for call in message.get("toolCalls") or ()]
    said = {"role": "assistant", **said_in(message), **({"tool_calls": calls} if calls else {})}
    return {
        "index": choice.get("index", place),
        "message": said,
        "finish_reason": finish_of(choice.get("finishReason")) or "stop",
    }


def _message(message: Mapping[str, Any]) -> Body:
    role = str(message.get("role"))
    body: Body = {"role": role.upper()}
    if parts := list(_parts(message.get("content"))):
        body["content"] = parts
    if message.get("name") and role != "tool":
        body["name"] = message["name"]
    if calls := message.get("tool_calls"):
        body["toolCalls"] = [
            {"type": "FUNCTION", "id": call.get("id"), **_function(call["function"])} for call in calls
        ]
    if role == "tool":
        body["toolCallId"] = message.get("tool_call_id")
    return body


def _function(function: Mapping[str, Any]) -> Body:
    return {"name": function["name"], "arguments": function.get("arguments") or "{}"}


def _parts(content: Any) -> Iterator[Body]:
    parts: list[Body] = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    for part in parts:
        if text := text_of([part]):
            yield {"type": "TEXT", "text": text}
        elif part["type"] == "image_url":
            image = part["image_url"]
            detail = {"detail": image["detail"].upper()} if image.get("detail") else {}
            yield {"type": "IMAGE", "imageUrl": {"url": image["url"], **detail}}


def _tool(function: Mapping[str, Any]) -> Body:
    said = {name: value for name, value in function.items() if name in ("name", "description", "parameters")}
    return {"type": "FUNCTION", **said}


def _choice(choice: Any) -> Body:
    if isinstance(choice, Mapping):
        return {"type": "FUNCTION", "name": (choice.get("function") or {}).get("name")}
    return {"type": str(choice).upper()}


def _format(wanted: Mapping[str, Any]) -> Body:
    kind = str(wanted.get("type")).upper()
    if kind != "JSON_SCHEMA":
        return {"type": kind}
    schema = wanted.get("json_schema") or {}
    said = {name: schema[name] for name in ("name", "description", "schema") if schema.get(name) is not None}
    strict = {"isStrict": schema["strict"]} if schema.get("strict") is not None else {}
    return {"type": kind, "jsonSchema": {**said, **strict}}
