"""What came of testing a plugin, behaviour by behaviour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

LONGEST = 300
MARKS: Mapping[str, str] = {"passed": "ok  ", "failed": "FAIL", "skipped": "-   "}


@dataclass(frozen=True)
class Verdict:
    """`checks` as `nova_core.testing.check_plugin` has them, `tests` as `nova_core.testing.report` has."""

    checks: Sequence[Mapping[str, Any]]
    tests: Sequence[Mapping[str, str]]

    @cached_property
    def behaviours(self) -> Mapping[tuple[str, str], list[Mapping[str, str]]]:
        """The tests of each behaviour, by what it is of."""
        found: dict[tuple[str, str], list[Mapping[str, str]]] = {}
        for test in self.tests:
            found.setdefault((test["of"], test["behaviour"]), []).append(test)
        return found

    @property
    def passed(self) -> bool:
        """Whether all is as it must be. That nothing was tested is not."""
        sound = not any(check["problems"] for check in self.checks)
        return sound and bool(self.tests) and not any(test["outcome"] == "failed" for test in self.tests)

    def as_data(self) -> dict[str, Any]:
        """The same as JSON data."""
        return {"passed": self.passed, "checks": list(self.checks), "tests": list(self.tests)}

    def lines(self) -> Iterator[str]:
        """For people: the checks, the behaviours by what they are of, and the sum."""
        for check in self.checks:
            yield f"{MARKS['failed' if check['problems'] else 'passed']}  {check['check']}"
            yield from (f"        {problem}" for problem in check["problems"])
        shown = ""
        for (of, behaviour), tests in self.behaviours.items():
            if of != shown:
                provider = tests[0]["provider"]
                yield f"\n{of}{f' ({provider}/)' if provider else ''}"
                shown = of
            yield from _lines_of(behaviour, tests)
        yield ""
        yield self._sum()

    def _sum(self) -> str:
        outcomes = [_outcome(tests) for tests in self.behaviours.values()]
        counts = [f"{outcomes.count(each)} {each}" for each in ("passed", "failed", "skipped") if each in outcomes]
        broken = sum(bool(check["problems"]) for check in self.checks)
        told = [*([f"{broken} of {len(self.checks)} checks failed"] if broken else []), ", ".join(counts)]
        return f"{'passed' if self.passed else 'FAILED'}: {'; '.join(filter(None, told)) or 'nothing was tested'}"


def _outcome(tests: Sequence[Mapping[str, str]]) -> str:
    outcomes = {test["outcome"] for test in tests}
    return "failed" if "failed" in outcomes else "passed" if "passed" in outcomes else "skipped"


def _lines_of(behaviour: str, tests: Sequence[Mapping[str, str]]) -> Iterator[str]:
    outcome = _outcome(tests)
    why = f" ({tests[0]['why']})" if outcome == "skipped" else ""
    yield f"{MARKS[outcome]}  {behaviour}{why}"
    for test in tests:
        if test["outcome"] == "failed":
            first, *rest = (test["why"] or "no reason given").splitlines()
            yield f"        {' '.join((first, *map(str.strip, rest)))[:LONGEST]}"
