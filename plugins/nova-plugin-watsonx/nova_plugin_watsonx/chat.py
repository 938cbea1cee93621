"""Chat, which says nearly what OpenAI's format says."""

# https://cloud.ibm.com/apidocs/watsonx-ai#text-chat and #text-chat-stream

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Request
from nova_core.wire.enveloped import HINTS, TEXT_ONLY, Body, failure, unsaid
from nova_plugin_watsonx.errors import failure_in

PARTS: Final = TEXT_ONLY | {"image_url", "input_audio", "video_url"}
SAID: Final = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "refusal"})
LEFT_OUT: Final = frozenset({"model", "stream", "stream_options", "tool_choice", *HINTS})
UNSUPPORTED: Final = frozenset({"top_k", "modalities", "audio", "web_search_options", "parallel_tool_calls"})
EFFORTS: Final = {"minimal": "low", "xhigh": "high", "max": "high"}
"""Efforts that the vendor has not, and the nearest that it has."""
FINISHES: Final = {"time_limit": "length", "cancelled": "stop"}
NOT_IN_SCHEMAS: Final = ("additionalProperties", "strict")


def chat_body(members: Mapping[str, Any]) -> Body:
    """The request beside model and account, of OpenAI's members, decoded."""
    body = {name: value for name, value in members.items() if name not in LEFT_OUT}
    body["messages"] = [_message(said) for said in members["messages"]]
    if isinstance(members.get("stop"), str):
        body["stop"] = [members["stop"]]
    if "tools" in members:
        body["tools"] = [_plain(tool) for tool in members["tools"]]
    if isinstance(effort := members.get("reasoning_effort"), str) and effort in EFFORTS:
        body["reasoning_effort"] = EFFORTS[effort]
    choice = members.get("tool_choice")
    if choice is not None:
        body["tool_choice_option" if isinstance(choice, str) else "tool_choice"] = choice
    return body


def review_chat(request: Request) -> Fidelity:
    """What messages and tools hold that cannot be said, and what is said nearly."""
    return Fidelity(tuple(_notes(request)))


def chat_reply(answer: Body) -> Body:
    """A reply in OpenAI's format."""
    if (failed := failure_in(answer)) is not None:
        return failed
    return _made(answer, "chat.completion")


class ChatOpener:
    """Reads one stream of chat."""

    def chunks(self, data: Any, event: str | None) -> Iterable[Mapping[str, Any]]:
        """The chunk of one event."""
        if (failed := failure_in(data)) is not None:
            return (failed,)
        return (_made(data, "chat.completion.chunk"),)

    def end(self) -> Iterable[Mapping[str, Any]]:
        """Nothing."""
        return ()


def _notes(request: Request) -> Iterator[FieldNote]:
    yield from unsaid(request, "messages hold text, images, audio and video", parts=PARTS, members=SAID)
    for place, said in enumerate(request.get("messages") or ()):
        if said.get("role") == "developer":
            yield FieldNote(f"messages[{place}].role", Fate.MAPPED, "developer is system")
    if isinstance(effort := request.get("reasoning_effort"), str) and effort in EFFORTS:
        yield FieldNote("reasoning_effort", Fate.APPROXIMATED, f"{effort} is said as {EFFORTS[effort]}")
    for place, tool in enumerate(request.get("tools") or ()):
        if tool != _plain(tool):
            yield FieldNote(f"tools[{place}].function.strict", Fate.HINT, "schemas are not enforced")


def _message(said: Mapping[str, Any]) -> Body:
    kept = {name: value for name, value in said.items() if name in SAID}
    return {**kept, "role": "system"} if said.get("role") == "developer" else kept


def _plain(schema: Any) -> Any:
    """A tool without what the vendor does not take in its schema."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: value for name, value in schema.items() if name not in NOT_IN_SCHEMAS or isinstance(value, dict)}
    return {name: _plain(value) for name, value in kept.items()}


def _made(said: Mapping[str, Any], kind: str) -> Body:
    """An answer or a chunk; older versions of the API name the model under another member alone."""
    choices = [_finished(choice) for choice in said["choices"]]
    made = {"model": said.get("model_id") or "", **said, "object": kind, "choices": choices}
    return _failed(made) or made


def _finished(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    finish = choice.get("finish_reason")
    return {**choice, "finish_reason": FINISHES.get(finish, finish)} if finish else choice


def _failed(made: Body) -> Body | None:
    """An error in the place of an answer that the model did not finish for one."""
    if any(choice.get("finish_reason") == "error" for choice in made["choices"]):
        return failure("the model failed before the end of its answer")
    return None
