"""Function calls whose arguments are streamed in pieces, put together."""

# https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming-fc: `partialArgs` name
# values by JSONPath (`$.city`, `$.list[0].name`), `willContinue` says that more of the call follows.

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

STEPS: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]")
VALUES: Final = ("stringValue", "numberValue", "boolValue", "nullValue")


class PartialCall:
    """Passes parts on, and holds the pieces of a call back until it is whole."""

    __slots__ = ("_args", "_call", "_part")

    def __init__(self) -> None:
        self._part: dict[str, Any] = {}
        self._call: dict[str, Any] = {}
        self._args: dict[str, Any] = {}

    def take(self, part: Any) -> Iterator[Any]:
        """The part, or the whole call that it completes."""
        call = part.get("functionCall") if isinstance(part, Mapping) else None
        if not isinstance(call, Mapping) or not (self._call or "partialArgs" in call or call.get("willContinue")):
            yield part
            return
        self._part |= {name: value for name, value in part.items() if name != "functionCall"}
        self._call |= {name: call[name] for name in ("id", "name") if call.get(name)}
        self._args |= call.get("args") or {}
        for piece in call.get("partialArgs") or ():
            _set(self._args, piece)
        if not call.get("willContinue"):
            yield {**self._part, "functionCall": {**self._call, "args": self._args}}
            self._part, self._call, self._args = {}, {}, {}


def _set(target: Any, piece: Mapping[str, Any]) -> None:
    """Put one value where its path says; texts grow."""
    value = next((piece[name] for name in VALUES if name in piece), None)
    value = None if "nullValue" in piece else value
    steps: list[Any] = [int(n) if n else key or quoted for key, n, quoted in STEPS.findall(str(piece["jsonPath"]))]
    *outer, last = steps
    for place, step in enumerate(outer):
        target = _at(target, step, [] if isinstance(steps[place + 1], int) else {})
    held = _at(target, last, None)
    target[last] = held + value if isinstance(held, str) and isinstance(value, str) else value


def _at(target: Any, step: Any, empty: Any) -> Any:
    """What is at one step, made if it is not there yet."""
    if isinstance(target, list):
        target.extend([None] * (step + 1 - len(target)))
        if target[step] is None:
            target[step] = empty
        return target[step]
    return target.setdefault(step, empty) if target.get(step) is None and empty is not None else target.get(step)
