"""Replies of `/v1/chat`: the check and the typed view."""

# https://docs.cohere.com/reference/chat-v1#response

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import uuid4

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.types.chat import ChatReply, Choice, Citation, FinishReason, Message, Text, ToolCall
from nova_core.types.message import Members, decoded
from nova_core.types.usage import Usage
from nova_core.wire.enveloped import call_id
from nova_plugin_cohere.reply import FAILED, UNREADABLE, Data, check_error, usage_of
from nova_plugin_cohere.reply import finish_of as next_finish
from nova_plugin_cohere.v1_request import NAME

DONE: Final = "COMPLETE"


def check(members: Members) -> None:
    """Raises BadGatewayError without a `text`, or where the generation failed, quoting the upstream."""
    check_error(members)
    if not isinstance(decoded(members.get("text")), str):
        raise BadGatewayError("the upstream's reply has no `text`")
    if isinstance(finish := decoded(members.get("finish_reason")), str) and finish in FAILED:
        raise BadGatewayError(f"the upstream ended its answer with {finish}")


def parse(members: Data) -> ChatReply:
    """The typed view. Raises BadGatewayError."""
    check(members)
    try:
        calls = tool_calls(members.get("tool_calls"), uuid4().hex)
        cited = citations(members.get("citations"), documents_in(members))
        text = [Text(members["text"], citations=tuple(cited))] if members["text"] else []
        finish, native = finish_of(members.get("finish_reason"), called=bool(calls))
        choice = Choice(0, Message("assistant", (*text, *calls)), finish or "stop", native)
        named = members.get("generation_id") or members.get("response_id") or ""
        return ChatReply(str(named), "", (choice,), usage_in(members))
    except UNREADABLE as error:
        raise BadGatewayError("the upstream's reply has not the shape of an answer") from error


def tool_calls(made: Any, seed: str) -> list[ToolCall]:
    """Calls of tools, with ids that begin with `seed`, since here they have none."""
    return [
        ToolCall(call_id(seed, place), str(call["name"]), msgspec.json.encode(call.get("parameters") or {}).decode())
        for place, call in enumerate(made or ())
    ]


def documents_in(members: Data) -> dict[str, Data]:
    """The documents that an answer, or an event of its stream, tells by their ids."""
    return {str(each["id"]): each for each in members.get("documents") or () if "id" in each}


def citations(cited: Iterable[Data] | None, documents: Mapping[str, Data]) -> list[Citation]:
    """One citation for each document of each place."""
    return [
        Citation(
            NAME,
            {**each, "document_ids": [document]},
            url=_text(documents.get(document, {}).get("url")),
            title=_text(documents.get(document, {}).get("title")),
            cited_text=each.get("text"),
            start=each.get("start"),
            end=each.get("end"),
        )
        for each in cited or ()
        for document in each.get("document_ids") or ("",)
    ]


def finish_of(word: Any, *, called: bool) -> tuple[FinishReason | None, str | None]:
    """Why the answer ended, and the vendor's own word where it says more."""
    return ("tool_calls", None) if called and word == DONE else next_finish(word, called=called)


def usage_in(members: Members) -> Usage | None:
    """`meta`, which counts as the next version does."""
    return usage_of({"usage": decoded(members.get("meta"))})


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
