"""A request's input as a list of items: what a kept response shows of it, and what a conversation goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadRequestError
from nova_core.wire.openai_responses.fields import new_id

Body = dict[str, Any]
PREFIXES: Final[Mapping[str, str]] = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "cto",
}
LARGEST_PAGE: Final = 100
PAGE: Final = 20


def listed(given: Any) -> list[Body]:
    """The items of an `input`, each with an id, messages with their content in parts."""
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    return [_listed(item) for item in given or () if isinstance(item, Mapping)]


def _listed(item: Mapping[str, Any]) -> Body:
    kind = item.get("type") or ("message" if "role" in item else "item_reference")
    shown: Body = {"id": new_id(PREFIXES.get(kind, "item")), "type": kind, **item}
    if kind == "message" and isinstance(item.get("content"), str):
        said = item.get("role") == "assistant"
        part = {"type": "output_text", "annotations": []} if said else {"type": "input_text"}
        shown["content"] = [{**part, "text": item["content"]}]
    if kind in PREFIXES and kind != "reasoning":
        shown.setdefault("status", "completed")
    return shown


def page(items: list[Body], query: Mapping[str, str]) -> Body:
    """A page of items: `limit` (1 to 100), `order` (the latest first by default), `after` and `before` an id.

    Raises BadRequestError naming the parameter that is wrong.
    """
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise BadRequestError("`order` must be asc or desc", param="order")
    limit = query.get("limit", str(PAGE))
    if not limit.isdecimal() or not 1 <= int(limit) <= LARGEST_PAGE:
        raise BadRequestError(f"`limit` must be from 1 to {LARGEST_PAGE}", param="limit")
    found = items if order == "asc" else items[::-1]
    if "after" in query:
        found = found[_place(found, query["after"], "after") + 1 :]
    if "before" in query:
        found = found[: _place(found, query["before"], "before")]
    data = found[: int(limit)]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"object": "list", "data": data, **ends, "has_more": len(found) > len(data)}


def _place(items: list[Body], id: str, param: str) -> int:
    for place, item in enumerate(items):
        if item.get("id") == id:
            return place
    raise BadRequestError(f"`{param}` names no item of this response", param=param)
