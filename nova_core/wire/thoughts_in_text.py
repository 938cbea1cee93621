"""Thoughts that models write into their answers, between tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from nova_core.wire.mended_answers import with_choices

Tags = tuple[str, str]
THINK: Final[Tags] = ("<think>", "</think>")


class ThoughtsMender:
    """Text between two tags at the beginning of the content becomes `reasoning_content`."""

    def __init__(self, tags: Tags = THINK) -> None:
        self._splitters: dict[Any, ThoughtSplitter] = defaultdict(lambda: ThoughtSplitter(tags))

    def concerns(self, data: bytes) -> bool:
        """Everything until the answer proper has begun."""
        return not self._splitters or not all(splitter.done for splitter in self._splitters.values())

    def mended(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with thoughts apart."""
        return with_choices(answer, self._choice)

    def _choice(self, choice: dict[str, Any], part: str, said: Mapping[str, Any]) -> dict[str, Any]:
        splitter = self._splitters[str(choice.get("index"))]
        content = said.get("content")
        last = part == "message" or choice.get("finish_reason") is not None
        if splitter.done or not (isinstance(content, str) or last):
            return choice
        thought, text = splitter.split(content if isinstance(content, str) else "", last=last)
        split = dict(said)
        if isinstance(content, str) or text:
            split["content"] = text if text or not thought else (None if part == "delta" else "")
        if thought:
            split["reasoning_content"] = thought
        return {**choice, part: split}


class ThoughtSplitter:
    """Tells thoughts from text in one choice, piece by piece. `done` once only text can follow.

    `begun` says that the prompt had the opening tag already; some models say it again.
    """

    def __init__(self, tags: Tags = THINK, *, begun: bool = False) -> None:
        self.done = False
        self._opening, self._closing = tags
        self._begun = begun
        self._thinking = False
        self._held = ""

    def split(self, piece: str, *, last: bool) -> tuple[str, str]:
        """(thought, text) that `piece` completes; with `last` nothing is held back."""
        held = self._held + piece
        self._held = ""
        if not self._thinking:
            start = held.lstrip()
            if not start.startswith(self._opening):
                if self._opening.startswith(start) and not last:
                    self._held = held
                    return "", ""
                if not self._begun:
                    self.done = True
                    return "", held
            self._thinking = True
            held = start.removeprefix(self._opening).lstrip("\n")
        thought, closing, text = held.partition(self._closing)
        if closing:
            self.done = True
            return thought.rstrip("\n"), text.lstrip()
        # Lines may be the last before the tag, which do not count.
        sure = held if last else held[: len(held) - _begun(held, self._closing)].rstrip("\n")
        self.done = last
        self._held = held[len(sure) :]
        return sure, ""


def _begun(text: str, tag: str) -> int:
    """How many characters at the end of `text` may be the beginning of `tag`."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if tag.startswith(text[-size:])), 0)
