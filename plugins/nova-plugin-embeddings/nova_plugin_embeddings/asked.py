"""What an embeddings request asks for, item by item, without decoding what need not be decoded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from nova_core.errors import BadRequestError
from nova_core.types.message import Request
from nova_plugin_embeddings.opening import opening
from nova_plugin_embeddings.tasks import FOREIGN_FIELDS, Task, foreign_task

_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


class _Head(msgspec.Struct):
    """The members of an item that matter here; the others are skipped over."""

    task: Any = None
    adapter: Any = None
    dimensions: Any = None
    return_multivector: Any = None


_HEAD = msgspec.json.Decoder(_Head)
_NO_HEAD = _Head()


@dataclass(frozen=True, slots=True)
class Item:
    """One item of `input`: its JSON, the task it has itself or takes from the request, its adapter."""

    place: int
    json: msgspec.Raw
    task: Task | None
    has_own_task: bool
    adapter: str | None
    multivector: bool | None


@dataclass(frozen=True)
class Asked:
    """A request's items; `single` when `input` is one item and no list of items."""

    items: tuple[Item, ...]
    single: bool
    adapter: str | None

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """The distinct tasks, in order of their first item."""
        return tuple({item.task.name: item.task for item in reversed(self.items) if item.task}.values())[::-1]

    @cached_property
    def adapters(self) -> tuple[tuple[str, str], ...]:
        """(adapter, member that names it), each adapter once."""
        found = {item.adapter: f"input[{item.place}].adapter" for item in reversed(self.items) if item.adapter}
        if self.adapter:
            found[self.adapter] = "adapter"
        return tuple(found.items())


def asked(request: Request) -> Asked:
    """Read a request. Raises BadRequestError for a task that is no string, and for `dimensions` of a multivector."""
    raws, single = _items(request)
    top = _top_task(request)
    form = {name: request.get(name) for name in ("dimensions", "return_multivector")}
    _refuse_sizes(form["dimensions"], form["return_multivector"], "dimensions")
    items = tuple(_item(place, raw, top, form, single) for place, raw in enumerate(raws))
    return Asked(items, single, _text(request.get("adapter")))


def _items(request: Request) -> tuple[list[msgspec.Raw], bool]:
    value = request.members.get("input")
    raw = value if isinstance(value, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(value))
    if not opening(raw).startswith(b"["):
        return [raw], True
    raws = _ARRAY.decode(raw)
    # A list of numbers is one item: the tokens of one text.
    return ([raw], True) if raws and opening(raws[0])[:1] not in (b'"', b"{", b"[") else (raws, False)


def _item(place: int, raw: msgspec.Raw, top: Task | None, form: dict[str, Any], single: bool) -> Item:
    head = _HEAD.decode(raw) if opening(raw).startswith(b"{") else _NO_HEAD
    where = "input" if single else f"input[{place}]"
    dimensions = form["dimensions"] if head.dimensions is None else head.dimensions
    multivector = form["return_multivector"] if head.return_multivector is None else head.return_multivector
    _refuse_sizes(dimensions, multivector, f"{where}.dimensions")
    own = _task(head.task, f"{where}.task")
    return Item(place, raw, own or top, own is not None, _text(head.adapter), head.return_multivector)


def _top_task(request: Request) -> Task | None:
    explicit = _task(request.get("task"), "task")
    if explicit is not None:
        return explicit
    for field in FOREIGN_FIELDS:
        name = foreign_task(request.get(field))
        if name is not None:
            return Task(name, field)
    return None


def _task(value: Any, param: str) -> Task | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadRequestError(f"`{param}` must be a string", param=param)
    return Task(value, param)


def _refuse_sizes(dimensions: Any, multivector: Any, param: str) -> None:
    if dimensions is not None and multivector is True:
        raise BadRequestError(
            f"`{param}` cannot be combined with `return_multivector`: the vectors of tokens have one width. "
            "Leave one of the two out.",
            param=param,
            code="dimensions_with_multivector",
        )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
