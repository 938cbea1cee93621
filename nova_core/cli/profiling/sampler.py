"""Looks many times a second at what the interpreter is doing, and counts it by stage.

Nothing is wrapped and nothing is asked of the code that is measured: who does not sample pays nothing.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from types import CodeType, FrameType, TracebackType
from typing import Any, Self

StageOf = Callable[[str, str], str | None]
"""The stage of a function, given its module and its qualified name; None: that of its caller."""


class Sampler:
    """Counts samples by stage while it is entered. Main thread of a Unix process only: it uses SIGALRM.

    `stages` counts samples by stage, `functions` by stage, module and qualified name of the innermost function.
    """

    def __init__(self, stage_of: StageOf, *, interval: float = 0.0005, other: str = "other") -> None:
        self.stages: Counter[str] = Counter()
        self.functions: Counter[tuple[str, str, str]] = Counter()
        self._stage_of = stage_of
        self._interval = interval
        self._other = other
        self._known: dict[CodeType, str | None] = {}
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, self._interval, self._interval)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    def _look(self, number: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        stage = self._stage(frame)
        self.stages[stage] += 1
        self.functions[stage, frame.f_globals.get("__name__", ""), frame.f_code.co_qualname] += 1

    def _stage(self, frame: FrameType) -> str:
        """That of the innermost function that has one."""
        at: FrameType | None = frame
        while at is not None:
            code = at.f_code
            if code not in self._known:
                self._known[code] = self._stage_of(at.f_globals.get("__name__", ""), code.co_qualname)
            stage = self._known[code]
            if stage is not None:
                return stage
            at = at.f_back
        return self._other
