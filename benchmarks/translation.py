"""What translation costs: µs of CPU per request, per reply and per chunk of a stream.

`python -m benchmarks.translation`: one process, nobody is called. `--write` writes docs/translation-cost.md.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import described, system_load
from benchmarks.report import row_of
from benchmarks.translation_cases import DIALECTS, PROVIDERS, Case, pairs, providers

PAGE = Path(__file__).parent.parent / "docs" / "translation-cost.md"
ROUNDS = 9
SECONDS = 0.02
"""Of each case in each round."""
WHATS = {"request": "Requests", "reply": "Replies", "chunk": "Chunks of streams"}
INTRODUCTION = """\
# What translation costs

This page is written by `python -m benchmarks.translation --write`; its numbers are those of one run on one machine.

CPU time in one process, nobody is called: medians of interleaved rounds, in µs. A request is one of ten messages with
a tool (4 KB), an answer 100 words and a call of a tool (whole, or in chunks of a word). From bytes to bytes: a request
is read, checked and written for the upstream; a reply or a chunk is read, checked and written for the caller. Where
caller and upstream speak the same dialect the bytes are passed through (**bold**), which the numbers in brackets are
multiples of: of the passthrough in the upstream's dialect for what comes from it, of that in the caller's for requests.
"""
OF_PROVIDERS = """\
## Providers

A caller of Chat Completions over each provider: its request up to the HTTP request (address, headers, drop policy,
translation), its reply and its chunks in the caller's words. In brackets: multiples of the same over `openai`, which
speaks the caller's dialect.
"""


def measured(cases: Sequence[Case]) -> dict[Case, float]:
    """The median µs of CPU of a unit of each case; in each round every case has its turn."""
    for case in cases:
        case.run()
    found: dict[Case, list[float]] = {case: [] for case in cases}
    gc.collect()
    gc.freeze()
    for _ in range(ROUNDS):
        for case in cases:
            found[case].append(_microseconds(case))
    return {case: statistics.median(times) for case, times in found.items()}


def _microseconds(case: Case) -> float:
    count, started = 0, time.process_time()
    while (spent := time.process_time() - started) < SECONDS:
        for _ in range(5):
            case.run()
        count += 5
    return spent / count / case.units * 1e6


def pair_tables(times: dict[Case, float]) -> list[str]:
    """A table for each of requests, replies and chunks: callers by upstreams."""
    lines: list[str] = []
    for what, title in WHATS.items():
        by_place = {(case.row, case.column): spent for case, spent in times.items() if case.what == what}
        lines += ["", f"## {title}", "", row_of(["caller, over an upstream of", *DIALECTS])]
        lines.append(row_of(["---", *["--:"] * len(DIALECTS)]))
        for caller in DIALECTS:
            cells = []
            for upstream in DIALECTS:
                spent = by_place[caller, upstream]
                base = by_place[(caller, caller) if what == "request" else (upstream, upstream)]
                passed = caller == upstream
                cells.append(f"**{_shown(spent)}**" if passed else f"{_shown(spent)} ({spent / base:.1f} ×)")
            lines.append(row_of([caller, *cells]))
    return lines


def provider_table(times: dict[Case, float]) -> list[str]:
    """A line for each provider."""
    by_place = {(case.row, case.what): spent for case, spent in times.items() if not case.column}
    first = next(iter(PROVIDERS))
    lines = [row_of(["provider", "request", "reply", "chunk"]), row_of(["---", "--:", "--:", "--:"])]
    for name in PROVIDERS:
        spent = [by_place[name, what] for what in WHATS]
        ratios = [cost / by_place[first, what] for cost, what in zip(spent, WHATS, strict=True)]
        cells = [f"{_shown(cost)} ({ratio:.1f} ×)" for cost, ratio in zip(spent, ratios, strict=True)]
        lines.append(row_of([name, *(map(_shown, spent) if name == first else cells)]))
    return lines


def _shown(spent: float) -> str:
    return f"{spent:.0f}" if spent >= 20 else f"{spent:.1f}"


def page(times: dict[Case, float]) -> str:
    """The whole page."""
    facts = [*described(), f"Load of the system meanwhile: {system_load():.1f}"]
    parts = [
        INTRODUCTION,
        "\n".join(f"- {fact}" for fact in facts),
        "\n".join(pair_tables(times)),
        OF_PROVIDERS,
        "\n".join(provider_table(times)),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def main() -> None:
    """Measure, print, and write the page where it is asked for."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    given = arguments.parse_args()
    made = page(measured([*pairs(), *providers()]))
    print(made)
    if given.write:
        PAGE.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
