"""What a model's name and the lines of a text tell the echo to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from nova_core.errors import BadRequestError, NovaError, error_class_for

SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0}
MOST_SECONDS = 600.0
CALL = re.compile(r"^call ([A-Za-z0-9_.-]+)[ \t]*(\{.*\})?[ \t]*$")


@dataclass(frozen=True, slots=True)
class Directions:
    """How to answer. Times in seconds; `calls` are (tool name, arguments as JSON text)."""

    text: str = ""
    delay: float = 0.0
    pause: float = 0.0
    break_after: int | None = None
    thinking: str | None = None
    status: int | None = None
    retry_after: float | None = None
    message: str = ""
    calls: tuple[tuple[str, str], ...] = ()

    @property
    def error(self) -> NovaError | None:
        """The error to fail with, as if an upstream had answered it."""
        if self.status is None:
            return None
        error = error_class_for(self.status)(
            self.message or f"the echo was told to fail with {self.status}",
            status=self.status,
            retry_after=self.retry_after,
            headers={} if self.retry_after is None else {"retry-after": f"{self.retry_after:g}"},
        )
        error.from_upstream = True
        return error


def directions(model: str, text: str, tools: frozenset[str] = frozenset()) -> Directions:
    """Read the model's name, then the text line by line. Raises BadRequestError for a directive that makes no sense."""
    found = Directions()
    for part in model.split("+")[1:]:
        name, _, rest = part.partition("-")
        found = _directed(found, name, rest)
    kept: list[str] = []
    calls: list[tuple[str, str]] = []
    for line in text.splitlines():
        name, _, rest = line[1:].partition(" ")
        called = CALL.match(line)
        if line.startswith("!") and name in DIRECTIVES:
            found = _directed(found, name, rest.strip())
        elif called and called[1] in tools:
            calls.append((called[1], called[2] or "{}"))
        else:
            kept.append(line)
    return replace(found, text="\n".join(kept).strip(), calls=tuple(calls))


def _directed(found: Directions, name: str, rest: str) -> Directions:
    if name not in DIRECTIVES:
        raise BadRequestError(f"the echo knows no directive {name!r}; it knows {', '.join(DIRECTIVES)}", param="model")
    return DIRECTIVES[name](found, rest)


def _error(found: Directions, rest: str) -> Directions:
    read = re.fullmatch(r"([45]\d\d)(?: retry-after=(\d+(?:\.\d+)?))?(?: (.*))?", rest)
    if read is None:
        raise _senseless("error", rest, "429 retry-after=2 slow down")
    wait = float(read[2]) if read[2] else None
    return replace(found, status=int(read[1]), retry_after=wait, message=read[3] or "")


def _delay(found: Directions, rest: str) -> Directions:
    return replace(found, delay=_seconds("delay", rest))


def _pause(found: Directions, rest: str) -> Directions:
    return replace(found, pause=_seconds("pause", rest))


def _break(found: Directions, rest: str) -> Directions:
    read = re.fullmatch(r"(?:after )?(\d{1,6})(?: words?)?", rest)
    if read is None:
        raise _senseless("break", rest, "after 3")
    return replace(found, break_after=int(read[1]))


def _think(found: Directions, rest: str) -> Directions:
    return replace(found, thinking=rest)


def _seconds(name: str, rest: str) -> float:
    read = re.fullmatch(r"(\d+(?:\.\d+)?) ?(ms|s|)", rest)
    if read is None or (seconds := float(read[1]) * SECONDS[read[2]]) > MOST_SECONDS:
        raise _senseless(name, rest, "50ms")
    return seconds


def _senseless(name: str, rest: str, example: str) -> BadRequestError:
    return BadRequestError(f"the echo does not understand {name} {rest!r}; it would understand `!{name} {example}`")


DIRECTIVES: Mapping[str, Callable[[Directions, str], Directions]] = {
    "error": _error,
    "delay": _delay,
    "pause": _pause,
    "break": _break,
    "think": _think,
}
