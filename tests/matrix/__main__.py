"""`python -m tests.matrix`: play every cell and print what became of it, a table for each caller's dialect."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tests.matrix.providers import ROWS
from tests.matrix.running import CALLERS, Cells, started
from tests.matrix.scenarios import SCENARIOS

COLOURS = {"o": "green", "r": "yellow", "F": "bold red"}


def cell(cells: Cells, caller: str, provider: str, scenario: str) -> str:
    """What a cell comes to; `FAILED` with the reason where it is neither right nor refused as it should be."""
    try:
        return cells.run(caller, provider, scenario)
    except (Exception, pytest.fail.Exception, pytest.skip.Exception) as error:
        return f"FAILED: {type(error).__name__}: {error}"


def main() -> int:
    """Print the tables and what failed; the exit code counts nothing but whether all is well."""
    console = Console(width=max(150, Console().width))
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as cells:
        for caller in CALLERS:
            table = Table("provider", *SCENARIOS, title=f"callers of {caller}", title_justify="left")
            for provider in ROWS:
                results = [cell(cells, caller, provider, scenario) for scenario in SCENARIOS]
                failed += [
                    f"{caller} × {provider} × {scenario}: {result}"
                    for scenario, result in zip(SCENARIOS, results, strict=True)
                    if result.startswith("FAILED")
                ]
                shown = [result.partition(":")[0] if result[0] == "F" else result for result in results]
                table.add_row(provider, *(f"[{COLOURS[text[0]]}]{text}[/]" for text in shown))
            console.print(table)
    for line in failed:
        console.print(line, markup=False)
    total = len(CALLERS) * len(ROWS) * len(SCENARIOS)
    console.print(f"{total - len(failed)} of {total} cells as they should be")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
