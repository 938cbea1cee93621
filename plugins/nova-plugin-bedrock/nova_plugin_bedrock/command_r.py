"""Cohere's Command R and R+: the message, what was said before, and instructions, each in a place of its own."""

# https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-cohere-command-r-plus.html

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from nova_core.errors import BadRequestError
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request, plain
from nova_core.wire.enveloped import Body, Opener, call_id, chunk, failure, reply, text_of, unsaid
from nova_core.wire.functions_only import parameters_of
from nova_core.wire.provider import Lane
from nova_plugin_bedrock.invoking import LEFT_OUT, Invoked, counted, models_own, stopped

WORDS: Final = {
    "max_tokens": "max_tokens", "temperature": "temperature", "top_p": "p", "top_k": "k", "seed": "seed",
    "frequency_penalty": "frequency_penalty", "presence_penalty": "presence_penalty", "stop": "stop_sequences",
}  # fmt: skip
FINISHES: Final = {"COMPLETE": "stop", "MAX_TOKENS": "length", "ERROR_TOXIC": "content_filter"}
FAILED: Final = ("ERROR", "ERROR_LIMIT", "USER_CANCEL")
INSTRUCTING: Final = ("system", "developer")
TYPES: Final = {
    "string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list", "object": "dict",
}  # fmt: skip
"""Types of parameters, of which the model knows Python's names."""


class CommandR(Invoked):
    """Both models."""

    functions_only = True
    unsupported = frozenset(
        {
            "n", "logit_bias", "logprobs", "top_logprobs", "tool_choice", "functions", "function_call", "modalities",
            "response_format", "audio", "web_search_options", "reasoning_effort",
        }
    )  # fmt: skip
    hints = LEFT_OUT | {"parallel_tool_calls"}

    def review(self, request: Request) -> Fidelity:
        """What the models cannot be told."""
        return super().review(request) + Fidelity(tuple(_notes(request)))

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """The vendor's members. Raises BadRequestError where nobody asks anything."""
        members = plain(request.members)
        said = {word: members[name] for name, word in WORDS.items() if members.get(name) is not None}
        if isinstance(said.get("stop_sequences"), str):
            said["stop_sequences"] = [said["stop_sequences"]]
        if members.get("tools"):
            said["tools"] = [_tool(tool["function"]) for tool in members["tools"] if "function" in tool]
        return {**_told(members["messages"]), **said, **models_own(members)}

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """A whole reply."""
        return _reply(answer, answer.get("generation_id") or "")

    def opener(self, seed: str) -> Opener:
        """What reads one stream."""
        return CommandOpener(seed)


class CommandOpener:
    """Reads one stream, whose last event holds the whole answer."""

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def chunks(self, data: Any, event: str | None) -> Iterable[Mapping[str, Any]]:
        """The chunks of one event."""
        if data["event_type"] == "text-generation":
            return [chunk({"content": data["text"]})]
        if data["event_type"] != "stream-end":
            return []
        whole = _reply({**data.get("response", {}), **data}, self._seed)
        if "error" in whole:
            return [whole]
        choice = whole["choices"][0]
        calls = [{"index": place, **call} for place, call in enumerate(choice["message"].get("tool_calls") or ())]
        return [chunk({"tool_calls": calls} if calls else {}, choice["finish_reason"], whole.get("usage"))]

    def end(self) -> Iterable[Mapping[str, Any]]:
        """Nothing is held back."""
        return ()


def _reply(answer: Mapping[str, Any], seed: str) -> Body:
    reason = answer.get("finish_reason")
    if not isinstance(reason, str) and not stopped(answer):
        raise TypeError("a finish reason is expected")
    if reason in FAILED:
        return failure("the model failed before the end of its answer")
    calls = [_call(call, call_id(seed, place)) for place, call in enumerate(answer.get("tool_calls") or ())]
    said: Body = {"content": answer.get("text") or None, **({"tool_calls": calls} if calls else {})}
    finish = "tool_calls" if calls else FINISHES.get(str(reason), "stop")
    return reply(said, "content_filter" if stopped(answer) else finish, counted(answer))


def _call(call: Mapping[str, Any], name: str) -> Body:
    arguments = msgspec.json.encode(call.get("parameters") or {}).decode()
    return {"id": name, "type": "function", "function": {"name": call["name"], "arguments": arguments}}


def _told(messages: list[Any]) -> Body:
    """`message`, `chat_history`, `preamble`, and what tools that were called last answered."""
    preamble = "\n\n".join(text_of(each.get("content")) for each in messages if each["role"] in INSTRUCTING)
    turns = [each for each in messages if each["role"] not in INSTRUCTING]
    asked = next((place for place in reversed(range(len(turns))) if turns[place]["role"] == "user"), None)
    if asked is None:
        raise BadRequestError("a conversation needs a question of the user", param="messages")
    said: Body = {"message": text_of(turns[asked].get("content"))}
    history = [_turn(each) for each in turns[:asked] if text_of(each.get("content"))]
    results = list(_results(turns[asked + 1 :]))
    said |= {"chat_history": history} if history else {}
    said |= {"preamble": preamble} if preamble else {}
    return said | ({"tool_results": results} if results else {})


def _turn(message: Mapping[str, Any]) -> Body:
    return {"role": "CHATBOT" if message["role"] == "assistant" else "USER", "message": text_of(message["content"])}


def _results(turns: list[Any]) -> Iterator[Body]:
    calls = {call["id"]: call["function"] for each in turns for call in each.get("tool_calls") or ()}
    for each in turns:
        if each["role"] == "tool" and (called := calls.get(each.get("tool_call_id"))) is not None:
            made = {"name": called["name"], "parameters": msgspec.json.decode(called.get("arguments") or "{}")}
            yield {"call": made, "outputs": [{"text": text_of(each.get("content"))}]}


def _tool(function: Mapping[str, Any]) -> Body:
    parameters = {
        name: {
            "description": told.get("description") or name,
            "type": TYPES.get(str(told.get("type")), "str"),
            "required": required,
        }
        for name, told, required in parameters_of(function.get("parameters"))
    }
    said = {"name": function["name"], "description": function.get("description") or function["name"]}
    return {**said, "parameter_definitions": parameters}


def _notes(request: Request) -> Iterator[FieldNote]:
    yield from unsaid(request, "the model is told text only")
    messages = request.get("messages") or ()
    asked = max((place for place, each in enumerate(messages) if each.get("role") == "user"), default=-1)
    for place, each in enumerate(messages):
        if place < asked and (each.get("role") == "tool" or each.get("tool_calls")):
            yield FieldNote(f"messages[{place}]", Fate.APPROXIMATED, "earlier calls of tools are told as text")
        elif place > asked and each.get("role") == "assistant" and text_of(each.get("content")):
            yield FieldNote(f"messages[{place}].content", Fate.APPROXIMATED, "the calls alone are told")
    if request.get("tools"):
        yield FieldNote("tools", Fate.APPROXIMATED, "of a schema, names, types and descriptions of parameters are told")
