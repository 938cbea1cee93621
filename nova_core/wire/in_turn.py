"""Blocks one after the other, for wires on which they do not interleave as events may (parallel calls of tools)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from nova_core.types.events import BlockEvent, BlockStop, ToolArgumentsDelta, ToolCallStart

BlockPiece = BlockEvent | BlockStop
T = TypeVar("T")


class InTurn(Generic[T]):
    """Holds back what belongs to other blocks while the arguments of a call are not whole.

    Text and thinking may be cut anywhere and go on in a block of their own; a call's arguments may not. What is held
    comes out one block after the other, in order of appearance. The input of a custom call is whole when its block
    ends, or the answer.
    """

    __slots__ = ("_arguments", "_call", "_held", "_whole")

    def __init__(self) -> None:
        self._call: int | None = None
        self._arguments: list[str] = []
        self._whole: bool | None = None
        self._held: list[tuple[BlockPiece, T]] = []

    def take(self, event: BlockPiece, said: T) -> list[T]:
        """What may be said now: `said`, which stands for `event`, unless it waits, and what waited for it."""
        if event.block != self._call and self._waits():
            self._held.append((event, said))
            return []
        self._note(event)
        return [said, *self._released()] if self._held else [said]

    def rest(self) -> Iterator[T]:
        """All that waits; nothing more will come."""
        while self._held:
            self._call = None
            yield from self._released()

    def _released(self) -> Iterator[T]:
        while self._held and not self._waits():
            block = self._held[0][0].block
            again = [pair for pair in self._held if pair[0].block == block]
            self._held = [pair for pair in self._held if pair[0].block != block]
            for event, said in again:
                self._note(event)
                yield said

    def _note(self, event: BlockPiece) -> None:
        match event:
            case ToolCallStart():
                self._call, self._arguments, self._whole = event.block, [], None
            case ToolArgumentsDelta() if event.block == self._call:
                if event.arguments.strip():
                    self._arguments.append(event.arguments)
                    self._whole = None
            case BlockStop():
                self._call = None if event.block == self._call else self._call
            case _:
                self._call = None

    def _waits(self) -> bool:
        if self._call is None:
            return False
        if self._whole is None:
            # What does not end so is not worth reading.
            ends = bool(self._arguments) and self._arguments[-1].rstrip().endswith("}")
            self._whole = ends and is_object("".join(self._arguments))
        return not self._whole


def is_object(text: str) -> bool:
    """Whether this is the JSON text of an object."""
    try:
        return isinstance(msgspec.json.decode(text.encode("utf-8", "surrogatepass")), dict)
    except (msgspec.DecodeError, RecursionError):
        return False
